"""Tells those who used a model of late what will change: prices that rise, a model that goes.

The row is the promise: it is written in the transaction that makes the change, once per customer,
and the mail follows it. Notice periods are settings; whoever undercuts them does not do so alone.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from common import jobs
from common.database import atomic, rows, service
from marketplace import ports, rising, viewers
from marketplace.errors import NoticeTooShort
from marketplace.models import AIModel, Notice, Offer, Price, PriceBook, PriceMove
from marketplace.models.notices import LEASE
from marketplace.rising import Rise, Said
from tenants.models import Organization

log = structlog.get_logger(__name__)

#: What a customer used of late.
Use = tuple[Organization, Offer]
#: What each use comes to cost more; what does not is left out.
Rises = Mapping[Use, list[Rise]]

ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('marketplace.moves', 0))"
#: How long nothing of a day's prices must have changed before they are told: one mail, not many.
SETTLES = timedelta(minutes=10)
#: By how much a notice may be shorter: whoever writes a day down sends it a little later.
SLACK = timedelta(minutes=1)
DAY = timedelta(days=1)
#: For how long a notice that no address takes is sent again, once a day.
GIVEN_UP = timedelta(days=30)
#: How many mails a sweep sends at most.
MOST = 500


def is_for_many(book: PriceBook) -> bool:
    """Whether a book's prices are the operator's alone to say: nobody signed them."""
    return book.is_default or book.customer_group_id is not None


def tell(uses: list[Use], moments: Iterable[datetime]) -> None:
    """Keep what each use comes to cost more from each of these on, as everything is now.

    What was kept for the same instant before, and is no more, is taken back.
    """
    for at, found in _beginning(uses, moments).items():
        _tell_of_rises(uses, found, at)


@contextmanager
def keeping_promise(
    uses: Iterable[Use], moments: Collection[datetime], *, field: str
) -> Iterator[None]:
    """Refuse what is done within, where a use comes to cost more at one of these, and that is soon.

    Raises :class:`NoticeTooShort`, where it is sooner than customers were promised to be told.
    """
    uses = list(uses)
    before = {at: _paid(uses, at) for at in moments}
    yield
    for at in moments:
        if _between(before[at], _paid(uses, at)):
            refuse_short(at, field=field)


class _Undone(Exception):
    """What was tried is taken back."""


def rises(
    uses: list[Use], act: Callable[[], object], instants: Sequence[datetime | None]
) -> dict[datetime | None, Rises]:
    """Return which uses would cost more at each instant (None: at once); nothing is done.

    Instants at which none would are left out.
    """
    before = {at: _paid(uses, at or timezone.now()) for at in instants}
    with _tried(act):
        after = {at: _paid(uses, at or timezone.now()) for at in instants}
    found = {at: _between(before[at], after[at]) for at in instants}
    return {at: rising for at, rising in found.items() if rising}


def beginning(
    uses: list[Use], act: Callable[[], object], instants: Iterable[datetime]
) -> dict[datetime, Rises]:
    """Return what would begin to cost more at each instant, were it done; nothing is done."""
    with _tried(act):
        return _beginning(uses, instants)


@contextmanager
def _tried(act: Callable[[], object]) -> Iterator[None]:
    """Do it for what is read within, then take it back."""
    with suppress(_Undone), atomic():
        act()
        yield
        raise _Undone


def _between(before: Mapping[Use, Said], after: Mapping[Use, Said]) -> Rises:
    return {it: found for it in before if (found := rising.between(before[it], after[it]))}


def _beginning(uses: list[Use], instants: Iterable[datetime]) -> dict[datetime, Rises]:
    """Return what begins to cost more at each instant, as everything is now."""
    found = {}
    for at in instants:
        until = _paid(uses, at - timedelta(microseconds=1))
        found[at] = _between(until, _paid(uses, at))
    return found


def instants(uses: Iterable[Use], *, until: datetime | None = None) -> list[datetime]:
    """Return when other prices come to hold for what was used (until then).

    That is where prices begin or end, in whatever book, and contracts of those who used it.
    """
    uses, now = list(uses), timezone.now()
    changes = Price.objects.filter(offer__in={offer.pk for _user, offer in uses}).changes(now)
    changes.update(ports.contracts.changes({user for user, _offer in uses}, now))
    return sorted(it for it in changes if until is None or it <= until)


def used_by(customers: Collection[Organization]) -> list[Use]:
    """Return what each customer used of late, and what can still be called.

    Whether it is shown to them now does not matter: it may be again tomorrow.
    """
    since = timezone.now() - viewers.LATE
    used = ports.demand.used_by(customers, since=since)
    live = Offer.objects.live().select_related("model_version__model").order_by("pk")
    found = []
    for offer in live.filter(name__in=set().union(*used.values())):
        found += [(it, offer) for it in customers if offer.name in used.get(it.pk, ())]
    return found


def tell_of_move(move: PriceMove, rises: Rises, later: Mapping[datetime, Rises]) -> None:
    """Keep for each use what it comes to cost more by the move, and by prices that begin later.

    Who is told of as much already is not told again.
    """
    _tell_of_rises(list(rises), rises, move.takes_effect_at, move)
    for at, begin in later.items():
        told = _told(list(begin), at)
        rest = {it: found for it, found in begin.items() if _is_above(found, told.get(_key(it)))}
        _tell_of_rises(list(rest), rest, at, move)


def tell_anew(uses: list[Use], moments: Iterable[datetime] = ()) -> None:
    """Keep for each use what it comes to cost more at each instant to come, as everything is now.

    The same at the moments, and where something was told that may be no more.
    """
    held = _prices_told(uses).filter(happens_at__gt=timezone.now(), taken_back_at=None)
    promised = held.values_list("happens_at", flat=True)
    tell(uses, sorted({*instants(uses), *moments, *promised}))


def untold(move: PriceMove, rises: Mapping[datetime | None, Rises]) -> bool:
    """Whether some use would come to cost more by the move than its customer was told.

    What was told for the day of the move counts, and of prices that begin after it until then.
    """
    uses = {use for found in rises.values() for use in found}
    told: dict[tuple[UUID, UUID], list[Notice]] = {}
    for notice in _prices_told(uses).filter(happens_at__gte=move.takes_effect_at):
        told.setdefault((notice.organization_id, notice.offer_id), []).append(notice)
    now = max(timezone.now(), move.takes_effect_at)
    return any(
        _is_above(found, *(it for it in told.get(_key(use), ()) if it.happens_at <= (at or now)))
        for at, rising in rises.items()
        for use, found in rising.items()
    )


def take_back(move: PriceMove) -> None:
    """Let nobody be told any more of what a move would have raised."""
    _take_back(Notice.objects.filter(move=move))


def one_at_a_time() -> None:
    """Wait for whoever else sets prices or moves customers between them; until the transaction ends."""
    rows(ALONE)


@contextmanager
def refusing_untold(uses: list[Use], *, field: str) -> Iterator[None]:
    """Refuse what is done within, where a price that begins soon is then a rise that is not told.

    Raises :class:`NoticeTooShort`.
    """
    soon = instants(uses, until=timezone.now() + settings.PRICE_NOTICE - SLACK)
    before = _beginning(uses, soon)
    yield
    for at, found in _beginning(uses, soon).items():
        told = _told(list(found), at)
        for use, rises in found.items():
            known = [it.facts for it in before[at].get(use, ())]
            if _is_above([it for it in rises if _exceed([it], known)], told.get(_key(use))):
                refuse_short(at, field=field)


def refuse_short(at: datetime, *, field: str) -> None:
    """Refuse a rise that comes sooner than customers were promised to be told of it."""
    if at < timezone.now() + settings.PRICE_NOTICE - SLACK:
        raise NoticeTooShort(field_errors={field: [NoticeTooShort.detail]})


def retirement(model: AIModel, at: datetime | None) -> None:
    """Keep for everybody who used the model of late when it goes; an owner knows of their own.

    That it goes at another time, or does so no more (None), takes back what was told before.
    """
    told = Notice.objects.filter(model=model, kind=Notice.Kind.RETIREMENT)
    other = told.filter(happens_at__gt=timezone.now())
    _take_back(other.exclude(happens_at=at) if at is not None else other)
    if at is None or model.owner_id is not None:
        return
    # Who was told of this day before, and that it is no more, is told anew.
    told.filter(happens_at=at).exclude(taken_back_at=None).update(**_anew())
    for offer in Offer.objects.filter(model_version__model=model).order_by("pk"):
        _keep(_notice((user, offer), Notice.Kind.RETIREMENT, at) for user in users(offer))


def users(offer: Offer) -> list[Organization]:
    """Return who used the offer of late, whether it is shown to them now or may be again."""
    return list(ports.demand.customers(offer.name, since=timezone.now() - viewers.LATE))


def are_told(offer: Offer, at: datetime) -> bool:
    """Whether anybody was told that the offer's prices rise at this instant."""
    return Notice.objects.filter(offer=offer, kind=Notice.Kind.PRICES, happens_at=at).exists()


