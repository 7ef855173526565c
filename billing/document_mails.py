"""Sends documents to who pays them; what was sent is not sent again."""

from uuid import UUID

from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from billing import documents, downloads, pdf
from billing.models import BillingProfile, Contract, CreditNote, Invoice
from common.database import service
from common.money import round_to_minor
from tenants import mails
from tenants.models import Permission

PAPERS: dict[str, type[Invoice] | type[CreditNote]] = {
    "invoice": Invoice,
    "credit_note": CreditNote,
}
#: How many documents of a kind one round takes up.
AT_ONCE = 500
#: For how many seconds a document is nobody else's; one that could not be sent waits as long.
GUARDED = 600


def unsent() -> list[tuple[UUID, str, UUID]]:
    """Return the documents that were not mailed yet: organization, kind and id, oldest first."""
    with service():
        return [
            (organization_id, kind, key)
            for kind, model in PAPERS.items()
            for organization_id, key in model.objects.filter(mailed_at=None)
            .order_by("issued_at")
            .values_list("organization", "pk")[:AT_ONCE]
        ]


def document(organization_id: UUID, kind: str, document_id: UUID) -> None:
    """Send an invoice or a credit note to who asked for it.

    Two workers do not send one twice. A worker that dies after sending and before it has noted so
    sends it again: better twice than never.
    """
    guard = f"mailing:{document_id}"
    if not cache.add(guard, 1, timeout=GUARDED):
        return
    model = PAPERS[kind]
    with service():
        found = model.objects.select_related("organization").get(
            organization=organization_id, pk=document_id
        )
        message = _message(found) if found.mailed_at is None else None
    if message is not None:
        message.send()
        with service():
            model.objects.filter(pk=document_id).update(mailed_at=timezone.now())
    cache.delete(guard)


def _message(found: Invoice | CreditNote) -> EmailMultiAlternatives:
    organization = found.organization
    if isinstance(found, Invoice):
        paper, name = documents.of_invoice(found, organization.time_zone), "billing:invoice-detail"
    else:
        paper, name = documents.of_credit_note(found), "billing:credit-note-detail"
    context = {
        "document": paper,
        "organization": organization,
        "total": f"{round_to_minor(found.total, found.currency)} {found.currency}",
        "link": mails.link(name, organization.slug, found.number),
    }
    message = mails.message(paper.title, "document", context, to=_recipients(found))
    message.attach(paper.file_name, pdf.invoice(paper), "application/pdf")
    if "ubl" in dict(downloads.offered(paper)):
        file = downloads.file(paper, "ubl")
        message.attach(file.name, file.content, "application/xml")
    return message


def _recipients(found: Invoice | CreditNote) -> list[str]:
    """Return whom the contract names; or the billing addresses; or who manages billing."""
    contract = _contract(found)
    if contract and contract.recipients:
        return contract.recipients
    profile = BillingProfile.objects.filter(organization=found.organization_id).first()
    return (
        profile.emails
        if profile and profile.emails
        else mails.who_may(found.organization, Permission.BILLING_MANAGE)
    )


def _contract(found: Invoice | CreditNote) -> Contract | None:
    return found.contract if isinstance(found, Invoice) else found.invoice.contract
