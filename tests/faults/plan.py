"""What the clients of a run are going to do: drawn from the seed, so that a run can be repeated."""

import random

import msgspec

#: How an engine may treat a call, and how often.
ACTS = {
    "honest": 50,
    "absent": 3,
    "zero": 2,
    "negative": 3,
    "double": 2,
    "huge": 3,
    "odd": 3,
    "die": 8,
    "hang": 4,
    "fail": 3,
    "empty": 2,
    "slow": 6,
}
#: What an engine says of an answer is not what it was.
LIES = frozenset({"absent", "zero", "negative", "double", "huge", "odd"})
KINDS = {"chat": 75, "completions": 15, "embeddings": 10}
#: The share of clients that go away in the middle of an answer.
LEAVING = 0.2
MOST_WORDS = 40
#: A client that gets nothing for so many seconds goes away.
PATIENCE = 2.0


class Script(msgspec.Struct, frozen=True):
    """One call: what is asked, how the engine is to treat it, when the client goes away."""

    call: str
    kind: str
    act: str
    words: int
    #: After so many words an engine dies or hangs.
    at: int
    pause_ms: int
    stream: bool
    wants_usage: bool
    cap: int | None
    prompt_words: int
    #: After so many bytes of the answer the client goes away; never when None.
    leaves_after: int | None


def script(call: str, dice: random.Random) -> Script:
    """Draw one call."""
    kind = _pick(KINDS, dice)
    act = _pick(ACTS, dice)
    words = 0 if act == "empty" else dice.randint(1, MOST_WORDS)
    stream = kind != "embeddings" and dice.random() < 0.65
    return Script(
        call=call,
        kind=kind,
        act=act,
        words=words,
        at=dice.randint(0, words),
        pause_ms=120 if act == "slow" else dice.choice((0, 0, 2, 8)),
        stream=stream,
        wants_usage=stream and dice.random() < 0.5,
        cap=dice.choice((None, MOST_WORDS, 2 * MOST_WORDS)),
        prompt_words=dice.randint(3, 60),
        leaves_after=dice.randint(0, 250 * MOST_WORDS) if dice.random() < LEAVING else None,
    )


def _pick(weights: dict[str, int], dice: random.Random) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]
