"""An invoice, a draft or a credit note as people read it: page and PDF are made of the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django_countries import countries

from billing import customers, groups, periods
from billing.counted import GPU_HOURS
from billing.drafts import DraftLine, counted
from billing.models import CreditNote, Invoice, InvoiceLine, InvoicePart
from billing.models.profiles import MOST_DECIMALS
from billing.services import invoicing
from billing.wording import in_words
from common.errors import NotFound
from common.money import Money, minor_digits
from tenants.models import Organization

MILLION = 1_000_000
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it comes to exactly, and rounded."""

    kind: str
    description: str
    quantity: Decimal
    #: The price of one, or of a million tokens where they were used; of GPU-hours, of one.
    unit: Money
    exact: Money
    amount: Money
    #: The part of the customer it belongs to, where the document is divided.
    section: str = ""
    #: Of GPU-hours: the seconds that were counted, to the last one.
    seconds: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one part of the customer, and what they come to together."""

    title: str
    lines: Sequence[Line]

    @property
    def subtotal(self) -> Money:
        """The sum of its rounded lines."""
        first, *rest = (line.amount for line in self.lines)
        return sum(rest, first)


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
    tax_category: str = "S"
    #: Why no tax is asked for.
    tax_reason: str = ""
    credit_note: CreditNote | None = None
    #: Who pays, where the month stands on another organization's invoice; it has tax and total.
    payer_name: str = ""
    #: What of that invoice it is, once it was written.
    part: InvoicePart | None = None
    #: Of a draft: what was used without a price, by name; none of it is in its sums.
    unpriced: Sequence[str] = ()

    @property
    def is_draft(self) -> bool:
        """Whether it has no number yet."""
        return self.invoice is None and self.credit_note is None and self.part is None

    @property
    def written(self) -> Invoice | CreditNote | None:
        """The document that was numbered; None of a draft."""
        return self.credit_note or self.invoice

    @property
    def is_too_fine(self) -> bool:
        """Whether its amounts have more decimals than an electronic invoice can write."""
        return minor_digits(self.total.currency) > MOST_DECIMALS

    @property
    def title(self) -> str:
        """What it is called."""
        word = gettext("Draft") if self.is_draft else gettext("Invoice")
        if self.credit_note:
            word = gettext("Credit note")
        if self.part:
            word = gettext("Part of invoice")
        return f"{word} {self.reference}"

    @property
    def sections(self) -> list[Section]:
        """The lines by the part of the customer they belong to, in their order."""
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.section, []).append(line)
        shared = gettext("For the whole organization") if self.is_divided else ""
        return [Section(name or shared, lines) for name, lines in found.items()]

    @property
    def is_divided(self) -> bool:
        """Whether its lines belong to parts of the customer."""
        return any(line.section for line in self.lines)

    @property
    def words(self) -> str:
        """The total in words, where the seller's law asks for it."""
        language = self.seller.get("words_language", "")
        has_words = language and self.written and self.total.amount >= 0
        return in_words(self.total, language) if has_words else ""

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
    return of_draft(organization, period)


def of_draft(organization: Organization, period: periods.Period) -> Document:
    """Return a month as it would be invoiced now."""
    draft, money = invoicing.preview(organization, period), _in(organization.currency)
    payer = groups.payer_of(organization, period.label)
    customer = customers.of(organization)
    return Document(
        reference=period.label,
        invoice=None,
        period=period,
        seller=party(customer.issuer.snapshot(draft.currency)),
        buyer=party(customer.buyer()),
        payer_name=payer.payer_name if payer else "",
        lines=lines_of(draft.lines, organization.currency),
        net=money(draft.net),
        rounding=money(draft.rounding),
        tax_rate=draft.tax_rate,
        tax_category=draft.tax_category,
        tax_reason=draft.tax_reason,
        tax=money(draft.tax),
        total=money(draft.total),
        made_at=timezone.now(),
        unpriced=draft.unpriced,
    )


