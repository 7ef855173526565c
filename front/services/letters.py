"""Letters about incidents: one for each thing that was said and each who is written to of it."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from common import jobs, mail
from common.database import service
from front import status, tokens
from front.models import LEASE, Incident, IncidentUpdate, StatusLetter, StatusSubscription
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
    """Send the letters that are due and the links that were asked for; return how many went out.

    Each is claimed before it is sent, so two at a time send it once. A letter whose sender died
    is taken up by another after some minutes; had it gone out already, it is the same message
    again, by its Message-ID. What is refused holds nobody up: it is dropped, or comes again some
    minutes later. Where the mail server is away, the next run goes on.
    """
    with service():
        due = list(StatusLetter.objects.due().values_list("pk", flat=True)[:MOST])
        invited = list(StatusSubscription.objects.invited().values_list("pk", flat=True)[:MOST])
    sent = 0
    try:
        with get_connection() as connection:
            for pk in due:
                sent += _send(pk, connection)
            for pk in invited:
                sent += _invite(pk, connection)
    except OSError as error:
        log.warning("status_mail_not_sent", reason=repr(error))
    return sent


def _send(pk: UUID, connection: BaseEmailBackend) -> bool:
    letter = _claim(pk)
    if letter is None:
        return False
    fate = mail.hand_over(_letter(letter), connection)
    if fate is not mail.Fate.PUT_OFF:
        with service():
            StatusLetter.objects.filter(pk=pk).update(sent_at=timezone.now())
    return fate is mail.Fate.SENT


def _invite(pk: UUID, connection: BaseEmailBackend) -> bool:
    with service():
        waiting = StatusSubscription.objects.invited().filter(pk=pk)
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
    fate = mail.Fate.PUT_OFF
    try:
        fate = mail.hand_over(made, connection)
    finally:
        if fate is mail.Fate.PUT_OFF:
            with service():
                later = timezone.now() + LEASE
                waiting = StatusSubscription.objects.waiting().filter(pk=pk)
                waiting.update(invited_at=None, invite_after=later)
    return fate is mail.Fate.SENT


def _claim(pk: UUID) -> StatusLetter | None:
    """Return the letter to whoever asks first; the others get none."""
    with service():
        if not StatusLetter.objects.due().filter(pk=pk).update(claimed_at=timezone.now()):
            return None
        found = StatusLetter.objects.select_related("subscription", "update__incident")
        return found.prefetch_related(
            "update__incident__regions", "update__incident__named_models"
        ).get(pk=pk)


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
