"""Closes a month for many customers at once: all that it reads and writes, it does for all of them.

Each is rated by itself, so that its invoice is the one that closing it alone would have written. Requests
are read ahead for more customers than are locked and written in one transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import structlog
from django.utils import timezone

from billing import agreements, customers, groups, periods, sharing
from billing.agreements import StandingOrder
from billing.customers import Customer
from billing.drafts import Draft
from billing.einvoice import rules
from billing.einvoice.facts import Facts
from billing.models import Invoice
from billing.periods import Period
from billing.services import (
    holding,
    late_usage,
    limits,
    months,
    papers,
    purchase_orders,
    service_credits,
    surpluses,
    true_ups,
)
from billing.services import parts as parts_of_group
from billing.services.holding import History
from billing.services.late_usage import Late
from billing.services.months import Ahead, Month
from billing.services.papers import Paper
from billing.services.parts import Part
from billing.services.service_credits import Credited
from billing.services.true_ups import Closed
from common import jobs
from common.database import service
from tenants.models import Organization

log = structlog.get_logger(__name__)
#: How many customers are closed in one transaction.
BATCH = 100
#: The parts of an invoice: what its own customer used, then what each does for whom it pays.
Parts = Sequence[Part]


def each(organizations: Sequence[Organization], period: Period) -> int:
    """Close the month of all, in lots; one customer's trouble leaves the others their invoice.

    Returns how many invoices stand for it.
    """
    ahead = read(organizations, period) if len(organizations) > BATCH else months.NOT_READ
    lots = (organizations[at : at + BATCH] for at in range(0, len(organizations), BATCH))
    return sum(_lot(lot, period, ahead) for lot in lots)


def read(organizations: Sequence[Organization], period: Period) -> Ahead:
    """Return what all used, read once; what comes before a lot is locked is seen there."""
    with service():
        known = customers.read(organizations)
        return months.read([Month(it, period, it.division()) for it in known.values()])


def _lot(organizations: Sequence[Organization], period: Period, ahead: Ahead) -> int:
    """Close the month of a lot. Where closing all of them fails, each half is tried."""
    try:
        return len(close([it.pk for it in organizations], period, ahead))
    except Exception:
        if len(organizations) == 1:
            slug = organizations[0].slug
            log.exception("invoice_not_finalized", organization=slug, month=period.label)
            return 0
        log.warning("batch_not_closed", organizations=len(organizations), exc_info=True)
    half = len(organizations) // 2
    halves = organizations[:half], organizations[half:]
    return sum(_lot(it, period, ahead) for it in halves)


def close(
    organizations: Sequence[UUID], period: Period, ahead: Ahead = months.NOT_READ
) -> list[Invoice]:
    """Number and keep the invoices of a month that has ended, one of each organization, once.

    In one transaction, in the order of the organizations' keys. There is none without usage, none
    while the contract keeps the draft open, and none while it waits for a person.
    """
    invoices = holding.looked_at(partial(_close, organizations, period, ahead))
    # In transactions of their own: limits lock grants, which recorders lock in another order.
    limits.sync_each(invoice.organization for invoice in invoices)
    return invoices


def _close(organizations: Sequence[UUID], period: Period, ahead: Ahead) -> list[Invoice]:
    with service():
        locked = groups.locked(organizations, period.label)
        present = _present(organizations, period)
        missing = [group for group in locked if group[0].pk not in present]
        return [*present.values(), *(_write(missing, period, ahead) if missing else [])]


def _present(organizations: Iterable[UUID], period: Period) -> dict[UUID, Invoice]:
    found = Invoice.objects.filter(
        organization__in=organizations, kind=Invoice.Kind.USAGE, period_start=period.start
    )
    return {it.organization_id: it for it in found.select_related("organization")}


@dataclass(frozen=True, slots=True)
class Closing:
    """A customer's month about to be closed: its parts, and the paper, where something is on it."""

    customer: Customer
    parts: Parts
    paper: Paper | None


def _write(locked: Sequence[Sequence[Organization]], period: Period, ahead: Ahead) -> list[Invoice]:
    """Write the invoices of these groups, each a customer and those whom it pays for."""
    known = customers.read(it for group in locked for it in group)
    histories = holding.histories([group[0].pk for group in locked], period)
    due = _due(locked, period, known, histories)
    found = _drawn([[known[it.pk] for it in group] for group in due], period, ahead)
    let_through: list[Closing] = []
    unknown: list[Facts] = []
    for closing in found:
        try:
            if _is_let_through(closing, histories):
                let_through.append(closing)
        except rules.NotLookedAt as form:
            unknown += form.documents
    if unknown:
        raise rules.NotLookedAt(*unknown)
    return _keep(let_through)


