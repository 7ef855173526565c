"""All that an invoice of usage was made of, so that anybody can make it again.

Every part of every request it tells of, with the version of the price that applied, as far as they
were known when it was issued; those prices; and a line's usage by day. Of an invoice that pays for
others, too: its lines say for whom.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from defusedcsv import csv
from django.db.models import Sum
from django.db.models.functions import TruncDate

from billing import commitments as committed
from billing import divisions, evidence_months, groups, periods
from billing.commitments import Commitment
from billing.counted import COLUMNS, GPU_HOURS, REQUESTS
from billing.evidence_months import Told, months
from billing.models import Invoice, InvoiceLine, PricedBucket
from billing.rating import units
from billing.receipts import moment, plain
from common.database import rows, service
from common.money import Money, exact
from marketplace.models import Price
from marketplace.models.prices import FALLBACK
from tenants.models import Organization
from tenants.scope import scope

BATCH = 1000
EVENT_COLUMNS = (
    "month", "request_id", "source", "occurred_at", "recorded_at", "model", "region",
    "project_id", "api_key_id", "part", "tokens", "price_id", "amount", "currency", "uncovered",
    "used_by",
)  # fmt: skip
PRICE_COLUMNS = (
    "price_id", "price_book", "currency", "model", "part", "service_tier", "unit_amount",
    "definition", "effective_from", "effective_until",
)  # fmt: skip
COMMITMENT_COLUMNS = (
    "month", "contract", "committed", "from", "until", "month_ends", "days", "of_days", "used_by",
)  # fmt: skip
EVENTS = f"""
SELECT e.id, e.event_id, e.source, e.occurred_at, e.recorded_at, e.offer_name, e.region,
    e.project_id, e.api_key_id, {", ".join(f"e.{column}" for column in COLUMNS.values())},
    e.price_ids::text AS price_ids, r.amounts::text AS amounts, r.currency, r.uncovered
FROM metering_usageevent e JOIN billing_ratedusage r
    ON r.organization_id = e.organization_id AND r.recorded_at = e.recorded_at AND r.id = e.id
WHERE e.organization_id = %(organization)s
    AND e.occurred_at >= %(start)s AND e.occurred_at < %(end)s AND e.recorded_at <= %(known)s
    AND (e.occurred_at, e.id) > (%(after)s, %(last)s)
ORDER BY e.occurred_at, e.id LIMIT {BATCH}
"""  # noqa: S608 - the names are this module's own
# The distinct versions that the events name, from their sums: one row per price and quarter-hour.
PRICES = """
SELECT DISTINCT price_id FROM billing_pricedbucket
WHERE organization_id = %(organization)s AND starts_at >= %(start)s AND starts_at < %(end)s
    AND price_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What of a line was used on one day of the billing time zone."""

    day: date
    #: Of GPU-hours, the seconds.
    tokens: int
    #: Exact; the line is rounded once, not its days.
    amount: Money


def events(invoice: Invoice) -> Iterator[str]:
    """Yield the requests as CSV, piece by piece; each piece opens the scope for itself."""
    yield _csv([EVENT_COLUMNS])
    for told in months(invoice):
        for found in _pieces(invoice, told):
            yield _csv(cells for row in found for cells in _parts(told, row))


def _pieces(invoice: Invoice, told: Told) -> Iterator[list[dict[str, Any]]]:
    """Yield the month's requests as far as they are the invoice's to show."""
    facts = {
        "organization": told.organization_id,
        "start": told.month.start,
        "end": told.month.end,
        "known": invoice.issued_at,
    }
    after, last = told.month.start, UUID(int=0)
    while True:
        with scope(told.organization_id):
            found = rows(EVENTS, {**facts, "after": after, "last": last})
        if found:
            yield [row for row in found if told.is_shown(row["recorded_at"])]
            after, last = found[-1]["occurred_at"], found[-1]["id"]
        if len(found) < BATCH:
            return


def _parts(told: Told, row: dict[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield a line per part, and one for the request where requests have a price.

    What no credit paid for stands once per request, on its first line.
    """
    prices, amounts = json.loads(row["price_ids"]), json.loads(row["amounts"])
    counts = {part: row[column] for part, column in COLUMNS.items()}
    counts[REQUESTS] = int(REQUESTS in prices)
    uncovered = row["uncovered"]
    for part, count in counts.items():
        if not count:
            continue
        yield (
            told.month.label,
            row["event_id"],
            row["source"],
            moment(row["occurred_at"]),
            moment(row["recorded_at"]),
            row["offer_name"],
            row["region"],
            row["project_id"],
            row["api_key_id"] or "",
            part,
            count,
            prices.get(part) or prices.get(FALLBACK.get(part, ""), ""),
            plain(amounts.get(part, "0")),
            row["currency"],
            plain(uncovered),
            told.used_by,
        )
        uncovered = Decimal(0)


