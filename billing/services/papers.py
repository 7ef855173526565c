"""Documents about to be written: an invoice without its number, and the moment it gets one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from billing import agreements, customers
from billing.agreements import StandingOrder
from billing.customers import Customer
from billing.drafts import DraftLine
from billing.models import AccountKind, Invoice, InvoiceLine, Issuer, Seal
from billing.services import ledger, numbering, purchase_orders, telling
from billing.services.ledger import Operation, Posting
from billing.services.purchase_orders import Share
from tenants.models import AuditEntry, Organization
from tenants.services import audit


@dataclass(frozen=True, slots=True)
class Paper:
    """An invoice without its number, its lines, and what it takes of purchase orders."""

    invoice: Invoice
    lines: Sequence[InvoiceLine]
    shares: Sequence[Share]


def draw_up(
    organization: Organization,
    *,
    kind: Invoice.Kind,
    lines: Sequence[DraftLine],
    totals: dict[str, Any],
    is_paid: bool,
    issuer: Issuer | None = None,
    **facts: Any,
) -> Paper:
    """Return the invoice as it would be written now; nothing is kept of it yet."""
    orders = purchase_orders.standing([organization], timezone.now())
    return draw(
        customers.of(organization),
        orders.get(organization.pk, ()),
        kind=kind,
        lines=lines,
        totals=totals,
        is_paid=is_paid,
        issuer=issuer,
        **facts,
    )


def draw(
    customer: Customer,
    orders: Sequence[StandingOrder],
    *,
    kind: Invoice.Kind,
    lines: Sequence[DraftLine],
    totals: dict[str, Any],
    is_paid: bool,
    issuer: Issuer | None = None,
    **facts: Any,
) -> Paper:
    """Return the same of a customer who has these purchase orders."""
    organization, profile = customer.organization, customer.profile
    issuer = issuer or customer.issuer
    now = timezone.now()
    shares = purchase_orders.shared(orders, totals["net"])
    invoice = Invoice(
        organization=organization,
        issuer=issuer,
        kind=kind,
        status=Invoice.Status.PAID if is_paid else Invoice.Status.OPEN,
        seller=issuer.snapshot(totals["currency"]),
        buyer=customer.buyer(),
        purchase_order=purchase_orders.number(profile, shares),
        buyer_reference=profile.buyer_reference if profile else "",
        issued_at=now,
        due_at=now if is_paid else now + agreements.term(facts.get("contract")),
        paid_at=now if is_paid else None,
        **totals,
        **facts,
    )
    written = [_line(invoice, position, line) for position, line in enumerate(lines, start=1)]
    return Paper(invoice, written, shares)


def _line(invoice: Invoice, position: int, line: DraftLine) -> InvoiceLine:
    copied = (
        "kind", "description", "quantity", "unit_amount", "offer_name", "part", "price_id",
        "tier", "corrects", "section", "used_by", "exact_amount", "amount",
    )  # fmt: skip
    return InvoiceLine(
        organization_id=invoice.organization_id,
        invoice=invoice,
        position=position,
        **{name: getattr(line, name) for name in copied},
    )


def keep(paper: Paper) -> Invoice:
    """Number the invoice and write it with its lines and bookings; from now on it stands."""
    [invoice] = keep_all([paper])
    return invoice


def keep_all(papers: Sequence[Paper]) -> list[Invoice]:
    """Number the invoices in their order and write each with its lines and bookings."""
    invoices = [paper.invoice for paper in papers]
    ledger.book_all([it for it in map(_operation, invoices) if it.merged()])
    # From here on all who number in these series wait for the end of the transaction.
    _number(invoices)
    _anchor(invoices)
    Invoice.objects.bulk_create(invoices)
    InvoiceLine.objects.bulk_create(line for paper in papers for line in paper.lines)
    purchase_orders.take((paper.invoice, paper.shares) for paper in papers)
    audit.record_all(map(_finalized, invoices))
    telling.invoices_finalized(invoices)
    return invoices


def _number(invoices: Sequence[Invoice]) -> None:
    """Give each the next number of its series; series are locked in one order."""
    series: dict[tuple[UUID, str], list[Invoice]] = {}
    for invoice in invoices:
        place = invoice.issuer.pk, str(invoice.issued_at.year)
        series.setdefault(place, []).append(invoice)
    for (_issuer, year), those in sorted(series.items()):
        numbers = numbering.take(those[0].issuer, year, len(those))
        for invoice, number in zip(those, numbers, strict=True):
            invoice.number = number


def _anchor(invoices: Sequence[Invoice]) -> None:
    """Name the last seal on invoices of usage: the chain up to it can no longer be another."""
    last = Seal.objects.order_by("-number").first()
    for invoice in invoices:
        if last and invoice.kind == Invoice.Kind.USAGE:
            invoice.seal_number, invoice.seal_hash = last.number, bytes(last.hash)


def _finalized(invoice: Invoice) -> AuditEntry:
    return audit.written(
        organization=invoice.organization,
        actor=None,
        action="invoice.finalized",
        target=invoice,
        after={"number": invoice.number, "total": invoice.total, "currency": invoice.currency},
    )


def _operation(invoice: Invoice) -> Operation:
    """Return what the document adds to the exact ledger: its tax, and what rounding its lines made."""
    is_purchase = invoice.kind == Invoice.Kind.PURCHASE
    owed = AccountKind.PAYMENTS_CLEARING if is_purchase else AccountKind.RECEIVABLE
    rounding = invoice.net - invoice.exact_net
    postings = (
        Posting(owed, invoice.currency, invoice.tax + rounding),
        Posting(AccountKind.TAX, invoice.currency, -invoice.tax),
        Posting(AccountKind.REVENUE, invoice.currency, -rounding),
    )
    return Operation(invoice.organization_id, f"invoice:{invoice.pk}", "invoice", postings)
