"""Runs of generated tokens, and the text that each token adds to the answer."""

import codecs
import functools
import itertools
from collections.abc import Iterator, Sequence

import msgspec

from gateway.upstreams.demo import tokenizer


class Tokens(msgspec.Struct, frozen=True):
    """Tokens, and for each the text it completes: none while a character is not whole yet."""

    ids: Sequence[int]
    pieces: Sequence[str]

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return len(self.ids)

    @property
    def text(self) -> str:
        """Return what they say."""
        return "".join(self.pieces)

    def first(self, number: int) -> "Tokens":
        """Return the first tokens; a character cut in half reads as U+FFFD."""
        if number >= len(self.ids):
            return self
        ids, pieces = list(self.ids[:number]), list(self.pieces[:number])
        if ids:
            pieces[-1] += tokenizer.decode(ids)[len("".join(pieces)) :]
        return Tokens(ids, pieces)

    def then(self, more: "Tokens") -> "Tokens":
        """Return these tokens followed by others."""
        return Tokens([*self.ids, *more.ids], [*self.pieces, *more.pieces])

    def before(self, stops: list[str]) -> "Tokens | None":
        """Return what is said before the first stop text, with the tokens it took to write it."""
        text = self.text
        places = [(text.find(stop), len(stop)) for stop in stops]
        found = [(place, place + length) for place, length in places if place >= 0]
        if not found:
            return None
        start, end = min(found)
        ends = list(itertools.accumulate(len(piece) for piece in self.pieces))
        number = next(index for index, reached in enumerate(ends) if reached >= end) + 1
        pieces = [
            piece[: max(0, start - (reached - len(piece)))]
            for piece, reached in zip(self.pieces[:number], ends, strict=False)
        ]
        return Tokens(self.ids[:number], pieces)

    def readable(self) -> Iterator[tuple[list[int], str]]:
        """Return the tokens as they can be shown: those of one character together."""
        waiting: list[int] = []
        for token, piece in zip(self.ids, self.pieces, strict=True):
            waiting.append(token)
            if piece:
                yield waiting, piece
                waiting = []
        if waiting:
            yield waiting, ""


NONE = Tokens((), ())


@functools.lru_cache(maxsize=2048)
def of(text: str) -> Tokens:
    """Return the tokens of a text."""
    ids = tokenizer.encode(text)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return Tokens(ids, [decoder.decode(tokenizer.token_bytes(token)) for token in ids])


@functools.lru_cache(maxsize=64)
def canned(number: int) -> Tokens:
    """Return exactly so many tokens of readable text."""
    once = _canned_text()
    times = -(-number // len(once)) if number else 0
    return Tokens((list(once.ids) * times)[:number], (list(once.pieces) * times)[:number])


@functools.cache
def _canned_text() -> Tokens:
    lines = (tokenizer.CORPUS / "en.txt").read_text("utf-8").splitlines()
    return of("".join(f" {line}" for line in lines))


def line_breaks(number: int) -> Tokens:
    """Return so many line breaks: what may follow JSON without making it anything else."""
    once = of("\n")
    return Tokens(list(once.ids) * number, list(once.pieces) * number)
