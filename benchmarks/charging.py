"""Rates, invoices and reads with a history behind it, and times each: ``python -m benchmarks.charging``.

Takes how many customers and requests, which :mod:`benchmarks.filling` writes into last month, and prints
what each step took.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connections  # noqa: E402 - Django must be set up before
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import filling, machine  # noqa: E402
from benchmarks.browsing import SECOND_FACTOR  # noqa: E402
from benchmarks.machine import Timed  # noqa: E402
from billing import customers as customers_read  # noqa: E402
from billing import documents, pdf, periods, queries  # noqa: E402
from billing.models import Invoice  # noqa: E402
from billing.services import closing, invoicing, months  # noqa: E402
from billing.services.months import Month  # noqa: E402
from common.database import APP, SERVICE, service  # noqa: E402
from tenants.models import Organization, User  # noqa: E402
from tenants.scope import scope  # noqa: E402

#: How often plain sums and rating take turns.
ROUNDS = 3


class Task(msgspec.Struct):
    """What to write and to measure."""

    organizations: int
    events: int
    #: Of them so many are there when all is read for the first time.
    few: int
    more_events: int
    documents: int
    visits: int
    postgres: int
    #: Customers that are closed one by one, and left for the queue.
    alone: int
    queued: int


def timed(task: Task, work: Callable[[], Any]) -> Timed:
    """Do it, and return what it took."""
    before = time.perf_counter(), time.process_time(), machine.family_cpu_ms(task.postgres)
    work()
    return Timed(
        time.perf_counter() - before[0],
        (time.process_time() - before[1]) * 1000,
        machine.family_cpu_ms(task.postgres) - before[2],
    )


def last_month() -> periods.Period:
    """Return the month that has ended."""
    return periods.before(periods.containing(timezone.now(), "UTC"), "UTC")


def rate(task: Task, everybody: Sequence[Organization]) -> dict[str, Any]:
    """Sum the requests up in plain SQL, then rate them from each of them and from their sums."""
    month = last_month()

    def plainly() -> None:
        with service(), connections[SERVICE].cursor() as cursor:
            cursor.execute(filling.PLAIN, {"start": month.start, "end": month.end})
            cursor.fetchall()

    def rated() -> None:
        for those in lots(everybody, invoicing.READ):
            with service():
                known = customers_read.read(those)
                ahead = months.read([Month(it, month) for it in known.values()])
            for lot in lots(those, closing.BATCH):
                with service():
                    known = customers_read.read(lot)
                    months.rerated([Month(it, month) for it in known.values()], ahead)

    def drafted() -> None:
        for organization in everybody:
            with service():
                invoicing.draft(organization, month)

    def in_turn() -> dict[str, Timed]:
        return {"plain": timed(task, plainly), "rated": timed(task, rated)}

    plainly()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rounds = [in_turn() for _ in range(ROUNDS)]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    drawn = timed(task, drafted)
    return {"rounds": rounds, "drafted": drawn, "more_mib": round((after - before) / 1024, 1)}


def lots(everybody: Sequence[Organization], size: int) -> Iterator[Sequence[Organization]]:
    """Return the customers in lots."""
    for at in range(0, len(everybody), size):
        yield everybody[at : at + size]


def finalize(task: Task, everybody: Sequence[Organization]) -> dict[str, Any]:
    """Write the invoices of last month: some one by one, half by one process, the rest by two."""
    alone, rest = everybody[: task.alone], everybody[task.alone + task.queued :]
    half = len(rest) // 2
    by_one, by_two = rest[:half], rest[half:]

    def one_by_one() -> None:
        for organization in alone:
            invoicing.finalize(organization, last_month())

    def in_lots() -> None:
        for those in lots(by_one, invoicing.READ):
            closing.each(those, last_month())

    return {
        "alone": timed(task, one_by_one),
        "finalized": timed(task, in_lots),
        "beside": beside(task, [by_two[::2], by_two[1::2]]),
        "counts": [len(alone), len(by_one), len(by_two)],
    }


def beside(task: Task, shares: Sequence[Sequence[Organization]]) -> Timed:
    """Let a process for each share close it, all at once."""
    pipe, command = subprocess.PIPE, [sys.executable, "-m", "benchmarks.closing"]
    workers = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _share in shares]  # noqa: S603
    for worker, share in zip(workers, shares, strict=True):
        tell(worker, msgspec.json.encode([it.pk for it in share]))
    for worker in workers:
        heard(worker)
    spent: list[float] = []

    def work() -> None:
        for worker in workers:
            tell(worker, b"go")
        spent.extend(float(heard(worker)) for worker in workers)

    took = timed(task, work)
    for worker in workers:
        worker.communicate()
    return Timed(took.seconds, sum(spent), took.postgres_ms)


def tell(worker: "subprocess.Popen[bytes]", words: bytes) -> None:
    """Write a line to a worker."""
    if worker.stdin:
        worker.stdin.write(words + b"\n")
        worker.stdin.flush()


def heard(worker: "subprocess.Popen[bytes]") -> bytes:
    """Return the next line that a worker writes."""
    return worker.stdout.readline() if worker.stdout else b""


def draw(task: Task) -> Timed:
    """Make the PDF of some of them, as the queue's worker does."""
    with service():
        found = list(Invoice.objects.select_related("organization")[: task.documents])

    def work() -> None:
        for invoice in found:
            with scope(invoice.organization_id):
                document = documents.of_invoice(invoice, "UTC")
            pdf.invoice(document)

    return timed(task, work)


