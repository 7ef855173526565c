"""The simulated prompt cache: which beginnings of prompts were read before.

Like the caches of real engines it works from a certain length on and in steps. It compares whole
messages, because that is how conversations grow.
"""

import hashlib
from collections import OrderedDict

from gateway.upstreams.demo.template import BASE, Prompt

#: Shorter prompts are not cached, and what is cached counts in multiples of the step.
SHORTEST = 1024
STEP = 128
REMEMBERED = 10_000


class Prefixes:
    """Remembers beginnings, each by its digest alone."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def cached(self, model: str, prompt: Prompt) -> int:
        """Return how many tokens of the prompt are known from before, and remember the prompt."""
        if prompt.tokens < SHORTEST:
            return 0
        known = length = 0
        digest = hashlib.sha256(model.encode())
        for text, tokens in prompt.pieces:
            digest.update(f"{len(text)}:{tokens}:{text}".encode())
            length += tokens
            if self._meet(digest.digest()):
                known = BASE + length
        known = min(known, prompt.tokens - 1)
        return known - known % STEP if known >= SHORTEST else 0

    def _meet(self, digest: bytes) -> bool:
        known = digest in self._seen
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return known
