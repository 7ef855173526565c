"""Limits taken for calls that are still to come: a busy key asks Redis once for many of them.

Only while buckets are more than half full, and only a small part of one: near its end each call asks
for itself, and what lies here comes back within a quarter of a second.
"""

from typing import Any

#: So many calls are asked for at once, at most; and no more than this part of a bucket allows.
MOST_AHEAD, SHARE = 64, 50
#: Fewer are not worth it.
FEWEST = 4
#: What lies here is given back after so many seconds; over as many calls are counted.
TURN = COUNTED = 0.25


class Advance:
    """What a process holds of all buckets of an agreement, for its next calls."""

    __slots__ = ("_counted_at", "_earlier", "_recent", "is_asking", "places", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = 0
        #: May fall below nothing: a call can use more than it took.
        self.tokens = 0
        #: Where concurrency is counted, each call has one of these names there.
        self.places: list[str] = []
        #: Whether more is on its way: a second call need not ask for as much again.
        self.is_asking = False
        self._recent = self._earlier = 0
        self._counted_at = 0.0

    def count(self, now: float) -> None:
        """Note that a call has come."""
        passed = now - self._counted_at
        if passed > COUNTED:
            self._earlier = self._recent if passed < 2 * COUNTED else 0
            self._recent, self._counted_at = 0, now
        self._recent += 1

    @property
    def ahead(self) -> int:
        """Return for how many more calls to ask: those of a turn, as traffic shows they come."""
        wished = min(MOST_AHEAD, max(self._recent, self._earlier) - 1)
        return 0 if self.is_asking or wished < FEWEST else wished

    def take(self, tokens: int) -> str | None:
        """Return the place of a call that may go on, or None: then Redis must be asked."""
        if self.requests < 1 or self.tokens < tokens or not self.places:
            return None
        self.requests -= 1
        self.tokens -= tokens
        return self.places.pop()

    def give(self, place: str, tokens: int, used: int) -> None:
        """Take back what an ended call does not need."""
        self.tokens += tokens - used
        self.places.append(place)

    def add(self, calls: int, tokens: int, places: list[str]) -> None:
        """Take in what was had for so many calls."""
        self.requests += calls
        self.tokens += tokens
        self.places += places

    def empty(self) -> tuple[int, int, list[str]]:
        """Return requests, tokens and places, which are no longer held here."""
        found = self.requests, self.tokens, self.places
        self.requests, self.tokens, self.places = 0, 0, []
        return found


def names(request_id: str, calls: Any) -> list[str]:
    """Return the places that come with a call's own, as the script names them."""
    return [f"{request_id}:{number}" for number in range(1, int(calls) + 1)]
