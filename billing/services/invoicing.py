"""Invoices: drafts computed from usage, numbers given once, documents that never change."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import agreements, commitments, divisions, groups, periodic, periods, sharing
from billing.divisions import Division
from billing.drafts import Draft, DraftLine, UsedTokens, corrections, usage_draft, worth
from billing.models import (
    Contract,
    Invoice,
    Issuer,
    Order,
    PricedBucket,
    RatedUsage,
    SpendBucket,
)
from billing.services import holding, late_usage, limits, papers, surpluses, true_ups
from billing.services import parts as parts_of_group
from billing.services.parts import Part
from common import jobs
from common.database import atomic, service
from common.errors import Conflict
from metering.models import UsageEvent
from metering.queries import dropped_until
from tenants.models import Organization

#: Usage that was being recorded while an invoice was made is looked for again this long after.
OVERLAP = timedelta(days=1)
ZERO = Decimal(0)

log = structlog.get_logger(__name__)


def default_issuer() -> Issuer:
    """Return the operator's legal entity that invoices."""
    return Issuer.objects.get(is_default=True)


def draft(organization: Organization, period: periods.Period) -> Draft:
    """Return the usage invoice of a period as it stands now, from its sums by price.

    The same to the last digit as :func:`rerated`, however many events there are; not divided.
    """
    return _so_far(organization, period, None)


def preview(organization: Organization, period: periods.Period) -> Draft:
    """Return the same divided as the organization's invoices are.

    As the service, with the months of all for whom it pays.
    """
    whole = _so_far(organization, period, divisions.of(organization))
    members = groups.members(organization, period.label)
    parts = [_shown(organization, period, whole)]
    for member in members:
        month = periods.parse(period.label, member.time_zone)
        draft = _so_far(member, month, divisions.of(member))
        parts.append(_shown(member, month, draft))
    return replace(whole, lines=_together(parts))


def _shown(organization: Organization, period: periods.Period, month: Draft) -> Part:
    return Part(organization, period, month, sharing.divided(month.lines, month.currency))


def _together(parts: Sequence[Part]) -> tuple[DraftLine, ...]:
    """Return the lines of one invoice: those of the organization itself, then of its members.

    Where members have some, each stands in sections of its own, under its name.
    """
    payer, *members = parts
    if not any(part.lines for part in members):
        return tuple(payer.lines)
    return tuple(
        replace(
            line,
            section=groups.section(part.organization.name, line.section),
            used_by=None if part is payer else part.organization.pk,
        )
        for part in parts
        for line in part.lines
    )


def _so_far(organization: Organization, period: periods.Period, division: Division | None) -> Draft:
    within = {
        "organization": organization,
        "starts_at__gte": period.start,
        "starts_at__lt": period.end,
    }
    spent = SpendBucket.objects.filter(**within, currency=organization.currency)

    def until(whose: Organization, start: datetime, end: datetime) -> periodic.Sums:
        within = {"organization": whose, "starts_at__gte": start, "starts_at__lt": end}
        return periodic.summed(PricedBucket.objects.filter(**within))

    whole = until(organization, period.start, period.end)
    owned = divisions.so_far(organization, period, division) if division else {}
    shares = {key: division.shares(of) for key, of in owned.items()} if division else {}
    return _drafted(organization, period, periodic.priced(whole, shares), until, spent)


def rerated(
    organization: Organization, period: periods.Period, division: Division | None = None
) -> Draft:
    """Return the usage invoice of a period from each of its events: what is finalized.

    Its lines are whole; they say how the division shares them.
    """
    within = {
        "organization": organization,
        "occurred_at__gte": period.start,
        "occurred_at__lt": period.end,
    }
    events, rated = UsageEvent.objects.filter(**within), RatedUsage.objects.filter(**within)
    owned = periodic.owned(events, division.by if division else "")
    whole = {key: sum(of.values()) for key, of in owned.items()}
    shares = {key: division.shares(of) for key, of in owned.items()} if division else {}

    def until(whose: Organization, start: datetime, end: datetime) -> periodic.Sums:
        within = {"organization": whose, "occurred_at__gte": start, "occurred_at__lt": end}
        return periodic.sums(UsageEvent.objects.filter(**within))

    return _drafted(organization, period, periodic.priced(whole, shares), until, rated)