def _of_invoice(organization: Organization, number: str) -> Document:
    found = Invoice.objects.filter(organization=organization, number=number).first()
    if found is not None:
        return of_invoice(found, organization.time_zone)
    part = InvoicePart.objects.filter(organization=organization, number=number).first()
    if part is None:
        raise NotFound
    return of_part(part, organization.time_zone)


def of_part(found: InvoicePart, time_zone: str) -> Document:
    """Return what an organization's own usage came to on another's invoice: its lines and net."""
    money = _in(found.currency)
    lines = InvoiceLine.objects.filter(invoice=found.invoice_id, used_by=found.organization_id)
    return Document(
        reference=found.number,
        invoice=None,
        part=found,
        payer_name=found.payer_name,
        period=periods.containing(found.period_start, time_zone),
        seller=party(found.seller),
        buyer=party(found.buyer),
        lines=lines_of(lines, found.currency),
        net=money(found.net),
        rounding=money(found.net - found.exact_net),
        tax_rate=ZERO,
        tax=money(ZERO),
        total=money(found.net),
        made_at=found.issued_at,
    )


def of_invoice(found: Invoice, time_zone: str) -> Document:
    """Return a finalized invoice; its month is cut in the time zone."""
    money, period = _in(found.currency), None
    if found.period_start:
        period = periods.containing(found.period_start, time_zone)
    return Document(
        reference=found.number,
        invoice=found,
        period=period,
        seller=party(found.seller),
        buyer=party(found.buyer),
        lines=lines_of(found.lines.all(), found.currency),
        net=money(found.net),
        rounding=money(found.net - found.exact_net),
        tax_rate=found.tax_rate,
        tax_category=found.tax_category,
        tax_reason=found.tax_reason,
        tax=money(found.tax),
        total=money(found.total),
        made_at=found.issued_at,
    )


def named_credit_note(organization: Organization, number: str) -> Document:
    """Return the credit note with this number."""
    found = CreditNote.objects.filter(organization=organization, number=number).first()
    if found is None:
        raise NotFound
    return of_credit_note(found)


def of_credit_note(found: CreditNote) -> Document:
    """Return a credit note; what it takes back stands on it above zero."""
    money = _in(found.currency)
    lines = [
        Line(
            kind="credit",
            description=line.description,
            quantity=Decimal(1),
            unit=money(line.amount),
            exact=money(line.amount),
            amount=money(line.amount),
            section=line.invoice_line.section,
        )
        for line in found.lines.select_related("invoice_line")
    ]
    return Document(
        reference=found.number,
        invoice=None,
        credit_note=found,
        period=None,
        seller=party(found.seller),
        buyer=party(found.buyer),
        lines=lines,
        net=money(found.net),
        rounding=money(Decimal(0)),
        tax_rate=found.tax_rate,
        tax_category=found.tax_category,
        tax_reason=found.tax_reason,
        tax=money(found.tax),
        total=money(found.total),
        made_at=found.issued_at,
    )


def lines_of(lines: Iterable[InvoiceLine | DraftLine], currency: str) -> list[Line]:
    """Return lines as people read them."""
    money = _in(currency)
    return [
        Line(
            kind=line.kind,
            description=line.description,
            quantity=line.quantity.normalize(),
            unit=money(line.unit_amount * size(line)),
            exact=money(line.exact_amount),
            amount=money(line.amount),
            section=line.section,
            seconds=counted(line.part, line.quantity) if is_of_hours(line) else None,
        )
        for line in lines
    ]


def is_of_hours(line: InvoiceLine | DraftLine) -> bool:
    """Whether a line's quantity is hours of GPUs."""
    return line.kind == "usage" and line.part == GPU_HOURS


def size(line: InvoiceLine | DraftLine) -> int:
    """Return for how many units people read a line's price."""
    return MILLION if line.kind == "usage" and not is_of_hours(line) else 1


def party(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a seller or buyer, with its country's name."""
    return {**snapshot, "country_name": countries.name(snapshot["country"])}


def _in(currency: str) -> Callable[[Decimal], Money]:
    return lambda amount: Money(amount, currency)