def _paid(uses: list[Use], at: datetime) -> dict[Use, Said]:
    """Return what each use is priced by at the instant."""
    offers = sorted({offer.pk for _organization, offer in uses})
    paid = rising.paid({user for user, _offer in uses}, offers, at)
    return {(user, offer): paid[user.pk][offer.pk] for user, offer in uses}


def _tell_of_rises(
    uses: list[Use], rises: Rises, at: datetime, move: PriceMove | None = None
) -> None:
    """Keep what is to be told; who was told something else for this instant is told anew."""
    told, kept = _told(uses, at), []
    for use in uses:
        found = rises.get(use, [])
        prices = [it.facts for it in found]
        present = told.get(_key(use))
        if present is not None and move is None and _is_to_come(use, present, found):
            continue
        if present is not None:
            _tell_otherwise(present, prices, move)
        elif prices:
            notice = _notice(use, Notice.Kind.PRICES, at)
            notice.move, notice.currency, notice.prices = move, use[0].currency, prices
            kept.append(notice)
    _keep(kept)


def _is_to_come(use: Use, notice: Notice, rises: list[Rise]) -> bool:
    """Whether a notice says what a planned move will let begin, and what begins now is no more."""
    move = notice.move
    if move is None or move.status != PriceMove.Status.PLANNED or notice.taken_back_at is not None:
        return False
    is_day = notice.happens_at == move.takes_effect_at
    changes = is_day or notice.happens_at in instants([use], until=notice.happens_at)
    return changes and not _is_above(rises, notice)


