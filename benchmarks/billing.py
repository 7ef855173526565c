"""What billing costs: ``python -m benchmarks.billing``.

Rates a month's requests into invoice lines, finalizes the invoices, makes PDFs, with the queue and without,
reads a balance and the usage page before and after many more requests, and settles the requests of one
busy customer.
"""

import argparse
import statistics
import sys
from datetime import date
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.machine import Machine, Timed
from benchmarks.stack import Stack
from portal import processes

MIB = 2**20


class Rating(msgspec.Struct):
    """The same requests summed up plainly and rated one by one, in turn, and rated from their sums."""

    rounds: list[dict[str, Timed]]
    drafted: Timed
    #: What the process needed more than before, at most.
    more_mib: float


class Read(msgspec.Struct):
    """What so many reads took, and what each of them asks the database."""

    timed: Timed
    queries: int
    blocks: int


class Charged(msgspec.Struct):
    """What one history took."""

    filling_seconds: float
    #: Of each table: rows, bytes without its indexes and with them.
    sizes: dict[str, list[int]]
    rating: Rating
    few: dict[str, Read]
    #: One by one, in lots by one process, and in lots by two processes at once; how many of each.
    alone: Timed
    finalized: Timed
    beside: Timed
    counts: list[int]
    drawn: Timed
    many: dict[str, Read]


class Queued(msgspec.Struct):
    """What it took to close customers' months through the queue, each document made as a PDF."""

    invoices: int
    seconds: float
    worker_ms: float
    postgres_ms: float


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    organizations: int
    events: int
    few: int
    more_events: int
    documents: int
    visits: int
    settled: int
    charged: Charged
    queued: Queued
    settlement: Timed


def table(report: Report) -> str:
    """Return the run as a table for people."""
    found, rating = report.charged, report.charged.rating
    many = report.events + report.more_events
    documents = min(report.documents, sum(found.counts))
    lines = [
        report.machine.text(),
        f"{report.events:,} requests of {report.organizations:,} organizations, then {many:,}",
        "",
        *_disk(found),
        "",
        _columns("", "seconds", "python ms", "pg ms", "a second"),
        *(_row(name, each[name], report.events) for each in rating.rounds for name in each),
        _row("rated from their sums", rating.drafted, report.events),
        _row("invoices finalized one by one", found.alone, found.counts[0]),
        _row("invoices finalized in lots", found.finalized, found.counts[1]),
        _row("in lots by two processes", found.beside, found.counts[2]),
        _row("PDFs made", found.drawn, documents),
        _row(
            "finalized with PDF, through the queue",
            _as_timed(report.queued),
            report.queued.invoices,
        ),
        _row("one customer's requests settled", report.settlement, report.settled),
        "",
        _columns(f"{report.visits} reads each", "queries", "blocks", "ms", "cpu ms"),
        *(
            _reads(f"{name}, {report.few:,} behind it", it, report)
            for name, it in found.few.items()
        ),
        *(_reads(f"{name}, {many:,} behind it", it, report) for name, it in found.many.items()),
        "",
        _ratios(rating),
    ]
    return "\n".join(lines)


def _disk(found: Charged) -> list[str]:
    """Return what lies on the disk, and how long that took."""
    rows = [
        _columns(name, f"{count:,}", f"{data / MIB:,.0f}", f"{whole / MIB:,.0f}")
        for name, (count, data, whole) in found.sizes.items()
    ]
    head = _columns(f"written in {found.filling_seconds:,.0f} s", "rows", "MiB", "with indexes")
    return [head, *rows]


def _as_timed(queued: Queued) -> Timed:
    return Timed(queued.seconds, queued.worker_ms, queued.postgres_ms)


def _reads(name: str, read: Read, report: Report) -> str:
    visits = report.visits or 1
    spent = f"{read.timed.seconds * 1000 / visits:.1f}", f"{_cpu(read.timed) / visits:.1f}"
    return _columns(name, read.queries, read.blocks, *spent)


