"""The months that an invoice was made of, what others told of them before, and what its reader may see.

What an organization was invoiced for is its own to read. Where somebody else was invoiced for a month
before, who is asked for what came late of it reads what came late and no more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from billing import commitments as committed
from billing import groups, periods
from billing.models import Invoice, InvoiceLine, Payer
from common.database import service
from tenants.models import Organization
from tenants.scope import scope

HALF_A_MONTH = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An invoice to somebody else that told of a month before: what it told is not to be read here."""

    number: str
    #: After this, what was recorded belongs to it; None where it was the first to tell.
    since: datetime | None
    issued_at: datetime
    seal_number: int | None
    seal_digits: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """An organization's month that an invoice tells of."""

    organization_id: UUID
    month: periods.Period
    #: Empty of the organization that is invoiced.
    used_by: str
    #: Who else was invoiced for some of it, where the invoice's organization did not pay for it.
    elsewhere: tuple[Elsewhere, ...] = ()

    def is_shown(self, recorded_at: datetime) -> bool:
        """Whether what was recorded then was not invoiced to somebody else before."""
        return not any(
            (it.since is None or it.since < recorded_at) and recorded_at <= it.issued_at
            for it in self.elsewhere
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What an invoice to somebody else told of months that are the reader's own, or that it paid for."""

    invoice: Invoice
    #: By their organization, empty of the reader, and the first instant of their month.
    lines: Sequence[tuple[str, datetime, InvoiceLine]]


def months(invoice: Invoice) -> list[Told]:
    """Return the months whose requests the invoice was made of: its own, then its members'.

    Both with those that it corrects, oldest first. What members used in a month counts towards what
    who pays committed to, though no line may tell of it.
    """
    told = told_of(invoice)
    elsewhere = {it: _elsewhere(invoice, it) for it in told}
    found = {*told, *_counted(invoice, told)}
    return sorted(
        (replace(it, elsewhere=elsewhere.get(it, ())) for it in found),
        key=lambda it: (it.used_by, it.month.start),
    )


def earlier(invoice: Invoice) -> list[Invoice]:
    """Return the organization's invoices that told before of months which this one corrects.

    Where it has no line of its own month, of that, too: it was held, and a later month's told of it.
    In its scope.
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


def parts(invoice: Invoice) -> list[Part]:
    """Return what invoices to others told of those months before, as far as it is to be read here."""
    lines: dict[UUID, list[tuple[str, datetime, InvoiceLine]]] = {}
    for told in told_of(invoice):
        if _is_late(invoice, told) and not _is_paid_by_others(invoice, told):
            for pk, its in _lines_of(told).items():
                lines.setdefault(pk, []).extend((told.used_by, told.month.start, it) for it in its)
    before = _issued_before(invoice, lines)
    others = (it for it in before if it.organization_id != invoice.organization_id)
    return [Part(it, lines[it.pk]) for it in others]


def told_before(invoice: Invoice) -> set[tuple[str, str]]:
    """Return which months, by user and label, the organization's earlier invoices told of."""
    with scope(invoice.organization_id):
        lines = InvoiceLine.objects.filter(invoice__in=earlier(invoice)).order_by()
        rows = set(lines.values_list("used_by", "corrects", "invoice__period_start"))
    own = {
        (str(used_by or ""), _label(start))
        for used_by, corrects, period_start in rows
        if (start := corrects or period_start)
    }
    its = [line for part in parts(invoice) for line in part.lines]
    return own | {(used_by, _label(start)) for used_by, start, _line in its}


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


def of_line(line: InvoiceLine) -> Told | None:
    """Return the month that a line corrects, where somebody else was invoiced for it before."""
    if line.used_by is None or line.corrects is None:
        return None
    told = _told(line.invoice, line.used_by, line.corrects)
    elsewhere = _elsewhere(line.invoice, told)
    return replace(told, elsewhere=elsewhere) if elsewhere else None


def _label(start: datetime) -> str:
    # Time zones are less than a day apart: two weeks on it is that month everywhere.
    return f"{start + HALF_A_MONTH:%Y-%m}"


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


def _elsewhere(invoice: Invoice, told: Told) -> tuple[Elsewhere, ...]:
    """Return what others were invoiced for of a month that the invoice's organization did not pay."""
    if not (_is_late(invoice, told) and _is_paid_by_others(invoice, told)):
        return ()
    found: list[Elsewhere] = []
    since = None
    for it in _issued_before(invoice, _lines_of(told)):
        if it.organization_id != invoice.organization_id:
            found.append(Elsewhere(it.number, since, it.issued_at, it.seal_number, it.seal_digits))
        since = it.issued_at
    return tuple(found)


def _is_late(invoice: Invoice, told: Told) -> bool:
    """Whether others may have told of a month before: it is corrected, or the invoice's own."""
    start = invoice.period_start
    return not told.used_by or start is None or told.month.label < _label(start)


def _is_paid_by_others(invoice: Invoice, told: Told) -> bool:
    """Whether a month is somebody else's for whom the invoice's organization did not pay then."""
    if not told.used_by:
        return False
    with service():
        agreed = Payer.objects.during(told.month.label).filter(organization=told.organization_id)
        return not agreed.filter(payer=invoice.organization_id).exists()


def _lines_of(told: Told) -> dict[UUID, list[InvoiceLine]]:
    """Return what all invoices told of a month, by the invoice."""
    found: dict[UUID, list[InvoiceLine]] = {}
    with service():
        organization = Organization.objects.get(pk=told.organization_id)
        told_by = groups.told([(organization, told.month)])
    for line in told_by.get((told.organization_id, told.month.start), ()):
        found.setdefault(line.invoice_id, []).append(line)
    return found


def _issued_before(invoice: Invoice, of: Iterable[UUID]) -> list[Invoice]:
    with service():
        found = Invoice.objects.filter(pk__in=[*of], issued_at__lt=invoice.issued_at)
        return list(found.order_by("issued_at"))
