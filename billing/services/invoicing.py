"""Invoices: drafts computed from usage, numbers given once, documents that never change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import agreements, periodic, periods
from billing.drafts import Draft, DraftLine, corrections, usage_draft
from billing.models import (
    AccountKind,
    BillingProfile,
    Contract,
    Invoice,
    InvoiceLine,
    InvoiceSequence,
    Issuer,
    Order,
    PricedBucket,
    RatedUsage,
    SpendBucket,
)
from billing.rating.proration import true_up
from billing.services import late_usage, ledger, limits, purchase_orders, telling, true_ups
from billing.services.ledger import Posting
from common.database import atomic, service
from common.errors import Conflict
from common.money import round_to_minor
from marketplace.models import Price
from metering.models import UsageEvent
from metering.queries import dropped_until
from tenants.models import Organization
from tenants.services import audit

#: Usage that was being recorded while an invoice was made is looked for again this long after.
OVERLAP = timedelta(days=1)

log = structlog.get_logger(__name__)


def default_issuer() -> Issuer:
    """Return the operator's legal entity that invoices."""
    return Issuer.objects.get(is_default=True)


def buyer_of(organization: Organization) -> dict[str, Any]:
    """Return the buyer as the billing details name them now, or by the organization's name."""
    profile = BillingProfile.objects.filter(organization=organization).first()
    if profile is not None:
        return profile.snapshot()
    return {
        "legal_name": organization.name,
        "address": "",
        "country": str(organization.country),
        "vat_id": "",
        "vat_state": "none",
    }


def draft(organization: Organization, period: periods.Period) -> Draft:
    """Return the usage invoice of a period as it stands now, from its sums by price.

    The same to the last digit as :func:`rerated`, however many events there are.
    """
    within = {
        "organization": organization,
        "starts_at__gte": period.start,
        "starts_at__lt": period.end,
    }
    rows = (
        PricedBucket.objects.filter(**within)
        .values("offer_name", "token_part", "price_id", "multiplier")
        .annotate(sum=Sum("tokens"))
        .order_by()
    )
    sums = {
        (row["offer_name"], row["token_part"], str(row["price_id"]), row["multiplier"]): row["sum"]
        for row in rows
    }
    spent = SpendBucket.objects.filter(**within, currency=organization.currency)
    stretches = agreements.stretches(organization, period)
    used = [_sum(spent.filter(starts_at__gte=it.start, starts_at__lt=it.end)) for it in stretches]
    extra = _commitments(organization, period, stretches, used)
    return _drafted(organization, period, sums, spent, extra)


def rerated(organization: Organization, period: periods.Period) -> Draft:
    """Return the usage invoice of a period from each of its events: what is finalized."""
    within = {
        "organization": organization,
        "occurred_at__gte": period.start,
        "occurred_at__lt": period.end,
    }
    rated = RatedUsage.objects.filter(**within)
    stretches = agreements.stretches(organization, period)
    used = [
        _sum(rated.filter(occurred_at__gte=it.start, occurred_at__lt=it.end)) for it in stretches
    ]
    extra = _commitments(organization, period, stretches, used)
    sums = periodic.sums(UsageEvent.objects.filter(**within))
    return _drafted(organization, period, sums, rated, extra)


def _sum(of: QuerySet[Any], column: str = "amount") -> Decimal:
    found: Decimal | None = of.aggregate(sum=Sum(column))["sum"]
    return found or Decimal(0)


def _drafted(
    organization: Organization,
    period: periods.Period,
    sums: periodic.Sums,
    settled: QuerySet[Any],
    extra: Sequence[DraftLine],
) -> Draft:
    prices = {str(price.pk): price for price in Price.objects.filter(pk__in={k[2] for k in sums})}
    contract = _contract(organization, period)
    tax = agreements.tax(contract, default_issuer().vat_rate)
    drafted = usage_draft(
        [periodic.used(prices[key[2]], key, tokens) for key, tokens in sums.items()],
        uncovered=_sum(settled, "uncovered"),
        currency=organization.currency,
        tax_rate=tax.rate,
        coverage_label=_coverage_label(),
        settled=_sum(settled),
        extra=extra,
    )
    return replace(drafted, tax_category=tax.category, tax_reason=tax.reason)