def _tell_otherwise(notice: Notice, prices: list[dict[str, Any]], move: PriceMove | None) -> None:
    """Let a notice say other prices, which are written of anew; without any, take it back."""
    found = Notice.objects.filter(pk=notice.pk)
    if not prices:
        _take_back(found)
    elif notice.taken_back_at is not None or notice.prices != prices:
        found.update(prices=prices, move=move, **_anew())
        jobs.enqueue("marketplace.send_notices")
    elif notice.move_id != (move.pk if move else None):
        found.update(move=move)


def _anew() -> dict[str, datetime | None]:
    """Return what lets a notice hold, and be written of, as if it were new."""
    now = timezone.now()
    return {"taken_back_at": None, "sent_at": None, "claimed_at": None, "updated_at": now}


def _take_back(told: QuerySet[Notice]) -> None:
    # What is on its way, or arrived, stays on record.
    told.filter(sent_at=None, claimed_at=None).delete()
    told.filter(taken_back_at=None).update(taken_back_at=timezone.now())


def _told(uses: list[Use], at: datetime) -> dict[tuple[UUID, UUID], Notice]:
    """Return what was told of prices at the instant, by customer and offer."""
    found = _prices_told(uses).filter(happens_at=at)
    return {(it.organization_id, it.offer_id): it for it in found}


def _prices_told(uses: Collection[Use]) -> QuerySet[Notice]:
    return Notice.objects.filter(
        organization__in={user.pk for user, _offer in uses},
        offer__in={offer.pk for _user, offer in uses},
        kind=Notice.Kind.PRICES,
    ).select_related("move")


