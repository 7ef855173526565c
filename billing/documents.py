"""An invoice, or a month's draft, as people read it: the page and the PDF are made of the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django_countries import countries

from billing import periods
from billing.drafts import DraftLine
from billing.models import Invoice, InvoiceLine
from billing.services import invoicing
from common.errors import NotFound
from common.money import Money
from tenants.models import Organization

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it comes to exactly, and rounded."""

    kind: str
    description: str
    quantity: Decimal
    #: The price of one, or of a million tokens where they were used.
    unit: Money
    exact: Money
    amount: Money


@dataclass(frozen=True, slots=True)
class Document:
    """What stands on it. A draft has no invoice yet, and its reference is the month."""

    reference: str
    invoice: Invoice | None
    period: periods.Period | None
    seller: Mapping[str, Any]
    buyer: Mapping[str, Any]
    lines: Sequence[Line]
    net: Money
    #: What rounding the lines added to their exact sum.
    rounding: Money
    tax_rate: Decimal
    tax: Money
    total: Money
    made_at: datetime

    @property
    def is_draft(self) -> bool:
        """Whether it is no invoice yet."""
        return self.invoice is None

    @property
    def title(self) -> str:
        """What it is called."""
        word = gettext("Draft") if self.is_draft else gettext("Invoice")
        return f"{word} {self.reference}"

    @property
    def file_name(self) -> str:
        """The name its PDF is saved under."""
        return f"draft-{self.reference}.pdf" if self.is_draft else f"{self.reference}.pdf"


def named(organization: Organization, reference: str) -> Document:
    """Return the invoice with this number, or the draft of a month written as 2026-03."""
    try:
        period = periods.parse(reference, organization.time_zone)
    except ValueError:
        return _of_invoice(organization, reference)
    if period.start > timezone.now():
        raise NotFound
    return _of_draft(organization, period)


def _of_draft(organization: Organization, period: periods.Period) -> Document:
    draft, money = invoicing.draft(organization, period), _in(organization.currency)
    return Document(
        reference=period.label,
        invoice=None,
        period=period,
        seller=party(invoicing.default_issuer().snapshot()),
        buyer=party(invoicing.buyer_of(organization)),
        lines=_lines(draft.lines, organization.currency),
        net=money(draft.net),
        rounding=money(draft.rounding),
        tax_rate=draft.tax_rate,
        tax=money(draft.tax),
        total=money(draft.total),
        made_at=timezone.now(),
    )


def _of_invoice(organization: Organization, number: str) -> Document:
    found = Invoice.objects.filter(organization=organization, number=number).first()
    if found is None:
        raise NotFound
    money, period = _in(found.currency), None
    if found.period_start:
        period = periods.containing(found.period_start, organization.time_zone)
    return Document(
        reference=number,
        invoice=found,
        period=period,
        seller=party(found.seller),
        buyer=party(found.buyer),
        lines=_lines(found.lines.all(), found.currency),
        net=money(found.net),
        rounding=money(found.net - found.exact_net),
        tax_rate=found.tax_rate,
        tax=money(found.tax),
        total=money(found.total),
        made_at=found.issued_at,
    )


def _lines(lines: Iterable[InvoiceLine | DraftLine], currency: str) -> list[Line]:
    money = _in(currency)
    return [
        Line(
            kind=line.kind,
            description=line.description,
            quantity=line.quantity.normalize(),
            unit=money(line.unit_amount * (MILLION if line.kind == "usage" else 1)),
            exact=money(line.exact_amount),
            amount=money(line.amount),
        )
        for line in lines
    ]


def party(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a seller or buyer, with its country's name."""
    return {**snapshot, "country_name": countries.name(snapshot["country"])}


def _in(currency: str) -> Callable[[Decimal], Money]:
    return lambda amount: Money(amount, currency)
