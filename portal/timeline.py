"""What happened with a customer, of all kinds in one order; read as the service role."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from billing.models import CreditNote, Dispute, Invoice, Order
from tenants import audit_words
from tenants.models import AuditEntry, CustomerNote, Organization, Restriction

PAGE = 50


@dataclass(frozen=True, order=True, slots=True)
class Mark:
    """Where a happening stands in the order: things of one moment by where they are written."""

    at: datetime
    source: str
    pk: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.source}_{self.pk}"

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """Return the mark that was written so; of anything else, None."""
        at, _cut, rest = text.partition("_")
        source, _cut, pk = rest.rpartition("_")
        try:
            found = cls(datetime.fromisoformat(at), source, UUID(pk))
        except ValueError:
            return None
        return found if found.at.tzinfo else None


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when, what, about what, by whom, and where it is seen."""

    mark: Mark
    kind: str
    what: StrOrPromise
    about: str = ""
    who: str = ""
    url: str = ""

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.mark.at


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of what happened, newest first, and where the next one begins."""

    happenings: list[Happening]
    older: Mark | None


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


def leaf(organization: Organization, kinds: Sequence[str], before: Mark | None = None) -> Leaf:
    """Return a page of what happened before a mark, of these kinds or of all."""
    found = [it for kind in kinds or KINDS for it in READERS[kind](organization, before)]
    found.sort(key=lambda it: it.mark, reverse=True)
    shown = found[:PAGE]
    return Leaf(shown, shown[-1].mark if len(found) > PAGE else None)


def _latest(
    rows: QuerySet[Any], field: str, before: Mark | None, source: str = ""
) -> Iterator[tuple[Mark, Any]]:
    """Return the newest rows before a mark, each with its own; ``source`` tells rows of a kind apart."""
    source = source or rows.model._meta.model_name or ""
    rows = rows.filter(**{f"{field}__isnull": False})
    if before is not None:
        is_before = Q(**{f"{field}__lt": before.at})
        if source <= before.source:
            same = Q(**{field: before.at})
            is_before |= same & Q(pk__lt=before.pk) if source == before.source else same
        rows = rows.filter(is_before)
    for row in rows.order_by(f"-{field}", "-pk")[: PAGE + 1]:
        yield Mark(getattr(row, field), source, row.pk), row


def _acts(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    rows = AuditEntry.objects.filter(organization=organization)
    for mark, entry in _latest(rows, "occurred_at", before):
        row = audit_words.row(entry)
        yield Happening(mark, "acts", row.action, entry.target_label, entry.actor_label)


def _orders(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    rows = Order.objects.filter(organization=organization)
    for mark, order in _latest(rows, "created_at", before):
        words = _("Order: %(state)s") % {"state": order.get_status_display()}
        yield Happening(mark, "orders", words, order.bundle_name)


def _invoices(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    invoices = Invoice.objects.filter(organization=organization)
    for mark, invoice in _latest(invoices, "issued_at", before, "invoice_issued"):
        yield _of_invoice(mark, invoice, _("Invoice issued"))
    for mark, invoice in _latest(invoices, "paid_at", before, "invoice_paid"):
        yield _of_invoice(mark, invoice, _("Invoice paid"))
    notes = CreditNote.objects.filter(organization=organization)
    for mark, note in _latest(notes, "issued_at", before, "note_issued"):
        yield Happening(mark, "invoices", _("Credit note issued"), note.number)


def _mails(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    invoices = Invoice.objects.filter(organization=organization)
    for mark, invoice in _latest(invoices, "mailed_at", before, "invoice_mailed"):
        yield _of_invoice(mark, invoice, _("Invoice mailed"), "mails")
    notes = CreditNote.objects.filter(organization=organization)
    for mark, note in _latest(notes, "mailed_at", before, "note_mailed"):
        yield Happening(mark, "mails", _("Credit note mailed"), note.number)


def _of_invoice(mark: Mark, invoice: Invoice, what: str, kind: str = "invoices") -> Happening:
    url = reverse("staff:invoice", kwargs={"invoice_id": invoice.pk})
    return Happening(mark, kind, what, invoice.number, url=url)


def _disputes(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    rows = Dispute.objects.filter(organization=organization).select_related("invoice", "opened_by")
    for mark, dispute in _latest(rows, "created_at", before):
        words = _("Dispute: %(state)s") % {"state": dispute.get_status_display()}
        yield Happening(mark, "disputes", words, dispute.invoice.number, dispute.opened_by.email)


def _restrictions(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    rows = Restriction.objects.filter(organization=organization).select_related("set_by")
    for mark, it in _latest(rows, "starts_at", before):
        yield Happening(mark, "restrictions", it.get_level_display(), it.reason, it.set_by.email)


def _notes(organization: Organization, before: Mark | None) -> Iterator[Happening]:
    rows = CustomerNote.objects.filter(organization=organization).select_related("author")
    for mark, note in _latest(rows, "created_at", before):
        yield Happening(mark, "notes", _("Note"), note.text, note.author.email)


READERS: dict[str, Callable[[Organization, Mark | None], Iterator[Happening]]] = {
    "acts": _acts,
    "orders": _orders,
    "invoices": _invoices,
    "mails": _mails,
    "disputes": _disputes,
    "restrictions": _restrictions,
    "notes": _notes,
}
