"""What every page shows, kept in the process for some seconds."""

import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import DatabaseError

from common.database import beside

log = logging.getLogger(__name__)
T = TypeVar("T")
#: What staff changes is seen by every process so many seconds later, at the latest.
SECONDS = 5.0


class Remembered(Generic[T]):
    """An answer that is asked for again once it is five seconds old.

    Where the database is away, the last answer goes on holding: pages that say so need it too.
    """

    def __init__(
        self, ask: Callable[[], T], otherwise: T, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._otherwise = otherwise
        self._clock = clock
        self._answer = otherwise
        self._until = 0.0

    def __call__(self) -> T:
        """Return the answer, which is at most five seconds old where it can be had."""
        if self._clock() >= self._until:
            # Set before asking: others who come meanwhile take what is known, and do not ask too.
            self._until = self._clock() + SECONDS
            try:
                with beside():
                    self._answer = self._ask()
            except DatabaseError as error:
                log.warning("what pages show could not be read: %s", error)
        return self._answer

    def known(self) -> T:
        """Return what was answered last, without asking."""
        return self._answer

    def forget(self) -> None:
        """Ask again the next time; what is known stays until then."""
        self._until = 0.0

    def clear(self) -> None:
        """Know nothing any more."""
        self._answer, self._until = self._otherwise, 0.0
