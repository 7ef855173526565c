"""Documents about to be written: an invoice without its number, and the moment it gets one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from billing import agreements
from billing.drafts import DraftLine
from billing.models import AccountKind, BillingProfile, Invoice, InvoiceLine, Issuer
from billing.services import ledger, numbering, purchase_orders, telling
from billing.services.ledger import Posting
from billing.services.purchase_orders import Share
from tenants.models import Organization
from tenants.services import audit


@dataclass(frozen=True, slots=True)
class Paper:
    """An invoice without its number, its lines, and what it takes of purchase orders."""

    invoice: Invoice
    lines: Sequence[InvoiceLine]
    shares: Sequence[Share]


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
    issuer = issuer or agreements.issuer_of(organization)
    profile = BillingProfile.objects.filter(organization=organization).first()
    now = timezone.now()
    shares = purchase_orders.for_invoice(organization, totals["net"], now)
    invoice = Invoice(
        organization=organization,
        issuer=issuer,
        kind=kind,
        status=Invoice.Status.PAID if is_paid else Invoice.Status.OPEN,
        seller=issuer.snapshot(),
        buyer=buyer_of(organization),
        purchase_order=purchase_orders.number(organization, shares),
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
    invoice = paper.invoice
    [invoice.number] = numbering.take(invoice.issuer, str(invoice.issued_at.year))
    invoice.save(force_insert=True)
    InvoiceLine.objects.bulk_create(paper.lines)
    purchase_orders.take(invoice, paper.shares)
    _book(invoice)
    audit.record(
        organization=invoice.organization,
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
