"""Invoices for tests that need one and not the usage behind it."""

from datetime import UTC, datetime
from decimal import Decimal

from billing.drafts import DraftLine
from billing.models import Invoice
from billing.services import ledger, papers
from billing.services.ledger import AccountKind, Posting
from common.database import service
from common.money import round_to_minor

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)


def invoice_of(organization, *amounts, currency="EUR", period_start=JANUARY, rate="0.2"):
    """Write an open invoice with lines of these amounts, booked as if they had been used."""
    lines = [
        DraftLine(
            kind="usage" if Decimal(amount) > 0 else "prepaid",
            description=f"Line {position}",
            quantity=Decimal(1),
            unit_amount=Decimal(amount),
            exact_amount=Decimal(amount),
            amount=Decimal(amount),
        )
        for position, amount in enumerate(amounts, start=1)
    ]
    net = sum((line.amount for line in lines), Decimal(0))
    tax = round_to_minor(net * Decimal(rate), currency)
    with service():
        ledger.book(
            organization,
            key=f"test:{period_start}",
            kind="usage",
            postings=[
                Posting(AccountKind.RECEIVABLE, currency, net),
                Posting(AccountKind.REVENUE, currency, -net),
            ],
        )
        paper = papers.draw_up(
            organization,
            kind=Invoice.Kind.USAGE,
            lines=lines,
            totals={
                "currency": currency,
                "net": net,
                "exact_net": net,
                "tax_rate": Decimal(rate),
                "tax": tax,
                "total": net + tax,
            },
            is_paid=False,
            period_start=period_start,
            period_end=FEBRUARY,
        )
        return papers.keep(paper)
