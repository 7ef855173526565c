"""What the gateway adds to a call: ``python -m benchmarks.gateway``.

Starts an own PostgreSQL, Valkey, demo engine and gateway on the loopback, calls the engine directly
and through the gateway in turn, prints a table and writes JSON. Afterwards it checks that every
good call was metered once and that the books agree.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.calls import (
    CHUNKS,
    LONG_KIB,
    Bench,
    Books,
    Compared,
    Cost,
    Memory,
    Options,
    say,
)
from benchmarks.machine import Machine
from benchmarks.stack import Stack


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    options: Options
    #: For a second in which nothing is called.
    idle: Cost
    moderate: Compared
    moderate_streamed: Compared
    full: Compared
    full_streamed: Compared
    long: Compared
    #: Short prompts, as many a second as there were long ones.
    short: Compared
    chunks: Compared
    memory: Memory
    books: Books
    committed: Compared


def measure(options: Options, state: Path | None = None) -> Report:
    """Start everything, measure everything, and end everything."""
    here = machine.describe()
    say("starting …")
    with Stack(state) as stack:
        bench = Bench(stack, options)
        bench.warm_up()
        rate, callers = options.per_second, options.callers
        long = bench.compare("long prompts", streamed=False, callers=callers, long=True)
        return Report(
            day=date.today().isoformat(),  # noqa: DTZ011 - the day on the tester's wall
            machine=here,
            options=options,
            idle=bench.idle,
            moderate=bench.compare("whole answers", streamed=False, per_second=rate),
            moderate_streamed=bench.compare("streams", streamed=True, per_second=rate),
            full=bench.compare("whole answers, flat out", streamed=False, callers=callers),
            full_streamed=bench.compare("streams, flat out", streamed=True, callers=callers),
            long=long,
            short=bench.compare(
                "short prompts alike", streamed=False, per_second=long.per_second("through")
            ),
            chunks=bench.chunks(),
            memory=bench.memory(),
            books=bench.books(),
            committed=bench.committed(),
        )


def table(report: Report) -> str:
    """Return the run as a table for people."""
    lines = [report.machine.text(), "", *_latencies(report), "", *_throughput(report)]
    lines += ["", *_costs(report), "", *_memory(report.memory), *_books(report.books)]
    return "\n".join(lines)


def _columns(name: str, *cells: object) -> str:
    return f"{name:<44}" + "".join(f"{cell!s:>10}" for cell in cells)


def _latencies(report: Report) -> list[str]:
    rate = f"at {report.options.per_second:g}/s"
    rows = [
        (f"whole answers {rate}, p50", report.moderate, "latency_ms", "p50"),
        (f"whole answers {rate}, p99", report.moderate, "latency_ms", "p99"),
        ("the same, commit durability, p50", report.committed, "latency_ms", "p50"),
        ("the same, commit durability, p99", report.committed, "latency_ms", "p99"),
        (f"streams {rate}, first byte p50", report.moderate_streamed, "first_ms", "p50"),
        (f"streams {rate}, first byte p99", report.moderate_streamed, "first_ms", "p99"),
    ]
    return [
        _columns("milliseconds", "direct", "gateway", "added", "ratio"),
        *(_row(*r) for r in rows),
    ]


def _row(name: str, found: Compared, measure: str, percentile: str) -> str:
    direct = found.middle("direct", measure, percentile)
    through = found.middle("through", measure, percentile)
    added, ratio = through - direct, through / direct if direct else 0
    return _columns(name, *(f"{each:.2f}" for each in (direct, through, added, ratio)))


def _throughput(report: Report) -> list[str]:
    lines = [_columns(f"calls a second, {report.options.callers} callers", "direct", "gateway")]
    for name, found in (("whole answers", report.full), ("streams", report.full_streamed)):
        direct, through = found.per_second("direct"), found.per_second("through")
        lines.append(_columns(name, round(direct), round(through), "", f"{through / direct:.2f}"))
    return lines


def _costs(report: Report) -> list[str]:
    rate, callers = f"at {report.options.per_second:g}/s", f"{report.options.callers} callers"
    rows = [
        (f"whole answers {rate}", report.moderate.cost),
        (f"streams {rate}", report.moderate_streamed.cost),
        (f"whole answers, {callers}", report.full.cost),
        (f"streams, {callers}", report.full_streamed.cost),
        (f"prompts of {LONG_KIB} KiB, {callers}", report.long.cost),
        ("short prompts, as many a second as those", report.short.cost),
        (f"streams of {CHUNKS} chunks, {callers}", report.chunks.cost),
        (f"commit durability {rate}", report.committed.cost),
        ("a second without calls", report.idle),
    ]
    head = _columns("processor ms a call", "gateway", "postgres", "valkey", "engine")
    return [head, *(_columns(name, c.gateway, c.postgres, c.valkey, c.engine) for name, c in rows)]


def _memory(found: Memory) -> list[str]:
    head = _columns("memory of the gateway, MiB", "before", "then", "KiB each")
    many = f"{found.streams} open streams"
    return [
        head,
        _columns(f"{found.calls} calls", found.before_calls_mib, found.after_calls_mib),
        _columns(many, found.idle_mib, found.with_streams_mib, found.kib_per_stream),
        _columns(f"{many} that nobody reads", found.idle_mib, found.unread_mib),
    ]


def _books(books: Books) -> list[str]:
    if books.problems:
        return ["", f"books after {books.good_calls} good calls are WRONG:", *books.problems]
    return ["", f"books: {books.good_calls} good calls, each metered and paid exactly once"]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=4, help="of each load")
    add("--rounds", type=int, default=3, help="of each comparison, in turn")
    add("--rate", type=float, default=200, help="calls a second at moderate load")
    add("--callers", type=int, default=32, help="at once, flat out")
    add("--customers", type=int, default=8)
    add("--streams", type=int, default=500, help="open while memory is read")
    add("--endurance", type=int, default=100_000, help="calls after which memory is read")
    add(
        "--state", type=Path, help="folder with a migrated database and no history; kept afterwards"
    )
    add("--json", type=Path, help="file for all numbers; '-' prints them instead of the table")
    return parser.parse_args()


def main() -> None:
    """Measure and tell."""
    asked = arguments()
    options = Options(
        asked.seconds, asked.rounds, asked.rate, asked.callers, asked.customers, asked.streams,
        asked.endurance,
    )  # fmt: skip
    report = measure(options, asked.state)
    found = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    if asked.json == Path("-"):
        sys.stdout.buffer.write(found)
    else:
        print(table(report))
        if asked.json:
            asked.json.write_bytes(found)
    if report.books.problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