def _due(
    locked: Sequence[Sequence[Organization]],
    period: Period,
    known: Mapping[UUID, Customer],
    histories: Mapping[UUID, History],
) -> list[Sequence[Organization]]:
    """Return those whose month can be closed now."""
    owners = [group[0].pk for group in locked]
    paid_for = groups.paid_for_by_others(owners, period.label)
    told = groups.told_later(owners, [period.start])
    return [
        group
        for group in locked
        if group[0].pk not in paid_for
        and (group[0].pk, period.start) not in told
        and not histories[group[0].pk].is_waiting
        and not is_open(known[group[0].pk], period)
        # It may not have ended yet where a member lives.
        and all(_month_of(it, period).end <= timezone.now() for it in group)
    ]


def is_open(customer: Customer, period: Period) -> bool:
    """Whether the contract keeps the month's draft open for late usage."""
    return timezone.now() < period.end + agreements.grace(customer.contract_of(period))


def _month_of(organization: Organization, period: Period) -> Period:
    return periods.parse(period.label, organization.time_zone)


def _drawn(due: Sequence[Sequence[Customer]], period: Period, ahead: Ahead) -> list[Closing]:
    """Return the months of these groups as they would be invoiced now."""
    asked = [
        Month(it, period if it is group[0] else _month_of(it.organization, period), it.division())
        for group in due
        for it in group
    ]
    each_part = iter(_parts(asked, ahead))
    orders = purchase_orders.standing([group[0].organization for group in due], timezone.now())
    found = []
    for owner, *members in due:
        parts = [next(each_part) for _it in (owner, *members)]
        standing = orders.get(owner.organization.pk, ())
        found.append(Closing(owner, parts, _paper(owner, standing, period, parts)))
    return found


def _parts(asked: Sequence[Month], ahead: Ahead) -> list[Part]:
    owners = [month.organization.pk for month in asked]
    told = groups.told_later(owners, {month.period.start for month in asked})
    drafts, earlier = months.rerated(asked, ahead), late_usage.of_each(asked)
    judged = service_credits.of_each(asked, drafts)
    return [
        _part(month, draft, late, () if is_told else credited, is_told=is_told)
        for month, draft, late, credited in zip(asked, drafts, earlier, judged, strict=True)
        for is_told in [(month.organization.pk, month.period.start) in told]
    ]


def _part(
    month: Month,
    draft: Draft,
    earlier: Sequence[Late],
    credited: Sequence[Credited],
    *,
    is_told: bool,
) -> Part:
    own = () if is_told else (*draft.lines, *service_credits.lines(credited))
    told = (line for it in earlier for line in it.lines)
    lines = sharing.divided((*own, *told), draft.currency)
    wholes = tuple((it.period, it.whole) for it in earlier)
    return Part(month.organization, month.period, draft, lines, is_told, wholes, credited)


def _paper(
    customer: Customer, orders: Sequence[StandingOrder], period: Period, parts: Parts
) -> Paper | None:
    """Return the invoice of these parts; none if there is nothing on it."""
    computed = replace(parts[0].month, lines=parts_of_group.together(parts))
    if not computed.lines:
        return None
    return papers.draw(
        customer,
        orders,
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
        contract=customer.contract_of(period),
        period_start=period.start,
        period_end=period.end,
    )


def _is_let_through(closing: Closing, histories: Mapping[UUID, History]) -> bool:
    history = histories[closing.customer.organization.pk]
    return closing.paper is None or holding.let_through(closing.paper, history)


def _keep(closings: Sequence[Closing]) -> list[Invoice]:
    true_ups.book_all(month for it in closings for month in _closed(it.parts))
    written = [(it.paper, it.parts) for it in closings if it.paper]
    if not written:
        return []
    invoices = papers.keep_all([paper for paper, _parts in written])
    for paper, parts in written:
        for part in parts:
            service_credits.keep(paper.invoice, part.organization, part.period, part.judged)
        parts_of_group.keep(paper.invoice, parts)
        if paper.invoice.total < 0:
            surpluses.of_invoice(paper.invoice)
    jobs.enqueue("billing.collect")
    return invoices


def _closed(parts: Parts) -> Iterator[Closed]:
    for part in parts:
        if not part.is_told:
            yield Closed(part.organization, part.period, part.month)
        for period, whole in part.earlier:
            yield Closed(part.organization, period, whole)
