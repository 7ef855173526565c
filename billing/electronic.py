"""The electronic invoice of a document: read from what was written, never from what holds now."""

from billing.documents import Document
from billing.einvoice import facts
from billing.einvoice.facts import Facts


def facts_of(document: Document) -> Facts | None:
    """Return the dictionary of a document; None of a draft and where the seller writes none."""
    if not document.seller.get("is_electronic"):
        return None
    if note := document.credit_note:
        return facts.of_credit_note(note, note.lines.all())
    if invoice := document.invoice:
        zone = invoice.organization.time_zone
        return facts.of_invoice(invoice, invoice.lines.all(), time_zone=zone)
    return None
