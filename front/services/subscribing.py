"""Addresses that are written to about incidents: asked for, confirmed, changed, ended, forgotten."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common import jobs
from common.database import atomic
from common.errors import Forbidden
from front.models import PATIENCE, StatusLetter, StatusSubscription
from marketplace.models import AIModel
from tenants.models import Region, User
from tenants.services import audit, sign_ups

#: Whoever asks for an address again causes no other mail before that.
PAUSE = timedelta(minutes=10)
#: So long it is known who was written to of what.
KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to be written to about, and in which language; none means all."""

    language: str
    regions: Collection[Region] = ()
    models: Collection[AIModel] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many addresses get mail, wait for it, and would be reached."""

    confirmed: int
    waiting: int
    reach: int


@atomic()
def ask(email: str, choice: Choice) -> StatusSubscription:
    """Keep what an address is asked for, and send it a link; nothing holds before it is opened.

    An address that gets mail already keeps what it has until then, so that nobody changes what
    others get. The same address asked for again within ten minutes gets no second mail.
    """
    address = email.strip().lower()
    waiting = _asked_for(address, choice.language)
    if waiting.invited_at is not None and waiting.invited_at < timezone.now() - PAUSE:
        waiting.invited_at = None
    _take(waiting, choice)
    if waiting.invited_at is None:
        jobs.enqueue("front.send_status_mail")
    return waiting


@atomic()
def confirm(subscription_id: UUID) -> StatusSubscription | None:
    """Let what was asked for hold from now on; None where it was forgotten, twice is once."""
    waiting = invited(subscription_id)
    if waiting is None or waiting.confirmed_at is not None:
        return waiting
    return _confirmed(waiting.email, choice_of(waiting))


def invited(subscription_id: UUID) -> StatusSubscription | None:
    """Return what a link to confirm leads to: what waits, or what it has become."""
    found = StatusSubscription.objects.prefetch_related("regions", "named_models")
    return found.filter(Q(pk=subscription_id) | Q(confirmed_as=subscription_id)).first()


@atomic()
def change(subscription: StatusSubscription, choice: Choice) -> None:
    """Write to the address about something else from now on."""
    _take(StatusSubscription.objects.locked(subscription.pk), choice)


@atomic()
def end(subscription_id: UUID) -> None:
    """Write no more, and forget the address; twice changes nothing."""
    StatusSubscription.objects.filter(pk=subscription_id).delete()


def own(person: User) -> StatusSubscription | None:
    """Return what a person who signs in with an address gets at it."""
    return StatusSubscription.objects.confirmed().filter(email=person.email.lower()).first()


@atomic()
def switch_on(person: User, choice: Choice) -> StatusSubscription:
    """Write to the address that a person has confirmed for their account; it needs no other link."""
    if not sign_ups.is_verified(person):
        raise Forbidden(_("Confirm your e-mail address first."))
    return _confirmed(person.email.lower(), choice)


@atomic()
def switch_off(person: User) -> None:
    """Write no more to the address of a person, and forget that it was asked for."""
    StatusSubscription.objects.filter(email=person.email.lower()).delete()


@atomic()
def erase(email: str, *, by: User) -> bool:
    """Forget an address because its owner wants it; whether there was any. No record names it."""
    found = list(StatusSubscription.objects.filter(email=email.strip().lower()))
    for subscription in found:
        audit.record(organization=None, actor=by, action="status_mail.erased", target=subscription)
        subscription.delete()
    return bool(found)


@atomic()
def forget() -> int:
    """Forget addresses that did not confirm in time, and old letters; return how many addresses."""
    now = timezone.now()
    StatusLetter.objects.filter(created_at__lt=now - KEPT).delete()
    late = StatusSubscription.objects.waiting().filter(updated_at__lt=now - PATIENCE)
    return late.delete()[1].get(StatusSubscription._meta.label, 0)


def counts(*, regions: Collection[Region], models: Collection[AIModel]) -> Counts:
    """Return how many get mail, and how many of them what concerns these; none means all."""
    found = StatusSubscription.objects.all()
    return Counts(
        confirmed=found.confirmed().count(),
        waiting=found.waiting().count(),
        reach=found.told_of(regions, models).count(),
    )


def choice_of(subscription: StatusSubscription) -> Choice:
    """Return what an address is written to about."""
    return Choice(
        subscription.language,
        list(subscription.regions.all()),
        list(subscription.named_models.all()),
    )


def _asked_for(address: str, language: str) -> StatusSubscription:
    """Return what waits for an address to confirm it, locked; made where nothing does."""
    waiting = StatusSubscription.objects.waiting().filter(email=address)
    while True:
        StatusSubscription.objects.bulk_create(
            [StatusSubscription(email=address, language=language)], ignore_conflicts=True
        )
        # What somebody confirms or ends meanwhile does not wait any more: then another is made.
        if found := waiting.all_locked(waiting.values_list("pk", flat=True)):
            return found[0]


def _confirmed(address: str, choice: Choice) -> StatusSubscription:
    """Let the choice hold for an address, whatever it got or waited for before.

    What waited is what holds from then on; where the address gets mail already, that stays, for the
    links in its letters. The link to what waited leads there when it is opened again.
    """
    now, merged = timezone.now(), None
    waiting = StatusSubscription.objects.waiting().filter(email=address)
    try:
        with atomic():
            waiting.update(confirmed_at=now, invited_at=now)
    except IntegrityError as error:
        if "status_mail_once_an_address" not in str(error):
            raise
        merged = waiting.values_list("pk", flat=True).first()
        waiting.delete()
    StatusSubscription.objects.bulk_create(
        [
            StatusSubscription(
                email=address, language=choice.language, confirmed_at=now, invited_at=now
            )
        ],
        ignore_conflicts=True,
    )
    held = StatusSubscription.objects.confirmed().get(email=address)
    held = StatusSubscription.objects.locked(held.pk)
    held.confirmed_as = merged or held.confirmed_as
    _take(held, choice)
    return held


def _take(subscription: StatusSubscription, choice: Choice) -> None:
    subscription.language = choice.language
    subscription.save(update_fields=["language", "invited_at", "confirmed_as", "updated_at"])
    subscription.regions.set(choice.regions)
    subscription.named_models.set(choice.models)
