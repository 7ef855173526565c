"""Signs people in for a browser to go on as them: ``python -m benchmarks.arriving``.

Takes how many models there are to be (made, with a few customers, if the database has none) and
prints the sessions' keys and the customer that its owner belongs to.
"""

import os
import sys

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from benchmarks import browsing, seeding  # noqa: E402 - Django must be set up before
from common.database import service  # noqa: E402
from tenants.models import Organization  # noqa: E402

#: Customers and their requests where there are none: what is measured are pages, not histories.
CUSTOMERS = 10
EVENTS = 2_000


class Task(msgspec.Struct):
    """What is to be there."""

    models: int


def main() -> None:
    """Seed what is missing, sign in, and print."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    with service():
        is_new = not Organization.objects.exists()
    if is_new:
        seeding.seed(count=CUSTOMERS, events=EVENTS)
        seeding.models(task.models)
    walker = browsing.Walker()
    found = {
        "org": walker.largest[0].slug,
        "owner": walker.owners[0].session.session_key,
        "staff": walker.staff.session.session_key,
    }
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