def _contract(organization: Organization, period: periods.Period) -> Contract | None:
    """Return the contract whose terms a month's invoice is written by: the one at its end."""
    return agreements.in_force(organization, period.end - timedelta(microseconds=1))


def _commitments(
    organization: Organization,
    period: periods.Period,
    stretches: Sequence[agreements.Stretch],
    used: Sequence[Decimal],
) -> list[DraftLine]:
    """Return what usage misses of each contract's commitment, by the days on which it held."""
    of_days = agreements.days_of(period, organization.time_zone)
    lines = []
    for stretch, worth in zip(stretches, used, strict=True):
        committed = stretch.contract.commitment
        missing = true_up(committed, worth, days=stretch.days, of_days=of_days)
        if missing:
            lines.append(
                DraftLine(
                    kind="commitment",
                    description=_("Commitment not used · %(contract)s")
                    % {"contract": stretch.contract.number},
                    quantity=Decimal(1),
                    unit_amount=missing,
                    exact_amount=missing,
                    amount=round_to_minor(missing, organization.currency),
                )
            )
    return lines


def _coverage_label() -> str:
    return _("Covered by prepaid credit")


def late(organization: Organization, period: periods.Period) -> tuple[DraftLine, ...]:
    """Return the lines for usage of earlier months that no invoice has told of yet.

    It was reported after its month was closed, or its month was never closed. Each line names its
    month and is rated at the prices that applied then.
    """
    events = UsageEvent.objects.filter(organization=organization, occurred_at__lt=period.start)
    invoices = Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)
    if last := invoices.order_by("-issued_at").first():
        events = events.filter(recorded_at__gt=last.issued_at - OVERLAP)
    month = TruncMonth("occurred_at", tzinfo=ZoneInfo(organization.time_zone))
    starts = events.order_by().values_list(month, flat=True).distinct()
    lines: list[DraftLine] = []
    gone = dropped_until()
    accepted = late_usage.accepted(organization)
    for start in sorted({*starts, *accepted}):
        earlier = periods.containing(start, organization.time_zone)
        if gone and earlier.start < gone:
            # What else was used in that month is no longer there to be rated with it.
            log.error("usage_too_late", organization=organization.slug, month=earlier.label)
            continue
        if earlier.start not in accepted and _is_too_late(organization, earlier):
            late_usage.queue(organization, earlier)
            continue
        own = Q(corrects=None, invoice__in=invoices.filter(period_start=earlier.start))
        lines += corrections(
            rerated(organization, earlier),
            InvoiceLine.objects.filter(own | Q(corrects=earlier.start), organization=organization),
            corrects=earlier.start,
            label=earlier.label,
            coverage_label=_coverage_label(),
        )
    return tuple(lines)


@atomic()
def invoice_purchase(order: Order) -> Invoice:
    """Write the paid invoice of an order, in the transaction that grants what it bought."""
    net = order.net
    line = DraftLine("bundle", order.bundle_name, Decimal(1), net, net, net)
    return _write(
        order.organization,
        kind=Invoice.Kind.PURCHASE,
        lines=[line],
        totals={
            "currency": order.currency,
            "net": net,
            "exact_net": net,
            "tax_rate": order.tax_rate,
            "tax": order.tax,
            "total": order.total,
        },
        is_paid=True,
        order=order,
    )


