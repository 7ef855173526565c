"""Sweeps go over rows of many customers: trouble with one leaves the others theirs."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)


def answers(works: Iterable[Callable[[], T]], *, trouble: str) -> list[T]:
    """Do the works one by one; return what those answered that went well.

    What fails is logged as ``trouble``. Its row stays as it was, so the next sweep tries it again.
    """
    found = []
    for work in works:
        try:
            found.append(work())
        except Exception:
            log.exception(trouble)
    return found


def each(works: Iterable[Callable[[], object]], *, trouble: str) -> int:
    """Do the works one by one in the same way; return how many went well."""
    return len(answers(works, trouble=trouble))
