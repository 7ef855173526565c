"""The usage page as a file of comma-separated values, for spreadsheets and scripts.

Cells that a spreadsheet would take for a formula are neutralised by ``defusedcsv``. Amounts and
counts are written plainly, to the last digit, so that they can be summed up again.
"""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from defusedcsv import csv

from metering import queries as metering
from metering.models import GPU_SECONDS, TOKEN_PARTS
from portal.usage import report
from portal.usage.filters import UsageFilter
from portal.usage.requests import Line, lines
from tenants.scope import scope

BATCH = 1000
PARTS = tuple(f"{part}_tokens" for part in TOKEN_PARTS)
SUM_COLUMNS = ("requests", "failures", *PARTS, GPU_SECONDS, "mean_ttft_ms", "cost", "currency")
REQUEST_COLUMNS = (
    "occurred_at", "request_id", "model", "key", "region", *PARTS, GPU_SECONDS, "cost", "currency",
    "ttft_ms", "latency_ms", "streamed", "outcome",
)  # fmt: skip


class _Echo:
    """A file that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


def file_name(asked: UsageFilter) -> str:
    """Name the file after the organization, the days and what its rows are."""
    days, facts = asked.days, asked.cleaned_data
    kind = facts["rows"] if facts["rows"] == "requests" else f"by-{facts['by']}"
    return f"usage_{asked.organization.slug}_{days.first}_{days.last}_{kind}.csv"


def chunks(asked: UsageFilter) -> Iterator[str]:
    """Yield the file piece by piece; each piece opens the organization's scope for itself."""
    writer = csv.writer(_Echo())
    if asked.cleaned_data["rows"] == "sums":
        yield from _sums(asked, writer)
    else:
        yield from _requests(asked, writer)


def _sums(asked: UsageFilter, writer: Any) -> Iterator[str]:
    yield writer.writerow((asked.cleaned_data["by"], *SUM_COLUMNS))
    with scope(asked.organization):
        rows = report.rows(asked)
    for row in rows:
        counts = [getattr(row.usage, name) for name in SUM_COLUMNS[:-2]]
        yield writer.writerow((row.plain, *counts, f"{row.cost.amount:f}", row.cost.currency))


def _requests(asked: UsageFilter, writer: Any) -> Iterator[str]:
    yield writer.writerow(REQUEST_COLUMNS)
    zone, last = ZoneInfo(asked.days.time_zone), None
    while True:
        with scope(asked.organization):
            found = lines(metering.requests(asked.cut, limit=BATCH, before=last))
        yield "".join(writer.writerow(_cells(line, zone)) for line in found)
        if len(found) < BATCH:
            return
        last = found[-1].event


def _cells(line: Line, zone: ZoneInfo) -> tuple[Any, ...]:
    event, cost = line.event, line.cost
    return (
        event.occurred_at.astimezone(zone).isoformat(timespec="milliseconds"),
        event.event_id,
        event.offer_name,
        line.key_name,
        event.region,
        *(getattr(event, part) for part in PARTS),
        event.gpu_seconds,
        f"{cost.amount:f}" if cost else "",
        cost.currency if cost else "",
        event.ttft_ms,
        event.latency_ms,
        "yes" if event.streamed else "no",
        event.outcome,
    )
