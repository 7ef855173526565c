"""What an answer used, told as it is or, on command, not."""

from collections.abc import Callable
from typing import Literal

import msgspec

Lie = Literal["absent", "zero", "negative", "double", "huge", "every_chunk"]
#: More than a 32-bit counter or a balance can take.
HUGE = 10**15


class Usage(msgspec.Struct, frozen=True):
    """Tokens of a request; cached and reasoning tokens are among the other two."""

    prompt: int
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    def told(self, lie: Lie | None) -> "Usage | None":
        """Return the numbers that go into the answer, or None to leave them out."""
        if lie == "absent":
            return None
        change = LIES.get(lie or "")
        if change is None:
            return self
        return Usage(
            change(self.prompt),
            change(self.completion),
            change(self.cached),
            change(self.reasoning),
        )

    def body(self) -> dict[str, object]:
        """Return the numbers in OpenAI's shape."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


LIES: dict[str, Callable[[int], int]] = {
    "zero": lambda number: 0,
    "negative": lambda number: -number,
    "double": lambda number: 2 * number,
    "huge": lambda number: HUGE,
}
