"""Tells those who used a model of late what will change: prices that rise, a model that goes.

The row is the promise: it is written in the transaction that makes the change, once per customer,
and the mail follows it. Notice periods are settings; whoever undercuts them does not do so alone.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from common import jobs
from common.database import atomic, rows, service
from marketplace import ports, rising, viewers
from marketplace.errors import NoticeTooShort
from marketplace.models import AIModel, Notice, Offer, Price, PriceBook, PriceMove
from marketplace.rising import Rise, Said
from tenants.models import Organization

#: What a customer used of late.
Use = tuple[Organization, Offer]

ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('marketplace.moves', 0))"
#: How long nothing of a day's prices must have changed before they are told: one mail, not many.
SETTLES = timedelta(minutes=10)
#: How many mails a sweep sends at most.
MOST = 500


def is_for_many(book: PriceBook) -> bool:
    """Whether a book's prices are the operator's alone to say: nobody signed them."""
    return book.is_default or book.customer_group_id is not None


@contextmanager
def watching(uses: Iterable[Use], at: datetime, *, agreed: bool, field: str = "") -> Iterator[None]:
    """Keep what each use comes to cost more from the instant on, by what is done within.

    What was kept for the same instant before, and is no more, is taken back. Raises
    :class:`NoticeTooShort`, so that nothing is done, where some use comes to cost more sooner than
    customers were promised to be told, and no second person ``agreed``.
    """
    uses = list(uses)
    before = _paid(uses, at)
    yield
    after = _paid(uses, at)
    if not agreed and any(rising.between(before[it], after[it]) for it in uses):
        refuse_short(at, field=field)
    until = _paid(uses, at - timedelta(microseconds=1))
    for it in uses:
        _tell_of_rises(it, rising.between(until[it], after[it]), at)


class _Undone(Exception):
    """What was tried is taken back."""


def rises(
    uses: Iterable[Use], act: Callable[[], object], at: datetime | None = None
) -> list[tuple[Use, list[Rise]]]:
    """Return which uses would cost more at the instant (at once, without one); nothing is done."""
    uses = list(uses)
    before = _paid(uses, at or timezone.now())
    try:
        with atomic():
            act()
            after = _paid(uses, at or timezone.now())
            raise _Undone
    except _Undone:
        pass
    return [(it, found) for it in uses if (found := rising.between(before[it], after[it]))]


def instants(uses: Iterable[Use], *, until: datetime) -> list[datetime]:
    """Return when prices of what was used change until then, in whatever book."""
    offers = {offer.pk for _user, offer in uses}
    coming = Price.objects.upcoming(timezone.now()).filter(offer__in=offers)
    found = coming.filter(effective_from__lte=until).order_by("effective_from")
    return list(found.values_list("effective_from", flat=True).distinct())


def used_by(customers: Collection[Organization]) -> list[Use]:
    """Return what each customer used of late, still sees, and can still call."""
    since = timezone.now() - viewers.LATE
    used = ports.demand.used_by(customers, since=since)
    live = Offer.objects.live().select_related("model_version__model").order_by("pk")
    found = []
    for offer in live.filter(name__in=set().union(*used.values())):
        users = [it for it in customers if offer.name in used.get(it.pk, ())]
        audience = viewers.of(offer.model_version.model)
        found += [(user, offer) for user in viewers.within(audience, users)]
    return found


def tell_of_move(move: PriceMove, rises: Iterable[tuple[Use, list[Rise]]]) -> None:
    """Keep for each use what it comes to cost more by the move."""
    for use, found in rises:
        _tell_of_rises(use, found, move.takes_effect_at, move)


def take_back(move: PriceMove) -> None:
    """Let nobody be told any more of what a move would have raised."""
    told = Notice.objects.filter(move=move)
    told.filter(sent_at=None).delete()
    told.update(taken_back_at=timezone.now())


def one_at_a_time() -> None:
    """Wait for whoever else moves customers between prices; until the transaction ends."""
    rows(ALONE)


def refuse_short(at: datetime, *, field: str) -> None:
    """Refuse a rise that comes sooner than customers were promised to be told of it."""
    if at < timezone.now() + settings.PRICE_NOTICE - timedelta(minutes=1):
        raise NoticeTooShort(field_errors={field: [NoticeTooShort.detail]})


def retirement(model: AIModel, at: datetime) -> None:
    """Keep for everybody who used the model of late when it goes; an owner knows of their own."""
    if model.owner_id is not None:
        return
    for offer in Offer.objects.filter(model_version__model=model).order_by("pk"):
        _keep(_notice((user, offer), Notice.Kind.RETIREMENT, at) for user in users(offer))


def users(offer: Offer) -> list[Organization]:
    """Return who used the offer of late and still sees its model."""
    users = ports.demand.customers(offer.name, since=timezone.now() - viewers.LATE)
    return viewers.within(viewers.of(offer.model_version.model), users)


def are_told(offer: Offer, at: datetime) -> bool:
    """Whether anybody was told that the offer's prices rise at this instant."""
    return Notice.objects.filter(offer=offer, kind=Notice.Kind.PRICES, happens_at=at).exists()


