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
KINDS = {
    "chat": 40,
    "completions": 10,
    "embeddings": 8,
    "messages": 17,
    "rerank": 8,
    "responses": 17,
}
#: Kinds that are told in another shape than the engines'; their ends tell what was booked.
DIALECTS = frozenset({"messages", "responses"})
#: Kinds that are answered as a whole, without words.
WORDLESS = frozenset({"embeddings", "rerank"})
#: In a batch nobody leaves who would end a hang, and each failure lets all its lines rest.
BATCH_ACTS = {act: weight for act, weight in ACTS.items() if act not in ("die", "hang", "fail")}
BATCH_ACTS |= {"die": 1, "fail": 1}
BATCH_KINDS = ("chat", "completions", "embeddings", "responses")
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
    stream = kind not in WORDLESS and dice.random() < 0.65
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


def line(call: str, kind: str, dice: random.Random) -> Script:
    """Draw one line of a batch: answered as a whole, to a client that does not wait."""
    act = _pick(BATCH_ACTS, dice)
    drawn = script(call, dice)
    return msgspec.structs.replace(
        drawn,
        kind=kind,
        act=act,
        words=0 if act == "empty" else max(1, drawn.words),
        at=0,
        stream=False,
        wants_usage=False,
        leaves_after=None,
    )


def _pick(weights: dict[str, int], dice: random.Random) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]
