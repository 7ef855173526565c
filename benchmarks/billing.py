"""What billing costs: ``python -m benchmarks.billing``.

Rates a month's requests into invoice lines, finalizes the invoices, makes PDFs, reads a balance and the
usage page before and after many more requests, and settles the requests of one busy customer.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.machine import Machine, Timed
from benchmarks.stack import Stack


class Rating(msgspec.Struct):
    """The same requests summed up plainly, rated one by one, and rated from their sums."""

    plain: Timed
    rated: Timed
    drafted: Timed
    #: What the process needed more than before, at most.
    more_mib: float


class Read(msgspec.Struct):
    """What so many reads took."""

    balance: Timed
    page: Timed


class Charged(msgspec.Struct):
    """What one history took."""

    seeding_seconds: float
    rating: Rating
    few: Read
    #: One by one, in lots by one process, and in lots by two processes at once; how many of each.
    alone: Timed
    finalized: Timed
    beside: Timed
    counts: list[int]
    invoices: int
    drawn: Timed
    many: Read


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    organizations: int
    events: int
    more_events: int
    documents: int
    visits: int
    settled: int
    charged: Charged
    settlement: Timed


def table(report: Report) -> str:
    """Return the run as a table for people."""
    found, rating = report.charged, report.charged.rating
    many = report.events + report.more_events
    lines = [
        report.machine.text(),
        f"{report.events:,} requests of {report.organizations:,} organizations, then {many:,}",
        "",
        _columns("", "seconds", "python ms", "pg ms", "a second"),
        _row("plain SQL aggregate", rating.plain, report.events),
        _row("rated from each request", rating.rated, report.events),
        _row("rated from their sums", rating.drafted, report.events),
        _row("invoices finalized one by one", found.alone, found.counts[0]),
        _row("invoices finalized in lots", found.finalized, found.counts[1]),
        _row("in lots by two processes", found.beside, found.counts[2]),
        _row("PDFs made", found.drawn, min(report.documents, found.invoices)),
        _row(f"balance, {report.events:,} behind it", found.few.balance, report.visits),
        _row(f"balance, {many:,} behind it", found.many.balance, report.visits),
        _row(f"usage page, {report.events:,} behind it", found.few.page, report.visits),
        _row(f"usage page, {many:,} behind it", found.many.page, report.visits),
        _row("one customer's requests settled", report.settlement, report.settled),
        "",
        _ratios(rating),
    ]
    return "\n".join(lines)


def _ratios(rating: Rating) -> str:
    clock = rating.rated.seconds / rating.plain.seconds
    spent = _cpu(rating.rated) / _cpu(rating.plain)
    words = f"rated from each / plain: {clock:.2f} on the clock, {spent:.2f} of processors"
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
    add("--more-events", type=int, default=40_000_000, help="before all is read once more")
    add("--documents", type=int, default=100, help="made as PDF")
    add("--visits", type=int, default=60)
    add("--alone", type=int, default=20, help="customers that are closed one by one")
    add("--settled", type=int, default=20_000, help="requests of one customer")
    add("--batch", type=int, default=250, help="of them in one transaction: 1,000 a second")
    add("--json", type=Path, help="file for all numbers; '-' prints them instead of the table")
    return parser.parse_args()


def main() -> None:
    """Measure and tell."""
    asked = arguments()
    here = machine.describe()
    with Stack() as stack:
        task = {
            "organizations": asked.organizations,
            "events": asked.events,
            "more_events": asked.more_events,
            "documents": asked.documents,
            "visits": asked.visits,
            "postgres": stack.storage("postgres"),
            "alone": min(asked.alone, asked.organizations // 2),
        }
        charged = msgspec.convert(stack.ask("benchmarks.charging", task), Charged)
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
        more_events=asked.more_events,
        documents=asked.documents,
        visits=asked.visits,
        settled=asked.settled,
        charged=charged,
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