def _paid(uses: list[Use], at: datetime) -> dict[Use, Said]:
    """Return what each use is priced by at the instant."""
    offers = sorted({offer.pk for _organization, offer in uses})
    paid = rising.paid({user for user, _offer in uses}, offers, at)
    return {(user, offer): paid[user.pk][offer.pk] for user, offer in uses}


def _tell_of_rises(
    use: Use, rises: Iterable[Rise], at: datetime, move: PriceMove | None = None
) -> None:
    """Keep what is to be told; who was told something else for this instant is told anew."""
    notice = _notice(use, Notice.Kind.PRICES, at)
    notice.move = move
    notice.currency, notice.prices = notice.organization.currency, [it.facts for it in rises]
    told = Notice.objects.filter(
        organization=notice.organization, offer=notice.offer, kind=notice.kind, happens_at=at
    )
    if not notice.prices:
        told.filter(sent_at=None).delete()
        told.update(taken_back_at=timezone.now())
    elif not told.filter(prices=notice.prices, taken_back_at=None).exists():
        now = timezone.now()
        told.update(prices=notice.prices, taken_back_at=None, sent_at=None, updated_at=now)
        _keep([notice])


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
        moving = Notice.objects.unsent().filter(
            organization=OuterRef("organization"),
            kind=Notice.Kind.PRICES,
            happens_at__date=OuterRef("happens_at__date"),
            updated_at__gt=settled,
        )
        ripe = Notice.objects.unsent().exclude(Exists(moving), kind=Notice.Kind.PRICES)
        return list(ripe.values_list("pk", flat=True)[:MOST])


def claim(pk: UUID) -> list[Notice]:
    """Return the notice, with the others of prices that rise on its day, to whoever asks first."""
    with service():
        one = Notice.objects.filter(pk=pk).first()
        alike = Notice.objects.filter(pk=pk)
        if one is not None and one.kind == Notice.Kind.PRICES:
            alike = Notice.objects.filter(
                organization=one.organization_id,
                kind=one.kind,
                happens_at__date=one.happens_at.date(),
            )
        # The locks are taken in one order; whoever comes second finds them sent.
        locked = alike.unsent().select_for_update(of=("self",)).order_by("pk")
        claimed = list(locked.values_list("pk", flat=True))
        Notice.objects.filter(pk__in=claimed).update(sent_at=timezone.now())
        wanted = Notice.objects.select_related("organization", "offer", "model__replaced_by")
        return list(wanted.filter(pk__in=claimed).order_by("happens_at", "offer__name"))


def give_back(told: Iterable[Notice]) -> None:
    """Let notices be sent again, whose mail did not go out."""
    with service():
        Notice.objects.filter(pk__in=[it.pk for it in told]).update(sent_at=None)