def read(task: Task, owner: User, organization: Organization) -> dict[str, Any]:
    """Read a balance, and last month's page of usage, so often."""
    client = Client(headers={"host": "localhost"})
    client.force_login(owner)
    session = client.session
    session[SECOND_FACTOR] = [{"method": "mfa", "type": "totp", "at": time.time()}]
    session.save()

    def balance() -> None:
        with scope(organization):
            queries.balance(organization)

    def page() -> None:
        if client.get(f"/o/{organization.slug}/usage/?period=last-month").status_code != 200:
            raise RuntimeError("the usage page does not answer")

    page()
    found: dict[str, Any] = {}
    for name, once in (("balance", balance), ("page", page)):
        with Reading() as reading:
            once()
        found[name] = {
            "timed": timed(task, repeated(once, task.visits)),
            "queries": reading.queries,
            "blocks": reading.blocks,
        }
    return found


def repeated(work: Callable[[], None], times: int) -> Callable[[], None]:
    """Return what does it so often."""

    def all_of_it() -> None:
        for _ in range(times):
            work()

    return all_of_it


class Reading:
    """Counts the queries of the app role and the blocks that they read, by asking for their plans."""

    def __init__(self) -> None:
        self.queries = self.blocks = 0
        self._wrapped = connections[APP].execute_wrapper(self._count)
        self._is_asking = False

    def __enter__(self) -> "Reading":
        self._wrapped.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._wrapped.__exit__(*error)

    def _count(self, execute: Any, query: str, facts: Any, many: bool, context: Any) -> Any:
        if not self._is_asking:
            self.queries += 1
            if query.lstrip().upper().startswith(("SELECT", "WITH")):
                self.blocks += self._asked(query, facts)
        return execute(query, facts, many, context)

    def _asked(self, query: str, facts: Any) -> int:
        self._is_asking = True
        with connections[APP].cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", facts)
            plan = cursor.fetchone()[0][0]["Plan"]
        self._is_asking = False
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def main() -> None:
    """Write, measure and print."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    owner = filling.customers(task.organizations)
    with service():
        everybody = list(Organization.objects.order_by("pk"))
        first = Organization.objects.get(memberships__user=owner)
    begun = time.monotonic()
    few = min(task.few, task.events)
    filling.requests(1, few)
    found: dict[str, Any] = {"few": read(task, owner, first)}
    if few < task.events:
        filling.requests(few + 1, task.events)
    found |= {"filling_seconds": round(time.monotonic() - begun, 1), "sizes": filling.sizes()}
    found["rating"] = rate(task, everybody)
    found |= finalize(task, everybody)
    found["drawn"] = draw(task)
    if task.more_events:
        filling.more(task.more_events)
    found["many"] = read(task, owner, first)
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
