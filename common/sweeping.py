"""Sweeps go over rows of many customers: trouble with one leaves the others theirs."""

from collections.abc import Callable, Iterable

import structlog

log = structlog.get_logger(__name__)


def each(works: Iterable[Callable[[], object]], *, trouble: str) -> int:
    """Do the works one by one; return how many went well.

    What fails is logged as ``trouble``. Its row stays as it was, so the next sweep tries it again.
    """
    done = 0
    for work in works:
        try:
            work()
        except Exception:
            log.exception(trouble)
        else:
            done += 1
    return done
