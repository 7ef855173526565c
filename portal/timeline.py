"""What happened with a customer, of all kinds in one order; read as the service role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from billing.models import CreditNote, Dispute, Invoice, Order
from tenants import audit_words
from tenants.models import AuditEntry, CustomerNote, Organization, Restriction

PAGE = 50


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when, what, about what, by whom, and where it is seen."""

    at: datetime
    kind: str
    what: StrOrPromise
    about: str = ""
    who: str = ""
    url: str = ""


#: The kinds a reader can choose among.
KINDS: dict[str, StrOrPromise] = {
    "acts": gettext_lazy("What was done"),
    "orders": gettext_lazy("Orders"),
    "invoices": gettext_lazy("Invoices and credit notes"),
    "mails": gettext_lazy("Documents mailed"),
    "disputes": gettext_lazy("Disputes"),
    "restrictions": gettext_lazy("Warnings and stops"),
    "notes": gettext_lazy("Notes"),
}


def happenings(
    organization: Organization, kinds: list[str], before: datetime | None
) -> list[Happening]:
    """Return what happened before a moment, newest first: a page of it, and one more if there is."""
    found = [it for kind in kinds for it in READERS[kind](organization, before)]
    return sorted(found, key=lambda it: it.at, reverse=True)[: PAGE + 1]


def _latest(rows: QuerySet[Any], field: str, before: datetime | None) -> QuerySet[Any]:
    rows = rows.filter(**{f"{field}__isnull": False})
    if before is not None:
        rows = rows.filter(**{f"{field}__lt": before})
    return rows.order_by(f"-{field}", "-pk")[: PAGE + 1]


def _acts(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    rows = AuditEntry.objects.filter(organization=organization)
    for entry in _latest(rows, "occurred_at", before):
        row = audit_words.row(entry)
        yield Happening(
            entry.occurred_at, "acts", row.action, entry.target_label, entry.actor_label
        )


def _orders(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    for order in _latest(Order.objects.filter(organization=organization), "created_at", before):
        words = _("Order: %(state)s") % {"state": order.get_status_display()}
        yield Happening(order.created_at, "orders", words, order.bundle_name)


def _invoices(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    invoices = Invoice.objects.filter(organization=organization)
    for invoice in _latest(invoices, "issued_at", before):
        yield _of_invoice(invoice, invoice.issued_at, _("Invoice issued"))
    for invoice in _latest(invoices, "paid_at", before):
        yield _of_invoice(invoice, invoice.paid_at, _("Invoice paid"))
    notes = CreditNote.objects.filter(organization=organization)
    for note in _latest(notes, "issued_at", before):
        yield Happening(note.issued_at, "invoices", _("Credit note issued"), note.number)


def _mails(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    invoices = Invoice.objects.filter(organization=organization)
    for invoice in _latest(invoices, "mailed_at", before):
        yield _of_invoice(invoice, invoice.mailed_at, _("Invoice mailed"), "mails")
    notes = CreditNote.objects.filter(organization=organization)
    for note in _latest(notes, "mailed_at", before):
        yield Happening(note.mailed_at, "mails", _("Credit note mailed"), note.number)


def _of_invoice(invoice: Invoice, at: Any, what: str, kind: str = "invoices") -> Happening:
    url = reverse("staff:invoice", kwargs={"invoice_id": invoice.pk})
    return Happening(at, kind, what, invoice.number, url=url)


def _disputes(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    rows = Dispute.objects.filter(organization=organization).select_related("invoice", "opened_by")
    for dispute in _latest(rows, "created_at", before):
        words = _("Dispute: %(state)s") % {"state": dispute.get_status_display()}
        yield Happening(
            dispute.created_at, "disputes", words, dispute.invoice.number, dispute.opened_by.email
        )


def _restrictions(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    rows = Restriction.objects.filter(organization=organization).select_related("set_by")
    for it in _latest(rows, "starts_at", before):
        yield Happening(
            it.starts_at, "restrictions", it.get_level_display(), it.reason, it.set_by.email
        )


def _notes(organization: Organization, before: datetime | None) -> Iterator[Happening]:
    rows = CustomerNote.objects.filter(organization=organization).select_related("author")
    for note in _latest(rows, "created_at", before):
        yield Happening(note.created_at, "notes", _("Note"), note.text, note.author.email)


READERS: dict[str, Callable[[Organization, datetime | None], Iterator[Happening]]] = {
    "acts": _acts,
    "orders": _orders,
    "invoices": _invoices,
    "mails": _mails,
    "disputes": _disputes,
    "restrictions": _restrictions,
    "notes": _notes,
}
