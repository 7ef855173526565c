"""What this process has seen of each engine: whom to ask less, and whom not to ask for a while.

Every process judges by the answers it got itself: nothing is shared, so nothing can fail to be. An
engine that fails is asked less than its weight says. One that fails several times in a row without
ever beginning an answer is not asked at all, until a single request has tried it again.
"""

from collections.abc import Iterator

import msgspec

#: Failures in a row after which an engine is shut out.
IN_A_ROW = 5
#: Seconds it is shut out for; twice as long after each trial that fails, up to the longest.
PAUSE = 5.0
LONGEST_PAUSE = 60.0
#: The weight of one more failure in an engine's trouble, and so many seconds halve what is left.
BLAME = 0.3
HALVED_AFTER = 10.0
FORGIVEN = 0.01
#: Trouble never takes more of an engine's weight than this: it must be able to show that it is well.
MOST_TROUBLE = 0.95
#: Above so many engines, those that were long not asked are forgotten.
MANY = 1000
FORGOTTEN_AFTER = 3600.0

CLOSED, HALF_OPEN, OPEN = "closed", "half_open", "open"


class Engine(msgspec.Struct):
    """One model on one server, as this process knows it."""

    server: str
    model: str
    seen_at: float
    #: Answers that are on their way.
    running: int = 0
    failures: int = 0
    shut_until: float = 0.0
    pause: float = PAUSE
    #: One request is trying whether it is well again.
    on_trial: bool = False
    #: For those who watch: requests it was asked, failures by reason, how often it was shut out.
    asked: int = 0
    failed_by: dict[str, int] = {}
    times_shut: int = 0
    _trouble: float = 0.0

    @property
    def is_well(self) -> bool:
        """Tell whether its circuit breaker is closed."""
        return not self.shut_until

    def trouble(self, now: float) -> float:
        """Return how much of its weight it has lost by failing lately, from 0 to nearly 1."""
        if not self._trouble:
            return 0.0
        faded = self._trouble * 0.5 ** ((now - self.seen_at) / HALVED_AFTER)
        return faded if faded > FORGIVEN else 0.0

    def state(self, now: float) -> str:
        """Return the state of its circuit breaker."""
        if not self.shut_until:
            return CLOSED
        return OPEN if now < self.shut_until or self.on_trial else HALF_OPEN

    def take(self, now: float) -> bool:
        """Let a request through; returns whether it is the trial."""
        self.running += 1
        self.asked += 1
        is_trial = self.state(now) == HALF_OPEN
        # One that is asked as the last resort, while another tries it, takes nothing from the trial.
        self.on_trial = self.on_trial or is_trial
        return is_trial

    def end_trial(self) -> None:
        """Leave it to the next request to try, if this one has brought no news."""
        self.on_trial = False

    def release(self) -> None:
        """Note that a request is over."""
        self.running -= 1

    def answered(self, now: float) -> None:
        """Note an answer that began: all is forgiven but a part of its trouble."""
        if self._trouble:
            self._trouble = self.trouble(now) * (1 - BLAME)
        self.failures, self.shut_until, self.pause, self.seen_at = 0, 0.0, PAUSE, now

    def failed(self, now: float, reason: str, *, shuts: bool) -> None:
        """Note a failure.

        ``shuts`` is false for one that the request itself may have brought about: an engine that
        answers with an error lives, and nobody may shut others out by sending what it chokes on.
        """
        trouble = self.trouble(now)
        self._trouble = min(MOST_TROUBLE, trouble + BLAME * (1 - trouble))
        self.seen_at = now
        self.failed_by[reason] = self.failed_by.get(reason, 0) + 1
        # What was on its way when it was shut tells nothing new.
        if shuts and now >= self.shut_until:
            self._count(now)

    def _count(self, now: float) -> None:
        self.failures += 1
        was_shut = bool(self.shut_until)
        if was_shut:
            self.pause = min(LONGEST_PAUSE, 2 * self.pause)
        if was_shut or self.failures >= IN_A_ROW:
            self.shut_until = now + self.pause
            self.times_shut += 1


class Engines:
    """All engines this process has asked."""

    def __init__(self) -> None:
        #: By server, address and model: a server that moved begins anew.
        self._known: dict[tuple[str, str, str], Engine] = {}

    def __iter__(self) -> Iterator[Engine]:
        return iter(self._known.values())

    def find(self, base_url: str, model: str, server: str, now: float) -> Engine:
        """Return what is known of the engine."""
        key = (server, base_url, model)
        engine = self._known.get(key)
        if engine is None:
            self._forget(now)
            engine = self._known[key] = Engine(server, model, now)
        return engine

    def _forget(self, now: float) -> None:
        if len(self._known) < MANY:
            return
        self._known = {
            key: engine
            for key, engine in self._known.items()
            if engine.running or now - engine.seen_at < FORGOTTEN_AFTER
        }