def _drafted(
    organization: Organization,
    period: periods.Period,
    used: Sequence[UsedTokens],
    until: Callable[[Organization, datetime, datetime], periodic.Sums],
    settled: QuerySet[Any],
) -> Draft:
    currency = organization.currency

    def worth_until(end: datetime) -> Decimal:
        if end == period.start:
            return ZERO
        is_over = end == period.end
        own = used if is_over else periodic.priced(until(organization, period.start, end))
        found = worth(own, currency=currency, is_over=is_over)
        # What members of a group use counts towards what who pays for them committed to.
        for member in groups.members(organization, period.label):
            month = periods.parse(period.label, member.time_zone)
            its = until(member, month.start, month.end if is_over else end)
            found += worth(periodic.priced(its), currency=currency, is_over=is_over)
        return found

    contract = _contract(organization, period)
    tax = agreements.tax(organization, contract, agreements.issuer_of(organization))
    totals = settled.aggregate(amount=Sum("amount"), uncovered=Sum("uncovered"))
    drafted = usage_draft(
        used,
        uncovered=totals["uncovered"] or ZERO,
        currency=currency,
        tax_rate=tax.rate,
        coverage_label=_coverage_label(),
        settled=totals["amount"] or ZERO,
        returned=true_ups.returned(organization, period),
        extra=commitments.lines(organization, period, worth_until),
    )
    return replace(drafted, tax_category=tax.category, tax_reason=tax.reason)


def _contract(organization: Organization, period: periods.Period) -> Contract | None:
    """Return the contract whose terms a month's invoice is written by: the one at its end."""
    return agreements.in_force(organization, period.end - timedelta(microseconds=1))


def _coverage_label() -> str:
    return _("Covered by prepaid credit")


def late(
    organization: Organization, period: periods.Period
) -> list[tuple[periods.Period, Draft, tuple[DraftLine, ...]]]:
    """Return what earlier months come to now, with the lines that no invoice has told of yet.

    Their usage was reported after the month was closed, or the month was never closed. Each line
    names its month and is rated at the prices that applied then.
    """
    events = UsageEvent.objects.filter(organization=organization, occurred_at__lt=period.start)
    if last := groups.invoiced(organization):
        events = events.filter(recorded_at__gt=last - OVERLAP)
    month = TruncMonth("occurred_at", tzinfo=ZoneInfo(organization.time_zone))
    starts = events.order_by().values_list(month, flat=True).distinct()
    found = []
    gone = dropped_until()
    accepted, division = late_usage.accepted(organization), divisions.of(organization)
    for start in sorted({*starts, *accepted} - holding.kept_back(organization)):
        earlier = periods.containing(start, organization.time_zone)
        if _waits_elsewhere(organization, earlier):
            continue
        if gone and earlier.start < gone:
            # What else was used in that month is no longer there to be rated with it.
            log.error("usage_too_late", organization=organization.slug, month=earlier.label)
            continue
        if earlier.start not in accepted and _is_too_late(organization, earlier):
            late_usage.queue(organization, earlier)
            continue
        whole = rerated(organization, earlier, division)
        lines = corrections(
            whole,
            groups.told(organization, earlier),
            corrects=earlier.start,
            label=earlier.label,
            coverage_label=_coverage_label(),
        )
        found.append((earlier, whole, lines))
    return found


def _waits_elsewhere(organization: Organization, month: periods.Period) -> bool:
    """Whether the month belongs on an invoice of who pays that is or was held."""
    found = groups.payer_of(organization, month.label)
    if found is None:
        return False
    start = periods.parse(month.label, found.payer.time_zone).start
    return start in holding.kept_back(found.payer)


@atomic()
def invoice_purchase(order: Order) -> None:
    """Write the paid invoice of an order, in the transaction that grants what it bought.

    An electronic one is written by a worker a moment later, which holds it against the rules
    first: what was paid for is granted whatever its document looks like.
    """
    paper = _purchase(order)
    if paper.invoice.seller["is_electronic"]:
        jobs.enqueue("billing.invoice_orders")
        return
    papers.keep(paper)


def _purchase(order: Order) -> papers.Paper:
    net = order.net
    line = DraftLine("bundle", order.bundle_name, Decimal(1), net, net, net)
    return papers.draw_up(
        order.organization,
        kind=Invoice.Kind.PURCHASE,
        lines=[line],
        totals={
            "currency": order.currency,
            "net": net,
            "exact_net": net,
            "tax_rate": order.tax_rate,
            "tax_category": order.tax_category,
            "tax_reason": order.tax_reason,
            "tax": order.tax,
            "total": order.total,
        },
        is_paid=True,
        issuer=order.issuer,
        order=order,
    )


def invoice_orders() -> int:
    """Write the invoices of paid orders that have none yet; return how many there were."""
    with service():
        waiting = list(Order.objects.uninvoiced().values_list("pk", flat=True))
    writes = (partial(_invoice_order, order_id) for order_id in waiting)
    return sum(_tried(partial(holding.looked_at, write)) for write in writes)


def _invoice_order(order_id: UUID) -> Invoice | None:
    """Write the invoice of a paid order, once, unless it is held."""
    with service():
        order = Order.objects.locked(order_id)
        if present := Invoice.objects.filter(order=order).first():
            return present
        paper = _purchase(order)
        return papers.keep(paper) if holding.let_through(paper) else None


