"""What an engine says was used, in whichever shape: OpenAI's, Anthropic's, and those between.

Nothing is believed here: a number that is missing or none at all is told as one that cannot be true.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

#: What no count can be.
NONE = -1
#: Where engines tell how much of a prompt was written into their cache, or read from it.
WRITTEN = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
CACHED = ("cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens")


NOTHING: Mapping[str, Any] = {}
#: What most engines say and nothing else; details among it may say nothing.
TOTALS = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
     "completion_tokens_details"}
)  # fmt: skip


class Claim(msgspec.Struct, frozen=True):
    """Two totals, and what of each is of a kind of its own; details may overlap each other."""

    prompt: int = NONE
    completion: int = NONE
    cached: int = 0
    written: int = 0
    image: int = 0
    audio: int = 0
    reasoning: int = 0
    sound: int = 0

    @property
    def is_plain(self) -> bool:
        """Tell whether all of it is text that was read anew and written."""
        return not (
            self.cached or self.written or self.image or self.audio or self.reasoning or self.sound
        )

    @property
    def kinds(self) -> tuple[int, ...]:
        """Return what of the prompt is of a kind of its own, in the order in which it is believed."""
        return self.cached, self.written, self.audio, self.image


def read(claimed: Any, *, silent: bool = False) -> Claim:
    """Return the claim; from what makes no text (``silent``) no completion is expected."""
    if not isinstance(claimed, dict):
        return Claim()
    if "prompt_tokens" not in claimed and "input_tokens" in claimed:
        claimed = _renamed(claimed)
    sent = _details(claimed, "prompt_tokens_details")
    made = _details(claimed, "completion_tokens_details")
    prompt = _number(claimed, "prompt_tokens", NONE)
    completion = _number(claimed, "completion_tokens", 0 if silent else NONE)
    if not sent and not made and claimed.keys() <= TOTALS:
        return Claim(prompt, completion)
    return Claim(
        prompt=prompt,
        completion=completion,
        cached=_first(CACHED, sent, claimed),
        written=_first(WRITTEN, sent, claimed),
        image=_number(sent, "image_tokens"),
        audio=_number(sent, "audio_tokens"),
        reasoning=_number(made, "reasoning_tokens"),
        sound=_number(made, "audio_tokens"),
    )


def _renamed(claimed: dict[str, Any]) -> dict[str, Any]:
    """Return the same under the names of chat completions.

    Anthropic counts what the cache had, and got, beside the input; Responses count it within.
    """
    prompt = _number(claimed, "input_tokens", NONE)
    if "input_tokens_details" not in claimed and prompt != NONE:
        beside = ("cache_read_input_tokens", "cache_creation_input_tokens")
        prompt += sum(max(0, _number(claimed, name)) for name in beside)
    return claimed | {
        "prompt_tokens": prompt,
        "completion_tokens": claimed.get("output_tokens"),
        "prompt_tokens_details": claimed.get("input_tokens_details"),
        "completion_tokens_details": claimed.get("output_tokens_details"),
    }


def _details(claimed: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = claimed.get(name)
    return found if isinstance(found, dict) else NOTHING


def _first(names: tuple[str, ...], *places: Mapping[str, Any]) -> int:
    """Return what stands under the first of these names that says anything."""
    for place in places:
        for name in names:
            if place.get(name) is not None:
                return _number(place, name)
    return 0


def _number(place: Mapping[str, Any], name: str, missing: int = 0) -> int:
    value = place.get(name)
    if value is None:
        return missing
    return value if type(value) is int else NONE
