"""How fast the pages are with a long history behind them: ``python -m benchmarks.pages``.

Seeds an own PostgreSQL with 500 models, 2,000 organizations and 50 million requests (of all but 200,000
the sums alone), opens the busiest pages for the largest customers, prints a table and writes JSON.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.load import Spread
from benchmarks.machine import Machine
from benchmarks.stack import Stack


class Page(msgspec.Struct):
    """What one page costs; its status alone when that is not 200."""

    status: int
    milliseconds: Spread | None = None
    #: Processor time of one visit, whatever else runs on the machine.
    python_ms: float = 0
    postgres_ms: float = 0
    queries: int = 0
    kib: float = 0


class Walked(msgspec.Struct):
    """What was there, and what each page cost."""

    seeding_seconds: float
    rows: dict[str, int]
    pages: dict[str, Page]


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    visits: int
    walked: Walked


def table(report: Report) -> str:
    """Return the run as a table for people."""
    rows = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in report.walked.rows.items())
    lines = [report.machine.text(), rows, ""]
    lines.append(_columns("", "p50 ms", "p95 ms", "python", "postgres", "queries", "KiB"))
    for name, page in report.walked.pages.items():
        ms = page.milliseconds
        if ms is None:
            lines.append(_columns(name, f"status {page.status}"))
            continue
        cells = ms.p50, ms.p95, page.python_ms, page.postgres_ms
        lines.append(_columns(name, *(f"{each:.1f}" for each in cells), page.queries, page.kib))
    return "\n".join(lines)


def _columns(name: str, *cells: object) -> str:
    return f"{name:<18}" + "".join(f"{cell!s:>11}" for cell in cells)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    add = parser.add_argument
    add("--organizations", type=int, default=2_000)
    add("--models", type=int, default=500)
    add("--events", type=int, default=200_000, help="requests that are written whole")
    add("--sums", type=int, default=50_000_000, help="requests more, of which the sums are written")
    add("--visits", type=int, default=60, help="to each page")
    add("--state", type=Path, help="folder to keep the database in for the next run")
    add("--json", type=Path, help="file for all numbers; '-' prints them instead of the table")
    return parser.parse_args()


def main() -> None:
    """Seed, walk and tell."""
    asked = arguments()
    here = machine.describe()
    with Stack(asked.state) as stack:
        task = {
            "organizations": asked.organizations,
            "events": asked.events,
            "sums": asked.sums,
            "models": asked.models,
            "visits": asked.visits,
            "postgres": stack.storage("postgres"),
        }
        walked = msgspec.convert(stack.ask("benchmarks.browsing", task), Walked)
    day = date.today().isoformat()  # noqa: DTZ011 - the day on the tester's wall
    report = Report(day, here, asked.visits, walked)
    found = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    if asked.json == Path("-"):
        sys.stdout.buffer.write(found)
        return
    print(table(report))
    if asked.json:
        asked.json.write_bytes(found)


if __name__ == "__main__":
    main()