def _ratios(rating: Rating) -> str:
    clock = statistics.median(it["rated"].seconds / it["plain"].seconds for it in rating.rounds)
    spent = statistics.median(_cpu(it["rated"]) / _cpu(it["plain"]) for it in rating.rounds)
    words = f"rated / plain, medians: {clock:.2f} on the clock, {spent:.2f} of processors"
    return f"{words}, {rating.more_mib} MiB more"


def _cpu(timed: Timed) -> float:
    return timed.python_ms + timed.postgres_ms


def _columns(name: str, *cells: object) -> str:
    return f"{name:<42}" + "".join(f"{cell!s:>12}" for cell in cells)


def _row(name: str, timed: Timed, count: int) -> str:
    spent = f"{timed.seconds:.2f}", f"{timed.python_ms:,.0f}", f"{timed.postgres_ms:,.0f}"
    return _columns(name, *spent, f"{count / timed.seconds:,.1f}")


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.billing", description=__doc__)
    add = parser.add_argument
    add("--organizations", type=int, default=1_000)
    add("--events", type=int, default=10_000_000, help="of last month")
    add("--few", type=int, default=1_000_000, help="of them, when balance and page are read first")
    add("--more-events", type=int, default=40_000_000, help="of which only the sums are written")
    add("--documents", type=int, default=100, help="made as PDF, without the queue")
    add("--queued", type=int, default=100, help="customers closed with PDF through the queue")
    add("--visits", type=int, default=60)
    add("--alone", type=int, default=20, help="customers that are closed one by one")
    add("--settled", type=int, default=20_000, help="requests of one customer")
    add("--batch", type=int, default=250, help="of them in one transaction: 1,000 a second")
    add(
        "--state", type=Path, help="folder with a migrated database and no history; kept afterwards"
    )
    add("--json", type=Path, help="file for all numbers; '-' prints them instead of the table")
    return parser.parse_args()


def through_the_queue(stack: Stack) -> Queued:
    """Let a worker of Celery's close who is left, and make and mail each document."""
    worker = stack.start(processes.worker(), lambda: True)
    postgres = stack.storage("postgres")
    # Only once it answers: what a worker's start costs is no part of it.
    stack.ask("benchmarks.queueing", "ready")
    pid = worker.pid or 0
    before = machine.family_cpu_ms(pid), machine.family_cpu_ms(postgres)
    found = stack.ask("benchmarks.queueing", "close")
    spent = machine.family_cpu_ms(pid) - before[0], machine.family_cpu_ms(postgres) - before[1]
    stack.end(worker)
    return Queued(found["invoices"], found["seconds"], *spent)


def main() -> None:
    """Measure and tell."""
    asked = arguments()
    here = machine.describe()
    with Stack(asked.state) as stack:
        task = {
            "organizations": asked.organizations,
            "events": asked.events,
            "few": asked.few,
            "more_events": asked.more_events,
            "documents": asked.documents,
            "visits": asked.visits,
            "postgres": stack.storage("postgres"),
            "alone": min(asked.alone, asked.organizations // 4),
            "queued": min(asked.queued, asked.organizations // 4),
        }
        charged = msgspec.convert(stack.ask("benchmarks.charging", task), Charged)
        queued = through_the_queue(stack)
        settling = {
            "organizations": 1,
            "events": asked.settled,
            "batches": [asked.batch],
            "rounds": 1,
            "minutes": 1,
        }
        [run] = stack.ask("benchmarks.ingesting", settling)
        settlement = msgspec.convert(run["rounds"][0]["booked"], Timed)
    report = Report(
        day=date.today().isoformat(),  # noqa: DTZ011 - the day on the tester's wall
        machine=here,
        organizations=asked.organizations,
        events=asked.events,
        few=min(asked.few, asked.events),
        more_events=asked.more_events,
        documents=asked.documents,
        visits=asked.visits,
        settled=asked.settled,
        charged=charged,
        queued=queued,
        settlement=settlement,
    )
    found = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    if asked.json == Path("-"):
        sys.stdout.buffer.write(found)
        return
    print(table(report))
    if asked.json:
        asked.json.write_bytes(found)


if __name__ == "__main__":
    main()