def finalize(organization: Organization, period: periods.Period) -> Invoice | None:
    """Close a month that has ended: number and keep its invoice, once; none without usage."""
    if period.end > timezone.now():
        raise Conflict(_("This month has not ended; its invoice is still a draft."))
    with service():
        organization = Organization.objects.locked(organization.pk)
        present = Invoice.objects.filter(
            organization=organization, kind=Invoice.Kind.USAGE, period_start=period.start
        ).first()
        if present is not None:
            return present
        contract = _contract(organization, period)
        if timezone.now() < period.end + agreements.grace(contract):
            raise Conflict(_("The contract keeps this month's draft open for late usage."))
        month = rerated(organization, period)
        computed = replace(month, lines=month.lines + late(organization, period))
        true_ups.book(organization, period, month)
        if not computed.lines:
            return None
        invoice = _write(
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
        limits.sync(organization)
        return invoice


def _write(
    organization: Organization,
    *,
    kind: Invoice.Kind,
    lines: Sequence[DraftLine],
    totals: dict[str, Any],
    is_paid: bool,
    **facts: Any,
) -> Invoice:
    issuer = default_issuer()
    now = timezone.now()
    contract = facts.get("contract")
    orders = purchase_orders.for_invoice(organization, totals["net"], now)
    invoice = Invoice.objects.create(
        organization=organization,
        issuer=issuer,
        kind=kind,
        status=Invoice.Status.PAID if is_paid else Invoice.Status.OPEN,
        number=_next_number(issuer, str(now.year)),
        seller=issuer.snapshot(),
        buyer=buyer_of(organization),
        purchase_order=purchase_orders.number(organization, orders),
        issued_at=now,
        due_at=now if is_paid else now + agreements.term(contract),
        paid_at=now if is_paid else None,
        **totals,
        **facts,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            organization=organization,
            invoice=invoice,
            position=position,
            kind=line.kind,
            description=line.description,
            quantity=line.quantity,
            unit_amount=line.unit_amount,
            offer_name=line.offer_name,
            part=line.part,
            price_id=line.price_id,
            tier=line.tier,
            corrects=line.corrects,
            exact_amount=line.exact_amount,
            amount=line.amount,
        )
        for position, line in enumerate(lines, start=1)
    )
    purchase_orders.take(invoice, orders)
    _book(invoice)
    audit.record(
        organization=organization,
        actor=None,
        action="invoice.finalized",
        target=invoice,
        after={"number": invoice.number, "total": invoice.total, "currency": invoice.currency},
    )
    telling.invoice_finalized(invoice)
    return invoice


def _book(invoice: Invoice) -> None:
    """Book what the document adds to the exact ledger: its tax, and what rounding its lines made."""
    is_purchase = invoice.kind == Invoice.Kind.PURCHASE
    owed = AccountKind.PAYMENTS_CLEARING if is_purchase else AccountKind.RECEIVABLE
    rounding = invoice.net - invoice.exact_net
    postings = [
        Posting(owed, invoice.currency, invoice.tax + rounding),
        Posting(AccountKind.TAX, invoice.currency, -invoice.tax),
        Posting(AccountKind.REVENUE, invoice.currency, -rounding),
    ]
    if any(posting.amount for posting in postings):
        ledger.book(
            invoice.organization, key=f"invoice:{invoice.pk}", kind="invoice", postings=postings
        )


def _next_number(issuer: Issuer, series: str) -> str:
    found, _made = InvoiceSequence.objects.get_or_create(issuer=issuer, series=series)
    sequence = InvoiceSequence.objects.locked(found.pk)
    sequence.last_number += 1
    sequence.save(update_fields=["last_number", "updated_at"])
    return f"{issuer.code.upper()}-{series}-{sequence.last_number:06}"


def close_periods() -> int:
    """Finalize every organization's last month; return how many invoices stand for it."""
    with service():
        organizations = list(Organization.objects.all())
    closed = 0
    for organization in organizations:
        current = periods.containing(timezone.now(), organization.time_zone)
        last = periods.before(current, organization.time_zone)
        if _is_open(organization, last):
            continue
        try:
            closed += finalize(organization, last) is not None
        except Exception:
            # One customer's trouble is no reason to leave the others without their invoice.
            log.exception("invoice_not_finalized", organization=organization.slug)
    return closed


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
