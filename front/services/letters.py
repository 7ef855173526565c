"""Letters about incidents: one for each thing that was said and each who is written to of it."""

from collections.abc import Sequence
from smtplib import SMTPRecipientsRefused
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from common import jobs
from common.database import service
from front import status, tokens
from front.models import Incident, IncidentUpdate, StatusLetter, StatusSubscription
from tenants import mails

log = structlog.get_logger(__name__)
#: How many messages a run sends at most; the next one goes on.
MOST = 500
BATCH = 2000


def readers(incident: Incident) -> list[StatusSubscription]:
    """Return who is written to of an incident; they stay until the transaction has ended."""
    found = StatusSubscription.objects.told_of(
        list(incident.regions.all()), list(incident.named_models.all())
    )
    return StatusSubscription.objects.all_locked(found.values_list("pk", flat=True))


def write(update: IncidentUpdate, to: Sequence[StatusSubscription]) -> None:
    """Keep whom an update goes to, in the transaction that says it."""
    StatusLetter.objects.bulk_create(
        [StatusLetter(subscription=it, update=update) for it in to],
        ignore_conflicts=True,
        batch_size=BATCH,
    )
    if to:
        jobs.enqueue("front.send_status_mail")


def send() -> int:
    """Send the links that were asked for and the letters that are due; return how many went out.

    Each letter is claimed before it is sent, so two at a time send it once. One whose sender died
    is taken up by another after some minutes; had it gone out already, it is the same message
    again, by its Message-ID. Where the mail server is away, the next run goes on.
    """
    with service():
        invited = list(
            StatusSubscription.objects.waiting()
            .filter(invited_at=None)
            .order_by("pk")
            .values_list("pk", flat=True)[:MOST]
        )
        due = list(StatusLetter.objects.due().values_list("pk", flat=True)[:MOST])
    if not invited and not due:
        return 0
    try:
        with get_connection() as connection:
            sent = sum(_invite(pk, connection) for pk in invited)
            return sent + sum(_send(pk, connection) for pk in due)
    except OSError as error:
        log.warning("status_mail_not_sent", reason=repr(error))
        return 0


def _invite(pk: UUID, connection: BaseEmailBackend) -> bool:
    with service():
        waiting = StatusSubscription.objects.waiting().filter(pk=pk, invited_at=None)
        if not waiting.update(invited_at=timezone.now()):
            return False
        subscription = StatusSubscription.objects.get(pk=pk)
    with translation.override(subscription.language):
        made = mails.message(
            _("Confirm that you want mail about the service"),
            "status_confirm",
            {"link": tokens.address("status-mail-confirm", subscription, tokens.CONFIRM)},
            to=[subscription.email],
        )
    try:
        return _hand_over(made, connection)
    except OSError:
        with service():
            StatusSubscription.objects.filter(pk=pk).update(invited_at=None)
        raise


def _send(pk: UUID, connection: BaseEmailBackend) -> bool:
    letter = _claim(pk)
    if letter is None:
        return False
    went = _hand_over(_letter(letter), connection)
    with service():
        StatusLetter.objects.filter(pk=pk).update(sent_at=timezone.now())
    return went


def _claim(pk: UUID) -> StatusLetter | None:
    """Return the letter to whoever asks first; the others get none."""
    with service():
        if not StatusLetter.objects.due().filter(pk=pk).update(claimed_at=timezone.now()):
            return None
        found = StatusLetter.objects.select_related("subscription", "update__incident")
        return found.prefetch_related(
            "update__incident__regions", "update__incident__named_models"
        ).get(pk=pk)


def _hand_over(made: EmailMultiAlternatives, connection: BaseEmailBackend) -> bool:
    """Send a message; False where the mail server takes none for this address."""
    made.connection = connection
    try:
        made.send()
    except SMTPRecipientsRefused:
        log.info("status_mail_refused")
        return False
    return True


def _letter(letter: StatusLetter) -> EmailMultiAlternatives:
    subscription, update = letter.subscription, letter.update
    own = tokens.address("status-mail-own", subscription, tokens.OWN)
    end = tokens.address("status-mail-end", subscription, tokens.OWN)
    with translation.override(subscription.language):
        title = update.incident.heading
        context = {
            "incident": update.incident,
            "update": update,
            "models": status.board().models_of(update.incident),
            "link": mails.link("incident", update.incident.pk),
            "own": own,
            "end": end,
        }
        subject = f"{title} · {update.get_state_display()}"
        made = mails.message(subject, "status_letter", context, to=[subscription.email])
    host = settings.PUBLIC_URL.split("://")[-1].split("/")[0].split(":")[0]
    made.extra_headers = {
        "Message-ID": f"<{letter.pk}@{host}>",
        "List-Unsubscribe": f"<{end}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
    }
    return made