def finalize(organization: Organization, period: periods.Period) -> Invoice | None:
    """Close a month that has ended: number and keep its invoice, once; none without usage.

    None either while it waits for a person, because something about it looks wrong.
    """
    if period.end > timezone.now():
        raise Conflict(_("This month has not ended; its invoice is still a draft."))
    return holding.looked_at(partial(_finalize, organization, period))


def _finalize(organization: Organization, period: periods.Period) -> Invoice | None:
    with service():
        members = groups.locked(organization, period.label)
        present = Invoice.objects.filter(
            organization=organization, kind=Invoice.Kind.USAGE, period_start=period.start
        ).first()
        if present is not None:
            return present
        if members is None or groups.payer_of(organization, period.label):
            # The next round looks again; or the month stands on the invoice of who pays for it.
            return None
        contract = _contract(organization, period)
        if timezone.now() < period.end + agreements.grace(contract):
            raise Conflict(_("The contract keeps this month's draft open for late usage."))
        if holding.is_waiting(organization, period) or _is_told(organization, period):
            return None
        months = [periods.parse(period.label, it.time_zone) for it in members]
        if any(month.end > timezone.now() for month in months):
            # It has not ended where a member lives.
            return None
        pairs = zip(members, months, strict=True)
        parts = [_part(organization, period), *(_part(it, month) for it, month in pairs)]
        return _write(organization, period, contract, parts)


def _part(organization: Organization, period: periods.Period) -> Part:
    month = rerated(organization, period, divisions.of(organization))
    is_told = _is_told(organization, period)
    own = () if is_told else month.lines
    earlier = late(organization, period)
    told = (line for _period, _whole, lines in earlier for line in lines)
    lines = sharing.divided((*own, *told), month.currency)
    wholes = tuple((its, whole) for its, whole, _lines in earlier)
    return Part(organization, period, month, lines, is_told, wholes)


def _write(
    organization: Organization,
    period: periods.Period,
    contract: Contract | None,
    parts: Sequence[Part],
) -> Invoice | None:
    """Write the invoice of these parts; none if there is nothing on it, or if it is held."""
    computed = replace(parts[0].month, lines=_together(parts))
    if not computed.lines:
        _true_up(parts)
        return None
    paper = papers.draw_up(
        organization,
        kind=Invoice.Kind.USAGE,
        lines=computed.lines,
        totals={
            "currency": computed.currency,
            "net": computed.net,
            "exact_net": computed.exact_net,
            "tax_rate": computed.tax_rate,
            "tax_category": computed.tax_category,
            "tax_reason": computed.tax_reason,
            "tax": computed.tax,
            "total": computed.total,
        },
        is_paid=computed.total <= 0,
        contract=contract,
        period_start=period.start,
        period_end=period.end,
    )
    if not holding.let_through(paper):
        return None
    _true_up(parts)
    invoice = papers.keep(paper)
    parts_of_group.keep(invoice, parts)
    if invoice.total < 0:
        surpluses.of_invoice(invoice)
    limits.sync(organization)
    jobs.enqueue("billing.collect")
    return invoice


def _true_up(parts: Sequence[Part]) -> None:
    for part in parts:
        if not part.is_told:
            true_ups.book(part.organization, part.period, part.month)
        for period, whole in part.earlier:
            true_ups.book(part.organization, period, whole)


def _is_told(organization: Organization, period: periods.Period) -> bool:
    """Whether a later invoice has told of the month already: the rest of it is late usage."""
    return groups.lines(organization).filter(corrects=period.start).exists()


def close_periods() -> int:
    """Finalize every organization's last month; return how many invoices stand for it."""
    with service():
        organizations = list(Organization.objects.all())
    closed = write_held()
    for organization in organizations:
        current = periods.containing(timezone.now(), organization.time_zone)
        last = periods.before(current, organization.time_zone)
        if not _is_open(organization, last):
            closed += _tried(partial(finalize, organization, last))
    return closed


def write_held() -> int:
    """Write the invoices that no longer wait for a person; return how many there were."""
    with service():
        months = holding.let_go()
    written = sum(_tried(partial(finalize, it.organization, it.period)) for it in months)
    return written + invoice_orders()


def _tried(write: Callable[[], Invoice | None]) -> bool:
    """Whether it was written; one customer's trouble leaves the others their invoice."""
    try:
        return write() is not None
    except Exception:
        log.exception("invoice_not_finalized")
        return False


def _is_open(organization: Organization, period: periods.Period) -> bool:
    """Whether the contract keeps the month's draft open for late usage."""
    with service():
        contract = _contract(organization, period)
    return timezone.now() < period.end + agreements.grace(contract)


def _is_too_late(organization: Organization, period: periods.Period) -> bool:
    """Whether usage of the month comes later than the contract of that month lets it be invoiced."""
    contract = _contract(organization, period)
    if contract is None:
        return False
    return timezone.now() > period.end + timedelta(days=contract.late_days)