def _key(use: Use) -> tuple[UUID, UUID]:
    user, offer = use
    return user.pk, offer.pk


def _is_above(rises: Iterable[Rise], *told: Notice | None) -> bool:
    """Whether a part comes to cost more than each notice says that still holds; or none names it."""
    held = [it for it in told if it is not None and it.taken_back_at is None]
    return _exceed(rises, [fact for notice in held for fact in notice.prices])


def _exceed(rises: Iterable[Rise], said: Collection[Mapping[str, Any]]) -> bool:
    return any(
        all(
            rising.can_cost_more(rise.part, it["after"], rise.after)
            for it in said
            if (it["tier"], it["part"]) == (rise.tier, rise.part)
        )
        for rise in rises
    )


def _notice(use: Use, kind: Notice.Kind, at: datetime) -> Notice:
    user, offer = use
    model_id = offer.model_version.model_id
    return Notice(organization=user, model_id=model_id, offer=offer, kind=kind, happens_at=at)


def _keep(made: Iterable[Notice]) -> None:
    if kept := list(made):
        Notice.objects.bulk_create(kept, ignore_conflicts=True)
        jobs.enqueue("marketplace.send_notices")


def unsent() -> list[UUID]:
    """Return notices that nobody was written about yet, and that are not about to become others.

    Whoever changes prices does so model by model: they are told together, when it is over.
    """
    settled = timezone.now() - SETTLES
    with service():
        moving = Notice.objects.due().filter(
            organization=OuterRef("organization"),
            kind=Notice.Kind.PRICES,
            happens_at__date=OuterRef("happens_at__date"),
            updated_at__gt=settled,
        )
        ripe = Notice.objects.due().exclude(Exists(moving), kind=Notice.Kind.PRICES)
        return list(ripe.values_list("pk", flat=True)[:MOST])


def claim(pk: UUID) -> list[Notice]:
    """Return the notice, with the others of prices that rise on its day, to whoever asks first.

    Whoever sends their mail says so afterwards (:func:`sent`); else another takes them up later.
    """
    with service():
        one = Notice.objects.filter(pk=pk).first()
        alike = Notice.objects.filter(pk=pk)
        if one is not None and one.kind == Notice.Kind.PRICES:
            alike = Notice.objects.filter(
                organization=one.organization_id,
                kind=one.kind,
                happens_at__date=one.happens_at.date(),
            )
        # The locks are taken in one order; whoever comes second finds them claimed.
        locked = alike.due().select_for_update(of=("self",)).order_by("pk")
        claimed = list(locked.values_list("pk", flat=True))
        Notice.objects.filter(pk__in=claimed).update(claimed_at=timezone.now())
        wanted = Notice.objects.select_related("organization", "offer", "model__replaced_by")
        return list(wanted.filter(pk__in=claimed).order_by("happens_at", "offer__name"))


def sent(told: Iterable[Notice]) -> None:
    """Keep that the mail of claimed notices went out; what was to be said anew meanwhile, will be."""
    with service():
        for notice in told:
            alike = Notice.objects.filter(pk=notice.pk, claimed_at=notice.claimed_at)
            alike.update(sent_at=timezone.now())


def put_off(told: Iterable[Notice]) -> None:
    """Let notices that nobody took be sent again in a day; after a month they count as sent."""
    now = timezone.now()
    with service():
        for notice in told:
            log.error("notice_refused", notice=str(notice.pk), organization=notice.organization_id)
            alike = Notice.objects.filter(pk=notice.pk, claimed_at=notice.claimed_at)
            is_over = notice.updated_at < now - GIVEN_UP
            alike.update(sent_at=now) if is_over else alike.update(claimed_at=now + DAY - LEASE)


def give_back(told: Iterable[Notice]) -> None:
    """Let notices be sent again, whose mail did not go out."""
    with service():
        for notice in told:
            alike = Notice.objects.filter(pk=notice.pk, claimed_at=notice.claimed_at)
            alike.update(claimed_at=None)
