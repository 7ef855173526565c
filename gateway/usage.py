"""Token parts of an answer: the engine's numbers where they can be true, else our own bounds.

Parts are disjoint: what was read makes up the prompt, what was made the completion.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from gateway import claims
from gateway.claims import Claim
from metering.models import PROMPT_PARTS

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


#: Who counted: the engine, the model's own tokenizer here, or nobody: it is an estimate.
ENGINE, TOKENIZER, ESTIMATE = "engine", "tokenizer", "estimate"


class Counted(msgspec.Struct, frozen=True):
    """What the model's own tokenizer counts of a prompt and an answer, and the bytes of these texts."""

    prompt: int = 0
    prompt_size: int = 0
    completion: int = 0
    completion_size: int = 0


class Measured(msgspec.Struct, frozen=True):
    """The disjoint parts, and whether they are the engine's or our own count."""

    parts: dict[str, int]
    estimated: bool
    prompt_by: str = ENGINE
    completion_by: str = ENGINE

    @property
    def prompt(self) -> int:
        """Return the tokens of the prompt, of all kinds."""
        return read(self.parts)

    @property
    def completion(self) -> int:
        """Return the tokens of the answer: thought, written or spoken."""
        return made(self.parts)

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
    #: How many tokens of the prompt its pictures, and its sounds, can be.
    image: int = 0
    audio: int = 0
    #: How many they are likely to be.
    likely_image: int = 0
    likely_audio: int = 0
    #: Whether the answer may be spoken.
    speaks: bool = False


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
        # Pictures and sounds are no bytes of text.
        parts = measured.parts
        sent = parts["input"] + parts["cached_input"] + parts["cache_write"]
        written = measured.completion
        if sent and bounds.prompt_bytes:
            self._prompt.append(bounds.prompt_bytes / sent)
        if written and delivered.size:
            self._completion.append(delivered.size / written)
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


def read(parts: Mapping[str, int]) -> int:
    """Return the tokens of the prompt, of all kinds."""
    return sum(parts.get(part, 0) for part in PROMPT_PARTS)


def made(parts: Mapping[str, int]) -> int:
    """Return the tokens of the answer, of all kinds."""
    # Written out, for it is asked more than once of every answer.
    return parts.get("output", 0) + parts.get("reasoning", 0) + parts.get("audio_output", 0)


NO_PARTS = dict.fromkeys(
    ("input", "cached_input", "cache_write", "image_input", "audio_input", "output", "reasoning",
     "audio_output"), 0
)  # fmt: skip


def parts(claim: Claim) -> dict[str, int]:
    """Return the disjoint parts of totals whose details may overlap.

    What the cache gave is no longer new, whatever it shows; what is left is written, sound, then
    picture. So a token that two details count is billed once, and the sum is always the total.
    """
    if claim.is_plain:
        return NO_PARTS | {"input": claim.prompt, "output": claim.completion}
    left, kinds = claim.prompt, []
    for count in claim.kinds:
        kinds.append(min(count, left))
        left -= kinds[-1]
    cached, written, audio, image = kinds
    sound = min(claim.sound, claim.completion - claim.reasoning)
    return {
        "input": left,
        "cached_input": cached,
        "cache_write": written,
        "image_input": image,
        "audio_input": audio,
        "output": claim.completion - claim.reasoning - sound,
        "reasoning": claim.reasoning,
        "audio_output": sound,
    }


#: What costs nothing.
NOTHING = Measured(parts(Claim(prompt=0, completion=0)), estimated=False)


def measure(
    claimed: Any,
    bounds: Bounds,
    delivered: Delivered,
    calibration: Calibration,
    counted: Counted | None = None,
) -> Measured:
    """Return what to bill: the claim when it is possible, else our own count, never above bounds."""
    claim = claims.read(claimed, silent=bounds.completion == 0)
    prompt_true = _prompt_is_possible(claim, bounds)
    completion_true = _completion_is_possible(claim, bounds, delivered.size)
    if not prompt_true:
        claim = _own_prompt(claim, bounds, calibration, counted)
    if not completion_true:
        completion = _own_completion(bounds, delivered, calibration, counted)
        claim = structs.replace(claim, completion=completion, reasoning=0, sound=0)
    if prompt_true and completion_true:
        measured = Measured(parts(claim), estimated=False)
        calibration.learn(bounds, delivered, measured)
        return measured
    own = TOKENIZER if counted else ESTIMATE
    return Measured(
        parts(claim),
        estimated=True,
        prompt_by=ENGINE if prompt_true else own,
        completion_by=ENGINE if completion_true else own,
    )


def _own_completion(
    bounds: Bounds, delivered: Delivered, calibration: Calibration, counted: Counted | None
) -> int:
    """Return the tokens of the answer; what the tokenizer was not given is told by its bytes."""
    if counted is None:
        return calibration.output(delivered, bounds.completion)
    rest = max(0, delivered.size - counted.completion_size)
    likely = counted.completion + estimate(rest, calibration.completion, bounds.completion)
    return min(max(likely, delivered.events), delivered.size, bounds.completion)


def _own_prompt(
    claim: Claim, bounds: Bounds, calibration: Calibration, counted: Counted | None
) -> Claim:
    known = counted or Counted()
    rest = max(0, bounds.prompt_bytes - known.prompt_size)
    text = known.prompt + estimate(rest, calibration.prompt, bounds.prompt)
    text = min(max(1, text), bounds.prompt)
    image, audio = bounds.likely_image, bounds.likely_audio
    prompt = min(text + image + audio, bounds.prompt)
    return structs.replace(claim, prompt=prompt, cached=0, written=0, image=image, audio=audio)


def estimate(size: int, bytes_per_token: float, bound: int) -> int:
    """Return how many tokens so many bytes are likely to be; some for any, never above the bound."""
    likely = int(-(-size // max(bytes_per_token, 1.0)))
    return min(max(likely, 1 if size else 0), bound)


def _prompt_is_possible(claim: Claim, bounds: Bounds) -> bool:
    least = max(1, bounds.prompt_bytes // DENSEST)
    if not least <= claim.prompt <= bounds.prompt:
        return False
    if claim.is_plain:
        return True
    if not (0 <= claim.image <= bounds.image and 0 <= claim.audio <= bounds.audio):
        return False
    return all(0 <= count <= claim.prompt for count in claim.kinds)


def _completion_is_possible(claim: Claim, bounds: Bounds, delivered_bytes: int) -> bool:
    completion, reasoning = claim.completion, claim.reasoning
    if not (0 <= reasoning <= completion <= bounds.completion):
        return False
    if not 0 <= claim.sound <= (completion - reasoning if bounds.speaks else 0):
        return False
    # Hidden reasoning leaves no bytes; what is not reasoning is at least a byte a token.
    most = delivered_bytes + EXTRA_PER_CHOICE * bounds.choices
    least = -(-delivered_bytes // DENSEST)
    return least <= completion and completion - reasoning <= most
