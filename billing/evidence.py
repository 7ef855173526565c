"""All that an invoice of usage was made of, so that anybody can make it again.

Every part of every request it tells of, with the version of the price that applied, as far as they
were known when it was issued; those prices; and a line's usage by day. Of an invoice that pays for
others, too: its lines say for whom.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from defusedcsv import csv
from django.db.models import Sum
from django.db.models.functions import TruncDate

from billing import commitments as committed
from billing import divisions, groups, periods
from billing.commitments import Commitment
from billing.counted import COLUMNS, GPU_HOURS, REQUESTS
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
HALF_A_MONTH = timedelta(days=14)
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


@dataclass(frozen=True, slots=True)
class Told:
    """An organization's month that an invoice tells of."""

    organization_id: UUID
    month: periods.Period
    #: Empty of the organization that is invoiced.
    used_by: str


def months(invoice: Invoice) -> list[Told]:
    """Return the months whose requests the invoice was made of: its own, then its members'.

    Both with those that it corrects, oldest first. What members used in a month counts towards what
    who pays committed to, though no line may tell of it.
    """
    told = told_of(invoice)
    return sorted({*told, *_counted(invoice, told)}, key=lambda it: (it.used_by, it.month.start))


def earlier(invoice: Invoice) -> list[Invoice]:
    """Return the invoices that told before of months which this one corrects. In its scope.

    Where it has no line of its own month, of that, too: it was held, and a later month's told of it.
    """
    lines = set(invoice.lines.order_by().values_list("used_by", "corrects"))
    corrected = [corrects for _used_by, corrects in lines if corrects]
    if (None, None) not in lines and invoice.period_start:
        corrected.append(invoice.period_start)
    if not corrected:
        return []
    before = Invoice.objects.filter(
        organization=invoice.organization,
        kind=Invoice.Kind.USAGE,
        issued_at__lt=invoice.issued_at,
        period_end__gt=min(corrected),
    )
    return list(before.order_by("issued_at"))


def told_before(invoice: Invoice) -> set[tuple[str, str]]:
    """Return which months, by user and label, those invoices told of. In its scope."""
    lines = InvoiceLine.objects.filter(invoice__in=earlier(invoice)).order_by()
    rows = lines.values_list("used_by", "corrects", "invoice__period_start").distinct()
    # Time zones are less than a day apart: two weeks on it is that month everywhere.
    return {
        (str(used_by or ""), f"{start + HALF_A_MONTH:%Y-%m}")
        for used_by, corrects, period_start in rows
        if (start := corrects or period_start)
    }


def told_of(invoice: Invoice) -> list[Told]:
    """Return the months that its lines tell of, and its own."""
    with scope(invoice.organization_id):
        rows = set(invoice.lines.order_by().values_list("used_by", "corrects"))
        starts = dict(groups.parts_of(invoice).values_list("organization", "period_start"))
    own = invoice.period_start
    found = {
        (used_by, corrects or (starts[used_by] if used_by else own)) for used_by, corrects in rows
    } | {(None, own)}
    return [_told(invoice, used_by, start) for used_by, start in found if start]


def _counted(invoice: Invoice, told: Sequence[Told]) -> Iterator[Told]:
    """Yield the members' months that count towards a commitment of the invoiced organization."""
    with service():
        own = [it.month for it in told if not it.used_by]
        for month in own:
            if committed.of(invoice.organization, month):
                for member in groups.members(invoice.organization, month.label):
                    theirs = periods.parse(month.label, member.time_zone)
                    yield Told(member.pk, theirs, str(member.pk))


def _told(invoice: Invoice, used_by: UUID | None, start: datetime) -> Told:
    if used_by is None:
        month = periods.containing(start, invoice.organization.time_zone)
        return Told(invoice.organization_id, month, "")
    with scope(used_by):
        zone = Organization.objects.get(pk=used_by).time_zone
    return Told(used_by, periods.containing(start, zone), str(used_by))


def events(invoice: Invoice) -> Iterator[str]:
    """Yield the requests as CSV, piece by piece; each piece opens the scope for itself."""
    yield _csv([EVENT_COLUMNS])
    for told in months(invoice):
        for found in _pieces(invoice, told):
            yield _csv(cells for row in found for cells in _parts(told, row))


def _pieces(invoice: Invoice, told: Told) -> Iterator[list[dict[str, Any]]]:
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
            yield found
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
    named: set[UUID] = set()
    for told in months(invoice):
        with scope(told.organization_id):
            named |= {*price_ids(told)}
    # What was used at a group's price is told of after its customer left the group, too.
    with service():
        found = Price.objects.select_related("book", "offer").in_bulk(named)
    ordered = sorted(
        found.values(), key=lambda it: (it.offer.name, it.token_part, it.effective_from)
    )
    return _csv([PRICE_COLUMNS, *map(_price, ordered)])


def price_ids(told: Told) -> list[UUID]:
    """Return which versions of prices a month's usage was rated at. In its organization's scope."""
    month = told.month
    facts = {"organization": told.organization_id, "start": month.start, "end": month.end}
    return [row["price_id"] for row in rows(PRICES, facts)]


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
    for told in months(invoice):
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


def _day(day: date, tokens: Decimal | int, line: InvoiceLine) -> Day:
    priced = units.TO_HOURS.apply(Decimal(tokens)) if line.part == GPU_HOURS else tokens
    amount = exact(units.PRECISE.multiply(Decimal(priced), line.unit_amount))
    return Day(day, round(tokens), Money(amount, line.invoice.currency))


def _csv(lines: Any) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(lines)
    return file.getvalue()
