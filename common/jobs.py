"""Ring a task's bell once the work that asks for it has committed."""

from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from common.database import on_commit

log = structlog.get_logger(__name__)


def running() -> str:
    """Return the name of the task that is run; it keeps it when it is tried again. Else empty."""
    task = current_app.current_task
    return (task.request.id or "") if task else ""


def is_known(name: str) -> bool:
    """Whether there is a task of that name."""
    return name in current_app.tasks


def run(name: str, *, under: str, **arguments: Any) -> None:
    """Do the named task's work here and now; ``under`` is what :func:`running` says meanwhile."""
    current_app.tasks[name].apply(kwargs=arguments, task_id=under, throw=True)


def enqueue(name: str, **arguments: Any) -> None:
    """Send the named task after commit; an unknown name raises ``KeyError`` at once.

    A lost message costs minutes, never data: every queue has a sweep that finds its rows.
    """
    task = current_app.tasks[name]

    def ring() -> None:
        try:
            task.apply_async(kwargs=arguments)
        except (OperationalError, AttributeError) as error:
            # The second is how kombu tells of a broker that goes away between two of its steps.
            # What was asked for is done and committed: the sweep will find it.
            log.warning("bell_not_rung", task=name, reason=repr(error))

    on_commit(ring)
