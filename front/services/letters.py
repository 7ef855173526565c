"""Letters about incidents: one for each thing that was said and each who is written to of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
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
from front.models import (
    LEASE,
    STALE,
    Incident,
    IncidentUpdate,
    StatusLetter,
    StatusSubscription,
)
from tenants import mails

log = structlog.get_logger(__name__)
#: How many messages a run sends at most; the next one goes on.
MOST = 500
BATCH = 2000
#: When that is tried again which the mail server refuses us by a rule of its own.
SHUT_OUT_FOR = timedelta(hours=1)

#: What became of messages, by whose they are; None of those that another worker took.
Fates = Mapping[UUID, mail.Fate | None]


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
    minutes later. Where the mail server is away, the next run goes on; where it takes nothing of a
    run by a rule of its own, what it refused so comes again in an hour.
    """
    with service():
        due = list(StatusLetter.objects.due().values_list("pk", flat=True)[:MOST])
        invited = list(StatusSubscription.objects.invited().values_list("pk", flat=True)[:MOST])
    if not (due or invited):
        return 0
    letters: dict[UUID, mail.Fate | None] = {}
    links: dict[UUID, mail.Fate | None] = {}
    try:
        with get_connection() as connection:
            for pk in due:
                letters[pk] = _send(pk, connection)
            for pk in invited:
                links[pk] = _invite(pk, connection)
    except OSError as error:
        log.warning("status_mail_not_sent", reason=repr(error))
    sent = sum(it is mail.Fate.SENT for it in (*letters.values(), *links.values()))
    _settle(_shut_out(letters), _shut_out(links), is_ours=not sent)
    return sent


def _send(pk: UUID, connection: BaseEmailBackend) -> mail.Fate | None:
    letter = _claim(pk)
    if letter is None:
        return None
    fate = mail.hand_over(_letter(letter), connection)
    if fate in {mail.Fate.SENT, mail.Fate.DROPPED}:
        _sent([pk])
    return fate


def _invite(pk: UUID, connection: BaseEmailBackend) -> mail.Fate | None:
    with service():
        waiting = StatusSubscription.objects.invited().filter(pk=pk)
        if not waiting.update(invited_at=timezone.now()):
            return None
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
            _invite_again([pk], timezone.now() + LEASE)
    return fate


def _shut_out(fates: Fates) -> list[UUID]:
    return [pk for pk, fate in fates.items() if fate is mail.Fate.SHUT_OUT]


def _settle(letters: list[UUID], links: list[UUID], *, is_ours: bool) -> None:
    """Let what a rule of the mail server's kept out come again, where the rule is about us.

    Where others got theirs it is about the address, and the message is passed over.
    """
    if is_ours and (letters or links):
        now = timezone.now()
        later = now + SHUT_OUT_FOR
        log.error("status_mail_refused", letters=len(letters), links=len(links))
        with service():
            found = StatusLetter.objects.filter(pk__in=letters, sent_at=None)
            found.update(claimed_at=later - LEASE)
            # As letters are: a day is enough to set things right, and addresses may bar us for ever.
            asked = StatusSubscription.objects.filter(pk__in=links, updated_at__gte=now - STALE)
            fresh = list(asked.values_list("pk", flat=True))
        _invite_again(fresh, later)
    elif letters:
        _sent(letters)


def _sent(letters: list[UUID]) -> None:
    with service():
        StatusLetter.objects.filter(pk__in=letters).update(sent_at=timezone.now())


def _invite_again(links: list[UUID], at: datetime) -> None:
    """Let links go out from then on that were not taken."""
    with service():
        waiting = StatusSubscription.objects.waiting().filter(pk__in=links)
        waiting.update(invited_at=None, invite_after=at)


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
