"""Invoices: drafts computed from usage, numbers given once, documents that never change."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import structlog
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import customers, divisions, groups, periodic, periods, sharing
from billing.customers import Customer
from billing.divisions import Division
from billing.drafts import Draft, DraftLine
from billing.models import Invoice, Issuer, Order, PricedBucket, SpendBucket
from billing.services import (
    closing,
    holding,
    late_usage,
    months,
    papers,
    service_credits,
    true_ups,
)
from billing.services import parts as parts_of_group
from billing.services.late_usage import Late
from billing.services.months import Month
from billing.services.parts import Part
from billing.spending import Settled
from common import jobs
from common.database import atomic, service
from common.errors import Conflict
from tenants.models import Organization

#: Of how many customers requests are read at once, by one worker: each page of a table of requests
#: holds some of everybody's.
READ = 1_000

log = structlog.get_logger(__name__)


def default_issuer() -> Issuer:
    """Return the operator's legal entity that invoices."""
    return Issuer.objects.get(is_default=True)


def draft(organization: Organization, period: periods.Period) -> Draft:
    """Return the usage invoice of a period as it stands now, from its sums by price.

    The same to the last digit as :func:`rerated`, however many events there are; not divided. What
    came without a price is named instead of rated, where :func:`rerated` refuses all of the month.
    """
    return _so_far(customers.of(organization), period, None)


def preview(organization: Organization, period: periods.Period) -> Draft:
    """Return the same divided as the organization's invoices are.

    As the service, with the months of all for whom it pays.
    """
    members = groups.members(organization, period.label)
    known = customers.read([organization, *members])
    parts = [_part_so_far(known[it.pk], period.label) for it in (organization, *members)]
    unpriced = sorted({name for part in parts for name in part.month.unpriced})
    lines = parts_of_group.together(parts)
    return replace(parts[0].month, lines=lines, unpriced=tuple(unpriced))


def _part_so_far(customer: Customer, label: str) -> Part:
    organization = customer.organization
    period = periods.parse(label, organization.time_zone)
    division = customer.division()
    month = _so_far(customer, period, division)
    [judged] = service_credits.of_each([Month(customer, period, division)], [month])
    own = (*month.lines, *service_credits.lines(judged))
    lines = sharing.divided(own, month.currency)
    return Part(organization, period, month, lines, judged=judged)


def _so_far(customer: Customer, period: periods.Period, division: Division | None) -> Draft:
    organization = customer.organization
    spent = SpendBucket.objects.filter(
        organization=organization,
        starts_at__gte=period.start,
        starts_at__lt=period.end,
        currency=organization.currency,
    ).aggregate(amount=Sum("amount"), uncovered=Sum("uncovered"))
    whole, unpriced = periodic.parted(_summed(organization, period.start, period.end))
    owned = divisions.so_far(organization, period, division) if division else {}
    shares = {key: division.shares(of) for key, of in owned.items()} if division else {}
    returned = true_ups.returned([organization.pk], period).get(organization.pk, months.ZERO)
    settled = Settled(spent["amount"] or months.ZERO, spent["uncovered"] or months.ZERO)
    used = periodic.priced(whole, shares)
    found = months.drafted(customer, period, used, _priced_until, settled, returned)
    return replace(found, unpriced=tuple(sorted({offer for offer, *_rest in unpriced})))


def _priced_until(whose: Organization, start: datetime, end: datetime) -> periodic.Sums:
    with_price, _without = periodic.parted(_summed(whose, start, end))
    return with_price


def _summed(whose: Organization, start: datetime, end: datetime) -> periodic.Sums:
    within = {"organization": whose, "starts_at__gte": start, "starts_at__lt": end}
    return periodic.summed(PricedBucket.objects.filter(**within))


def rerated(
    organization: Organization, period: periods.Period, division: Division | None = None
) -> Draft:
    """Return the usage invoice of a period from each of its events: what is finalized.

    Its lines are whole; they say how the division shares them.
    """
    [found] = months.rerated([Month(customers.of(organization), period, division)])
    return found


def late(organization: Organization, period: periods.Period) -> list[Late]:
    """Return what months before the period come to beyond what invoices told of them."""
    customer = customers.of(organization)
    [found] = late_usage.of_each([Month(customer, period, customer.division())])
    return found


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
        return papers.keep(paper) if holding.let_through(paper, holding.of_order(order)) else None


def finalize(organization: Organization, period: periods.Period) -> Invoice | None:
    """Close a month that has ended: number and keep its invoice, once; none without usage.

    None either while it waits for a person, because something about it looks wrong.
    """
    if period.end > timezone.now():
        raise Conflict(_("This month has not ended; its invoice is still a draft."))
    found = closing.close([organization.pk], period)
    if not found and _is_open(organization, period):
        raise Conflict(_("The contract keeps this month's draft open for late usage."))
    return found[0] if found else None


def _is_open(organization: Organization, period: periods.Period) -> bool:
    with service():
        return closing.is_open(customers.of(organization), period)


def close_periods() -> int:
    """Finalize every organization's last month; return how many invoices were written here.

    Many at a time. Where there are more, the bell of each further lot is rung: any worker takes it.
    """
    closed = write_held()
    (first, *others) = _lots() or [[]]
    for lot in others:
        jobs.enqueue("billing.close_months", organization_ids=[str(it.pk) for it in lot])
    return closed + _close_last(first)


def close_months(organization_ids: Iterable[UUID]) -> int:
    """Finalize the last month of these organizations; return how many invoices stand for it."""
    with service():
        found = list(Organization.objects.filter(pk__in=organization_ids).order_by("pk"))
    return _close_last(found)


def _close_last(organizations: Iterable[Organization]) -> int:
    alike: dict[periods.Period, list[Organization]] = {}
    for organization in organizations:
        alike.setdefault(_last_month(organization), []).append(organization)
    return sum(closing.each(those, period) for period, those in alike.items())


def _lots() -> list[list[Organization]]:
    """Return the organizations whose last month has no invoice, in lots."""
    with service():
        found = list(Organization.objects.order_by("time_zone", "pk"))
        written = set(
            Invoice.objects.filter(
                kind=Invoice.Kind.USAGE, period_start__in={_last_month(it).start for it in found}
            ).values_list("organization_id", "period_start")
        )
    waiting = [it for it in found if (it.pk, _last_month(it).start) not in written]
    return [waiting[at : at + READ] for at in range(0, len(waiting), READ)]


def _last_month(organization: Organization) -> periods.Period:
    current = periods.containing(timezone.now(), organization.time_zone)
    return periods.before(current, organization.time_zone)


def write_held() -> int:
    """Write the invoices that no longer wait for a person; return how many there were."""
    with service():
        let_go = holding.let_go()
    written = sum(closing.each([it.organization], it.period) for it in let_go)
    return written + invoice_orders()


def _tried(write: Callable[[], Invoice | None]) -> bool:
    """Whether it was written; one customer's trouble leaves the others their invoice."""
    try:
        return write() is not None
    except Exception:
        log.exception("invoice_not_finalized")
        return False
