"""Lets a worker close months and make their documents: ``python -m benchmarks.queueing``.

Asked whether one is ``ready``, it waits until it answers. Asked to ``close``, it rings the bells that the
clock would, waits until every document was mailed, and prints how many there were and how long it took.
"""

import os
import sys
import time
from collections.abc import Sequence
from uuid import UUID

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from celery import current_app  # noqa: E402 - Django must be set up before
from django.utils import timezone  # noqa: E402

from billing.models import Invoice  # noqa: E402
from common.database import service  # noqa: E402
from tenants.models import Organization  # noqa: E402

PATIENCE = 600.0
#: How often is looked, and how often the clock rings for documents that were not mailed yet.
STEP, ROUND = 0.05, 5.0


def wait_for_worker() -> None:
    """Return once a worker answers."""
    until = time.monotonic() + PATIENCE
    while not current_app.control.ping(timeout=1):
        if time.monotonic() > until:
            raise TimeoutError("no worker answers")


def close() -> dict[str, float]:
    """Have those closed who are not, and the invoices mailed that are written for them."""
    with service():
        # Those of the steps before were for other measurements.
        Invoice.objects.update(mailed_at=timezone.now())
        closed = set(Invoice.objects.values_list("organization_id", flat=True))
        waiting = [
            it for it in Organization.objects.values_list("pk", flat=True) if it not in closed
        ]
    started = time.monotonic()
    ring("billing.close_months", organization_ids=[str(it) for it in waiting])
    rung = started
    while (mailed := _mailed(waiting)) < len(waiting):
        if time.monotonic() - rung > ROUND or rung == started:
            ring("billing.mail_documents")
            rung = time.monotonic()
        if time.monotonic() - started > PATIENCE:
            raise TimeoutError(f"{mailed} of {len(waiting)} documents were mailed")
        time.sleep(STEP)
    return {"invoices": len(waiting), "seconds": time.monotonic() - started}


def ring(name: str, **facts: object) -> None:
    """Ring a task's bell."""
    current_app.tasks[name].apply_async(kwargs=facts)


def _mailed(organizations: Sequence[UUID]) -> int:
    with service():
        return Invoice.objects.filter(
            organization__in=organizations, mailed_at__isnull=False
        ).count()


def main() -> None:
    """Do what is asked."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=str)
    found: dict[str, float] = {}
    if asked == "ready":
        wait_for_worker()
    else:
        found = close()
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
