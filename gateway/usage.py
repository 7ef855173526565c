"""Token parts of an answer: the engine's numbers where they can be true, else our own bounds.

Parts are disjoint: input and cached input make up the prompt, output and reasoning the completion.
"""

from collections import deque
from typing import Any

import msgspec

#: No tokenizer we know makes text of fewer tokens than one per so many bytes.
DENSEST = 32
#: Special tokens an engine may count per choice beside the text: end of turn, tool-call markers.
EXTRA_PER_CHOICE = 64
#: Bytes per token until an offer's own answers have taught us better.
USUAL = 4.0
#: A stream whose events are no longer than this has one token in each until we know better.
LONGEST_TOKEN = 12
#: So many of the latest answers teach: enough that several lies among them make no middle.
LATEST = 25
#: Fewer teach nothing yet: most of the first may be lies.
FEWEST = 9


class Measured(msgspec.Struct, frozen=True):
    """The disjoint parts, and whether they are the engine's or our own estimate."""

    parts: dict[str, int]
    estimated: bool

    @property
    def completion(self) -> int:
        """Return the tokens of the answer, thought or written."""
        return self.parts["output"] + self.parts["reasoning"]

    @property
    def total(self) -> int:
        """Return all tokens."""
        return sum(self.parts.values())


class Bounds(msgspec.Struct, frozen=True):
    """What the numbers of one request can be at most, and what was seen of it."""

    prompt: int
    completion: int
    prompt_bytes: int
    choices: int = 1


class Delivered(msgspec.Struct, frozen=True):
    """What a client got of an answer: bytes of text, and how many events of a stream had any."""

    size: int
    events: int = 0


class Calibration:
    """What a token of one offer is, learnt from the latest answers that were believed.

    The middle of them counts: a few lies that could be true move it nowhere.
    """

    def __init__(self) -> None:
        #: Bytes of a prompt, and of an answer, for each token; an answer's tokens for each event.
        self._prompt: deque[float] = deque(maxlen=LATEST)
        self._completion: deque[float] = deque(maxlen=LATEST)
        self._events: deque[float] = deque(maxlen=LATEST)

    @property
    def prompt(self) -> float:
        """Return the bytes of a token in prompts."""
        return _middle(self._prompt) or USUAL

    @property
    def completion(self) -> float:
        """Return the bytes of a token in answers."""
        return _middle(self._completion) or USUAL

    def learn(self, bounds: Bounds, delivered: Delivered, measured: Measured) -> None:
        """Take in one believed answer."""
        sent = measured.parts["input"] + measured.parts["cached_input"]
        made = measured.completion
        if sent and bounds.prompt_bytes:
            self._prompt.append(bounds.prompt_bytes / sent)
        if made and delivered.size:
            self._completion.append(delivered.size / made)
        if delivered.events:
            # The last token says that the answer ends; neither it nor hidden reasoning is an event.
            self._events.append(max(measured.parts["output"] - 1, 0) / delivered.events)

    def output(self, delivered: Delivered, bound: int) -> int:
        """Return how many tokens were likely delivered; some for any text, never above the bound.

        Engines send an event for every token, or for every few: that tells more than bytes do.
        There are never fewer tokens than events, and never more than bytes.
        """
        likely = self._by_events(delivered) or estimate(delivered.size, self.completion, bound)
        return min(max(likely, delivered.events), delivered.size, bound)

    def _by_events(self, delivered: Delivered) -> int:
        if len(self._events) >= FEWEST:
            return round(delivered.events * _middle(self._events))
        return delivered.events if delivered.size <= LONGEST_TOKEN * delivered.events else 0


def _middle(values: deque[float]) -> float:
    """Return the value in the middle, 0 while there are too few."""
    return sorted(values)[len(values) // 2] if len(values) >= FEWEST else 0.0


def parts(prompt: int, cached: int, completion: int, reasoning: int) -> dict[str, int]:
    """Return the four disjoint parts."""
    return {
        "input": prompt - cached,
        "cached_input": cached,
        "output": completion - reasoning,
        "reasoning": reasoning,
    }


#: What costs nothing.
NOTHING = Measured(parts(0, 0, 0, 0), estimated=False)


def measure(
    claimed: Any, bounds: Bounds, delivered: Delivered, calibration: Calibration
) -> Measured:
    """Return what to bill: the claim when it is possible, else our estimate, never above bounds."""
    prompt = _number(claimed, "prompt_tokens")
    completion = _number(claimed, "completion_tokens", missing=0 if bounds.completion == 0 else -1)
    cached = _detail(claimed, "prompt_tokens_details", "cached_tokens")
    reasoning = _detail(claimed, "completion_tokens_details", "reasoning_tokens")
    prompt_true = _prompt_is_possible(prompt, cached, bounds)
    completion_true = _completion_is_possible(completion, reasoning, bounds, delivered.size)
    if not prompt_true:
        prompt, cached = estimate(bounds.prompt_bytes, calibration.prompt, bounds.prompt), 0
        prompt = max(1, prompt)
    if not completion_true:
        completion, reasoning = calibration.output(delivered, bounds.completion), 0
    believed = prompt_true and completion_true
    measured = Measured(parts(prompt, cached, completion, reasoning), estimated=not believed)
    if believed:
        calibration.learn(bounds, delivered, measured)
    return measured


def estimate(size: int, bytes_per_token: float, bound: int) -> int:
    """Return how many tokens so many bytes are likely to be; some for any, never above the bound."""
    likely = int(-(-size // max(bytes_per_token, 1.0)))
    return min(max(likely, 1 if size else 0), bound)


def _prompt_is_possible(prompt: int, cached: int, bounds: Bounds) -> bool:
    least = max(1, bounds.prompt_bytes // DENSEST)
    return least <= prompt <= bounds.prompt and 0 <= cached <= prompt


def _completion_is_possible(
    completion: int, reasoning: int, bounds: Bounds, delivered_bytes: int
) -> bool:
    if not (0 <= reasoning <= completion <= bounds.completion):
        return False
    # Hidden reasoning leaves no bytes; what is not reasoning is at least a byte a token.
    most = delivered_bytes + EXTRA_PER_CHOICE * bounds.choices
    least = -(-delivered_bytes // DENSEST)
    return least <= completion and completion - reasoning <= most


def _number(claimed: Any, name: str, missing: int = -1) -> int:
    value = claimed.get(name, missing) if isinstance(claimed, dict) else -1
    return value if type(value) is int else -1


def _detail(claimed: Any, group: str, name: str) -> int:
    details = claimed.get(group) if isinstance(claimed, dict) else None
    value = details.get(name) if isinstance(details, dict) else None
    if value is None:
        return 0
    return value if type(value) is int else -1
