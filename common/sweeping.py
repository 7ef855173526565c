"""Sweeps go over rows of many customers: trouble with one leaves the others theirs."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)


def answers(works: Iterable[Callable[[], T]], *, trouble: str) -> list[T]:
    """Do the works one by one; return what those answered that went well.

    What fails is logged as ``trouble``, with what it was about. Its row stays as it was, so the next
    sweep tries it again.
    """
    found = []
    for work in works:
        try:
            found.append(work())
        except Exception:
            log.exception(trouble, about=_about(work))
    return found


def _about(work: Callable[[], object]) -> list[str]:
    """Return what a work was given: the ids by which people find whose trouble it is."""
    given = work.args if isinstance(work, partial) else ()
    return [str(getattr(it, "pk", it)) for it in given]


def each(works: Iterable[Callable[[], object]], *, trouble: str) -> int:
    """Do the works one by one in the same way; return how many went well."""
    return len(answers(works, trouble=trouble))
