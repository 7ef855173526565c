"""What the tokenizers of models count here: it tightens bounds, and stands in for numbers that are false.

Only a model whose version has one costs any of this, and only where bytes are not good enough.
"""

from typing import Any

from gateway import words
from gateway.admitted import Admitted
from gateway.counter import Counter
from gateway.prompts import Prompt, utf8
from gateway.usage import Counted, estimate
from gateway.words import Said
from marketplace.queries import OfferSnapshot

#: Texts may be cut in other places when they stand in a template; each counts so many tokens more.
SEAM = 2


class Tokenizers:
    """Those of the models that this process serves."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    async def saved(self, offer: OfferSnapshot, body: dict[str, Any]) -> int:
        """Return how many tokens fewer than bytes the texts of a prompt are at most."""
        texts = words.asked(body)
        counts = await self._count(offer, texts)
        pairs = zip(texts, counts or (), strict=counts is not None)
        return sum(max(0, utf8(text) - count - SEAM) for text, count in pairs)

    async def counted(self, admitted: Admitted, said: Said | None) -> Counted | None:
        """Return what the prompt and the answer are by the model's own tokenizer."""
        offer, body = admitted.offer, admitted.call.body
        # What repeats the prompt is no answer: there bytes tell.
        asked = words.asked(body)
        answered = said.texts if said and not admitted.call.echoed else []
        counts = await self._count(offer, [*asked, *answered])
        if counts is None:
            return None
        return Counted(
            prompt=sum(counts[: len(asked)]) + _around(offer, body),
            prompt_size=words.size(asked),
            completion=sum(counts[len(asked) :]),
            completion_size=words.size(answered),
        )

    async def likely(
        self, offer: OfferSnapshot, body: dict[str, Any], prompt: Prompt, bytes_per_token: float
    ) -> int:
        """Return how many tokens a prompt is likely to have; what is no text is told by its bytes."""
        texts = words.asked(body)
        counts = await self._count(offer, texts)
        if counts is None:
            return estimate(prompt.size, bytes_per_token, prompt.bound)
        rest = max(0, prompt.size - words.size(texts))
        tokens = sum(counts) + _around(offer, body)
        return min(tokens + estimate(rest, bytes_per_token, prompt.bound), prompt.bound)

    async def _count(self, offer: OfferSnapshot, texts: list[str]) -> list[int] | None:
        if not offer.tokenizer or not texts:
            return None
        return await self._counter.count(offer.tokenizer, texts)


def _around(offer: OfferSnapshot, body: dict[str, Any]) -> int:
    return offer.template_tokens_per_message * len(body.get("messages") or ())
