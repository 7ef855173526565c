"""Walks the pages as people do and times each: ``python -m benchmarks.browsing``.

Takes how large the history is (made if the database has none), how often to open each page, and
prints what each cost. In one process, through the whole of Django from address to bytes.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connections  # noqa: E402 - Django must be set up before
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import filling, machine, seeding  # noqa: E402
from benchmarks.load import spread  # noqa: E402
from billing.services import ledger_days, totalling  # noqa: E402
from common.database import APP, OWNER, SERVICE, service  # noqa: E402
from tenants.models import Organization, User  # noqa: E402

#: The page, and who opens it.
PAGES = {
    "landing": ("/", "visitor"),
    "catalogue": ("/models/", "visitor"),
    "search": ("/models/?q={word}", "visitor"),
    "filters": ("/models/?features=tools&language=ar&sort=price", "visitor"),
    "model page": ("/models/atlas-large/", "visitor"),
    "pricing": ("/pricing/", "visitor"),
    "dashboard": ("/o/{org}/", "owner"),
    "usage": ("/o/{org}/usage/", "owner"),
    "keys": ("/o/{org}/keys/", "owner"),
    "billing overview": ("/o/{org}/billing/", "owner"),
    "invoices": ("/o/{org}/billing/invoices/", "owner"),
    "draft invoice": ("/o/{org}/billing/invoices/{month}/", "owner"),
    "members": ("/o/{org}/members/", "owner"),
    "audit": ("/o/{org}/audit/", "owner"),
    "staff overview": ("/staff/", "staff"),
    "staff customers": ("/staff/customers/", "staff"),
    "margins": ("/staff/margins/?month={month}", "staff"),
}
#: What people look for: words of names and texts, in part, and what nobody has.
WORDS = (
    "translation",
    "cedar",
    "nimb",
    "tenders",
    "arabic",
    "42",
    "kazakh",
    "nothing",
    "code rev",
    "atlas",
)
#: The customers with the longest history.
LARGEST = 10
SECOND_FACTOR = "account_authentication_methods"


class Task(msgspec.Struct):
    """What to walk through."""

    organizations: int
    events: int
    #: Of which only the sums are written, on top.
    sums: int
    #: In the catalogue.
    models: int
    #: How often each page is opened.
    visits: int
    #: PostgreSQL's process, to see what it spends.
    postgres: int


class Walker:
    """Browsers in which everybody who is needed has signed in."""

    def __init__(self) -> None:
        with service():
            self.largest = list(Organization.objects.order_by("slug")[:LARGEST])
            owners = [it.memberships.owners().select_related("user")[0].user for it in self.largest]
        self.owners = [self._signed_in(owner) for owner in owners]
        self.staff = self._signed_in(User.objects.get(email="staff@bench.example"))
        self.visitor = Client(headers={"host": "localhost"})

    def _signed_in(self, user: User) -> Client:
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        session = client.session
        session[SECOND_FACTOR] = [{"method": "mfa", "type": "totp", "at": time.time()}]
        session.save()
        return client

    def visits(self, address: str, who: str, count: int) -> Iterator[Callable[[], Any]]:
        """Return ways to open the page, customer by customer."""
        month = f"{timezone.now():%Y-%m}"
        for number in range(count):
            place = number % len(self.largest)
            word = WORDS[number % len(WORDS)]
            url = address.format(org=self.largest[place].slug, month=month, word=word)
            client = {"owner": self.owners[place], "staff": self.staff}.get(who, self.visitor)
            yield partial(client.get, url)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the queries of both roles."""
    queries: list[str] = []

    def note(execute: Any, sql: Any, *rest: Any) -> Any:
        queries.append(str(sql))
        return execute(sql, *rest)

    with connections[APP].execute_wrapper(note), connections[SERVICE].execute_wrapper(note):
        yield queries


def walk(task: Task) -> dict[str, Any]:
    """Open every page so often; a page that does not answer with 200 has its status told alone."""
    walker = Walker()
    return {name: _page(walker, task, *PAGES[name]) for name in PAGES}


def _page(walker: Walker, task: Task, address: str, who: str) -> dict[str, Any]:
    for visit in walker.visits(address, who, len(walker.largest)):
        first = visit()
    if first.status_code != 200:
        return {"status": first.status_code}
    times, most, largest = [], 0, 0
    before = time.process_time(), machine.family_cpu_ms(task.postgres)
    with counted() as queries:
        for visit in walker.visits(address, who, task.visits):
            queries.clear()
            begun = time.perf_counter()
            size = len(visit().content)
            times.append(time.perf_counter() - begun)
            most, largest = max(most, len(queries)), max(largest, size)
    return {
        "status": 200,
        "milliseconds": spread(times),
        "python_ms": round((time.process_time() - before[0]) * 1000 / task.visits, 1),
        "postgres_ms": round((machine.family_cpu_ms(task.postgres) - before[1]) / task.visits, 1),
        "queries": most,
        "kib": round(largest / 1024, 1),
    }


def main() -> None:
    """Seed what is missing, walk, and print."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    begun = time.monotonic()
    with service():
        is_new = not Organization.objects.exists()
    if is_new:
        seeding.seed(count=task.organizations, events=task.events)
        seeding.models(task.models)
        if task.sums:
            filling.more_of_all(task.sums)
    # As every night: the books are read from the days that are over, and the entries since; so is
    # what all customers used.
    ledger_days.close_days()
    totalling.total_days()
    with connections[OWNER].cursor() as cursor:
        cursor.execute("ANALYZE billing_runningtotal, billing_totalledday, billing_quartertotal")
    seeded = round(time.monotonic() - begun, 1)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM tenants_organization),"
            " (SELECT count(*) FROM marketplace_aimodel),"
            " (SELECT count(*) FROM metering_usageevent),"
            " (SELECT sum(requests)::bigint FROM metering_usageday),"
            " (SELECT count(*) FROM metering_usagebucket),"
            " (SELECT count(*) FROM billing_ledgerentry)"
        )
        names = ("organizations", "models", "events", "requests", "quarter_hours", "ledger_entries")
        rows = dict(zip(names, cursor.fetchone() or (), strict=True))
    found = {"seeding_seconds": seeded, "rows": rows, "pages": walk(task)}
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
