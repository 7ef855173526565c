"""The months that an invoice tells of, and whose they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from verify.findings import need
from verify.invoice import instant, month_of, whose

HOUR = timedelta(hours=1)

Facts = dict[str, Any]


@dataclass(frozen=True)
class Elsewhere:
    """An invoice to somebody else that told of a month which the invoice's organization did not pay."""

    number: str
    #: When the one before it was issued; None where it was the first to tell.
    since: datetime | None
    issued: datetime
    seal_number: int | None
    seal_hash: str | None

    def has(self, recorded: datetime) -> bool:
        """Whether what was recorded then was known when it was issued, and to none before it."""
        return (self.since is None or self.since < recorded) and recorded <= self.issued


@dataclass(frozen=True)
class Month:
    """A month of an organization that the invoice was made of."""

    label: str
    organization_id: str
    #: Empty of the organization that is invoiced.
    used_by: str
    time_zone: str
    start: datetime
    end: datetime
    #: Whether lines tell of it; otherwise it counts towards a commitment alone.
    is_told: bool
    #: Whether an earlier invoice has told of it.
    is_told_before: bool
    #: Who else was invoiced for some of it before: what these invoices told is not in the export.
    elsewhere: tuple["Elsewhere", ...] = ()

    @property
    def name(self) -> str:
        """What it is called where something does not hold."""
        return f"month {self.label} of organization {self.organization_id}"


def read(told: Facts, invoice: Facts, commitments: list[dict[str, str]]) -> dict[str, list[Month]]:
    """Return the months by organization, once the cut of each and the lines of the invoice fit."""
    found: dict[str, list[Month]] = {}
    for it in told["months"]:
        month = _month(it, invoice["organization_id"])
        its = found.setdefault(month.organization_id, [])
        need(all(month.label != other.label for other in its), f"{month.name}: is told of twice")
        need(
            all(month.time_zone == other.time_zone for other in its),
            f"{month.name}: is cut in another time zone than others of it",
        )
        its.append(month)
    _check_own(found.get(invoice["organization_id"], []), invoice)
    _check_lines({(it.used_by, it.label): it for its in found.values() for it in its}, invoice)
    for month in [it for its in found.values() for it in its]:
        _check_reason(month, invoice, commitments)
    return found


def containing(at: datetime, time_zone: str) -> tuple[str, datetime, datetime]:
    """Return the calendar month of an instant in a time zone: its name and both its ends."""
    zone = ZoneInfo(time_zone)
    local = at.astimezone(zone)
    start = datetime(local.year, local.month, 1, tzinfo=zone)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    end = datetime(year, month, 1, tzinfo=zone)
    return f"{local:%Y-%m}", start.astimezone(UTC), end.astimezone(UTC)


def _month(told: Facts, own: str) -> Month:
    organization, user, zone = told["organization_id"], told["used_by"], told["time_zone"]
    start, end = instant(told["start"]), instant(told["end"])
    label, begins, ends = containing(start, zone)
    month = Month(
        label,
        organization,
        user,
        zone,
        start,
        end,
        told["is_told"],
        told["is_told_before"],
        tuple(_elsewhere(it) for it in told.get("told_elsewhere", ())),
    )
    need(
        (told["label"], start, end) == (label, begins, ends),
        f"{month.name}: {told['label']} from {start} until {end} is no calendar month of {zone}",
    )
    need(
        user == ("" if organization == own else organization),
        f"{month.name}: is counted as if it were of {user or own}",
    )
    return month


def _elsewhere(told: Facts) -> Elsewhere:
    return Elsewhere(
        told["number"],
        instant(told["since"]) if told["since"] else None,
        instant(told["issued_at"]),
        told["seal_number"],
        told["seal_hash"],
    )


def _check_own(months: list[Month], invoice: Facts) -> None:
    start, end = instant(invoice["period_start"]), instant(invoice["period_end"])
    need(
        any((it.start, it.end, it.is_told) == (start, end, True) for it in months),
        f"the invoice is of {start} until {end}: that is no month of its organization in the export",
    )


def _check_lines(months: dict[tuple[str, str], Month], invoice: Facts) -> None:
    """Each line is of a month that is here."""
    for line in invoice["lines"]:
        user, label = whose(line), month_of(line, invoice)
        month = months.get((user, label))
        need(
            month is not None
            and month.is_told
            and (not line["corrects"] or instant(line["corrects"]) == month.start),
            f"a line tells of {label} of {user or 'the organization'}: that month is not in the export",
        )


def _check_reason(month: Month, invoice: Facts, commitments: list[dict[str, str]]) -> None:
    """Each month is here for a line, or counts towards what the organization committed to."""
    if month.elsewhere:
        need(
            bool(month.used_by)
            and month.is_told
            and month.is_told_before
            and all(
                (it["month"], it["used_by"]) != (month.label, month.used_by) for it in commitments
            )
            and all(it.issued < instant(invoice["issued_at"]) for it in month.elsewhere),
            f"{month.name}: cannot have been invoiced to somebody else before",
        )
    if month.is_told:
        is_own = not month.used_by and month.start == instant(invoice["period_start"])
        need(
            is_own or any(lines_of(month, invoice)),
            f"{month.name}: no line of the invoice tells of it",
        )
        return
    need(
        bool(month.used_by)
        and not any(lines_of(month, invoice))
        and any((it["month"], it["used_by"]) == (month.label, "") for it in commitments),
        f"{month.name}: has nothing to do with the invoice",
    )


def lines_of(month: Month, invoice: Facts) -> Iterator[Facts]:
    """Yield the lines that tell of a month."""
    for line in invoice["lines"]:
        if (whose(line), month_of(line, invoice)) == (month.used_by, month.label):
            yield line
