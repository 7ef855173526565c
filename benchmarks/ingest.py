"""How fast usage comes into PostgreSQL: ``python -m benchmarks.ingest``.

Writes the same kind of rows in turn: a bare binary COPY into a table without any key, then our ways,
each doing more than the one before. What counts is the ratio to the bare COPY of the same round.
Afterwards it checks that every event stands once and that the books agree.
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

#: Each way, and what it does.
WAYS = {
    "bare": "binary COPY, no key",
    "deduplicated": "each event once",
    "summed": "… and sums",
    "booked": "… and money, all of it",
    "repeated": "all of it again: duplicates",
}


class Run(msgspec.Struct):
    """Everything of batches of one size."""

    batch: int
    #: Per round, what each way took.
    rounds: list[dict[str, Timed]]

    def middle(self, way: str, measure: str) -> float:
        """Return the median of a measure, of all events of a round."""
        return float(statistics.median(getattr(each[way], measure) for each in self.rounds))

    def ratio(self, way: str) -> float:
        """Return how fast a way is beside the bare COPY, each round for itself."""
        return statistics.median(each["bare"].seconds / each[way].seconds for each in self.rounds)


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    events: int
    runs: list[Run]
    #: What is wrong with the books; nothing, one hopes.
    problems: list[str]


def table(report: Report) -> str:
    """Return the run as a table for people."""
    lines = [report.machine.text()]
    for run in report.runs:
        lines += ["", _columns(f"batches of {run.batch:,}", "events/s", "ratio", "python", "pg")]
        lines += [_row(run, way, report.events) for way in WAYS]
    lines += ["", "python, pg: processor microseconds an event, here and in PostgreSQL"]
    lines += [f"WRONG: {each}" for each in report.problems] or ["books: every event stands once"]
    return "\n".join(lines)


def _columns(name: str, *cells: object) -> str:
    return f"{name:<34}" + "".join(f"{cell!s:>12}" for cell in cells)


def _row(run: Run, way: str, events: int) -> str:
    python, postgres = (
        f"{run.middle(way, measure) * 1000 / events:.1f}"
        for measure in ("python_ms", "postgres_ms")
    )
    per_second = f"{events / run.middle(way, 'seconds'):,.0f}"
    return _columns(WAYS[way], per_second, f"{run.ratio(way):.2f}", python, postgres)


def problems(facts: dict[str, float], written: int) -> list[str]:
    """Return what does not agree, when each of three ways wrote so many events."""
    must_be_zero = (
        "ledger_sum", "bucket_difference", "still_leased", "below_zero", "prepaid_difference",
        "grant_difference", "balance_difference", "uncovered",
    )  # fmt: skip
    wrong = [f"{name} is {facts[name]:g}" for name in must_be_zero if facts[name]]
    expected = {"events": 3 * written, "in_buckets": 2 * written, "rated": written}
    return wrong + [
        f"{name} are {facts[name]:g}, not {count}"
        for name, count in expected.items()
        if facts[name] != count
    ]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    add = parser.add_argument
    add("--organizations", type=int, default=8)
    add("--events", type=int, default=20_000, help="of each way, in each round")
    add("--batches", type=int, nargs="+", default=[5_000, 500], help="sizes, one after the other")
    add("--rounds", type=int, default=5)
    add("--minutes", type=float, default=1, help="how long ago the oldest event was")
    add(
        "--state", type=Path, help="folder with a migrated database and no history; kept afterwards"
    )
    add("--json", type=Path, help="file for all numbers; '-' prints them instead of the table")
    return parser.parse_args()


def main() -> None:
    """Measure and tell."""
    asked = arguments()
    here = machine.describe()
    with Stack(asked.state) as stack:
        task = {
            "organizations": asked.organizations,
            "events": asked.events,
            "batches": asked.batches,
            "rounds": asked.rounds,
            "minutes": asked.minutes,
        }
        runs = msgspec.convert(stack.ask("benchmarks.ingesting", task), list[Run])
        # A batch of each size went before, to warm up.
        written = sum(batch + asked.rounds * asked.events for batch in asked.batches)
        wrong = problems(stack.ask("benchmarks.books"), written)
    day = date.today().isoformat()  # noqa: DTZ011 - the day on the tester's wall
    report = Report(day, here, asked.events, runs, wrong)
    found = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    if asked.json == Path("-"):
        sys.stdout.buffer.write(found)
    else:
        print(table(report))
        if asked.json:
            asked.json.write_bytes(found)
    if report.problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
