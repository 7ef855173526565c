"""Ring a task's bell once the work that asks for it has committed."""

from typing import Any

from celery import current_app

from common.database import on_commit


def enqueue(name: str, **arguments: Any) -> None:
    """Send the named task after commit; an unknown name raises ``KeyError`` at once.

    A lost message costs minutes, never data: every queue has a sweep that finds its rows.
    """
    task = current_app.tasks[name]
    on_commit(lambda: task.apply_async(kwargs=arguments))