def prices(invoice: Invoice) -> str:
    """Return, as CSV, the versions of prices that the invoice's usage was rated at."""
    named = {price_id for told in months(invoice) for price_id in price_ids(invoice, told)}
    # What was used at a group's price is told of after its customer left the group, too.
    with service():
        found = Price.objects.select_related("book", "offer").in_bulk(named)
    ordered = sorted(
        found.values(), key=lambda it: (it.offer.name, it.token_part, it.effective_from)
    )
    return _csv([PRICE_COLUMNS, *map(_price, ordered)])


def price_ids(invoice: Invoice, told: Told) -> set[UUID]:
    """Return which versions of prices a month's usage was rated at, as far as it is shown."""
    if told.elsewhere:
        shown = (row for found in _pieces(invoice, told) for row in found)
        return {UUID(it) for row in shown for it in json.loads(row["price_ids"]).values()}
    month = told.month
    facts = {"organization": told.organization_id, "start": month.start, "end": month.end}
    with scope(told.organization_id):
        return {row["price_id"] for row in rows(PRICES, facts)}


def _price(price: Price) -> Sequence[Any]:
    until: datetime | None = price.effective_until
    return (
        price.pk,
        price.book.code,
        price.book.currency,
        price.offer.name,
        price.token_part,
        price.service_tier,
        plain(price.per_token),
        json.dumps(price.definition, sort_keys=True),
        moment(price.effective_from),
        moment(until) if until else "",
    )


def commitments(invoice: Invoice) -> str:
    """Return, as CSV, what contracts ask for in the invoice's months, whatever was used."""
    lines: list[Sequence[Any]] = [COMMITMENT_COLUMNS]
    # What others committed to in months that they paid for themselves is theirs to read.
    for told in (it for it in months(invoice) if not it.elsewhere):
        with scope(told.organization_id):
            organization = Organization.objects.get(pk=told.organization_id)
            lines += [_committed(told, it) for it in committed.of(organization, told.month)]
    return _csv(lines)


def _committed(told: Told, it: Commitment) -> Sequence[Any]:
    ends = moment(it.start), moment(it.end), moment(told.month.end)
    amounts = it.contract, plain(it.committed)
    return (told.month.label, *amounts, *ends, it.days, it.of_days, told.used_by)


def days(organization: Organization, line: InvoiceLine) -> list[Day]:
    """Return what a line of usage tells of by day, from the sums of its quarter-hours.

    What came after the invoice is among it: the next invoice corrects that.
    """
    start = line.corrects or line.invoice.period_start
    if start is None or line.price_id is None:
        return []
    parts = groups.parts_of(line.invoice)
    if line.used_by and not line.corrects:
        start = parts.get(organization=organization).period_start
    month = periods.containing(start, organization.time_zone)
    section = groups.own_section(line.section, groups.names_on(organization, parts))
    if section:
        line.section = section
        return [_day(day, it, line) for day, it in divisions.days(organization, month, line)]
    day = TruncDate("starts_at", tzinfo=ZoneInfo(organization.time_zone))
    found = (
        PricedBucket.objects.filter(
            organization=organization,
            starts_at__gte=month.start,
            starts_at__lt=month.end,
            offer_name=line.offer_name,
            token_part=line.part,
            price_id=line.price_id,
        )
        .values(by_day=day)
        .annotate(sum=Sum("tokens"))
        .order_by("by_day")
    )
    return [_day(row["by_day"], row["sum"], line) for row in found]


def late_days(organization: Organization, line: InvoiceLine) -> list[Day] | None:
    """Return the same of a month that somebody else was invoiced for before: of what came late alone.

    None where there is no such month. All sections are told together; opens its scopes by itself.
    """
    told = evidence_months.of_line(line)
    if told is None:
        return None
    found: dict[date, int] = {}
    shown = (row for piece in _pieces(line.invoice, told) for row in piece)
    for cells in (cells for row in shown for cells in _parts(told, row)):
        its = dict(zip(EVENT_COLUMNS, cells, strict=True))
        asked = line.offer_name, line.part, str(line.price_id)
        if (its["model"], its["part"], its["price_id"]) == asked:
            at = datetime.fromisoformat(its["occurred_at"])
            day = at.astimezone(ZoneInfo(organization.time_zone)).date()
            found[day] = found.get(day, 0) + its["tokens"]
    return [_day(day, tokens, line) for day, tokens in sorted(found.items())]


def _day(day: date, tokens: Decimal | int, line: InvoiceLine) -> Day:
    priced = units.TO_HOURS.apply(Decimal(tokens)) if line.part == GPU_HOURS else tokens
    amount = exact(units.PRECISE.multiply(Decimal(priced), line.unit_amount))
    return Day(day, round(tokens), Money(amount, line.invoice.currency))


def _csv(lines: Any) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(lines)
    return file.getvalue()
