"""Sends documents to who pays them; what was sent is not sent again."""

from datetime import timedelta
from uuid import UUID

import structlog
from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from billing import documents, downloads, pdf
from billing.models import BillingProfile, Contract, CreditNote, Invoice
from common import mail
from common.database import service
from common.money import round_to_minor
from tenants import mails
from tenants.models import Permission

log = structlog.get_logger(__name__)

PAPERS: dict[str, type[Invoice] | type[CreditNote]] = {
    "invoice": Invoice,
    "credit_note": CreditNote,
}
#: How many documents of a kind one round takes up.
AT_ONCE = 500
#: For how many seconds a document is nobody else's; one that could not be sent waits as long.
GUARDED = 600
#: One whose addresses take no mail is tried once a day: they may be set right. Not for ever.
REFUSED = 86_400
GIVEN_UP = timedelta(days=30)


def unsent() -> list[tuple[UUID, str, UUID]]:
    """Return the documents that are to be mailed now: organization, kind and id, oldest first."""
    with service():
        return [found for kind in PAPERS for found in _unsent(kind)]


def _unsent(kind: str) -> list[tuple[UUID, str, UUID]]:
    since = timezone.now() - GIVEN_UP
    rows = PAPERS[kind].objects.filter(mailed_at=None, issued_at__gte=since).order_by("issued_at")
    found = list(rows.values_list("organization", "pk"))
    waiting = cache.get_many(_guard(key) for _organization, key in found)
    free = [(owner, kind, key) for owner, key in found if _guard(key) not in waiting]
    return free[:AT_ONCE]


def document(organization_id: UUID, kind: str, document_id: UUID) -> None:
    """Send an invoice or a credit note to who asked for it.

    Two workers do not send one twice. Each address gets a message of its own, and the document is
    sent when each has it or will never take it. A worker that dies after sending and before it has
    noted so may send it again: better twice than never. Raises ``OSError`` where the mail server is away, or
    does not take it now.
    """
    guard = _guard(document_id)
    if not cache.add(guard, 1, timeout=GUARDED):
        return
    model = PAPERS[kind]
    with service():
        found = model.objects.select_related("organization").get(
            organization=organization_id, pk=document_id
        )
        messages = _messages(found) if found.mailed_at is None else None
    if messages is not None:
        if not _went(messages):
            log.warning("document_refused", organization=organization_id, document=found.number)
            cache.set(guard, 1, timeout=REFUSED)
            return
        with service():
            model.objects.filter(pk=document_id).update(mailed_at=timezone.now())
    cache.delete(guard)


def _went(messages: list[EmailMultiAlternatives]) -> bool:
    try:
        # Where there is nobody to write to, nothing is left to do.
        return not messages or mail.deliver(messages) > 0
    except mail.ShutOut:
        return False


def _guard(document_id: UUID) -> str:
    return f"mailing:{document_id}"


def _messages(found: Invoice | CreditNote) -> list[EmailMultiAlternatives]:
    """Return one for each address: who does not take it now gets it later, and nobody twice."""
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
    files = [(paper.file_name, pdf.invoice(paper), "application/pdf")]
    if "ubl" in dict(downloads.offered(paper)):
        file = downloads.file(paper, "ubl")
        files.append((file.name, file.content, "application/xml"))
    addresses = list(dict.fromkeys(_recipients(found)))
    messages = [mails.message(paper.title, "document", context, to=[it]) for it in addresses]
    for message in messages:
        for name, content, kind in files:
            message.attach(name, content, kind)
    return messages


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
