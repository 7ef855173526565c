"""Tells those who used a model of late what will change: prices that rise, a model that goes.

The row is the promise: it is written in the transaction that makes the change, once per customer,
and the mail follows it. Notice periods are settings; whoever undercuts them does not do so alone.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from common import jobs
from common.database import service
from marketplace import ports, rising, viewers
from marketplace.errors import NoticeTooShort
from marketplace.models import AIModel, Notice, Offer, PriceBook
from marketplace.rising import Rise, Said
from tenants.models import Organization

#: What a customer used of late.
Use = tuple[Organization, Offer]

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


def _tell_of_rises(use: Use, rises: Iterable[Rise], at: datetime) -> None:
    """Keep what is to be told; who was told something else for this instant is told anew."""
    notice = _notice(use, Notice.Kind.PRICES, at)
    notice.currency, notice.prices = notice.organization.currency, [it.facts for it in rises]
    told = Notice.objects.filter(
        organization=notice.organization, offer=notice.offer, kind=notice.kind, happens_at=at
    )
    if not notice.prices:
        told.filter(sent_at=None).delete()
        told.update(taken_back_at=timezone.now())
    elif not told.filter(prices=notice.prices, taken_back_at=None).exists():
        told.update(prices=notice.prices, taken_back_at=None, sent_at=None)
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
    """Return the notices that nobody was written about yet."""
    with service():
        return list(Notice.objects.unsent().values_list("pk", flat=True)[:MOST])


def claim(pk: UUID) -> Notice | None:
    """Return the notice to whoever asks first; the others get none."""
    with service():
        if not Notice.objects.unsent().filter(pk=pk).update(sent_at=timezone.now()):
            return None
        wanted = Notice.objects.select_related("organization", "offer", "model__replaced_by")
        return wanted.get(pk=pk)


def give_back(notice: Notice) -> None:
    """Let a notice be sent again, whose mail did not go out."""
    with service():
        Notice.objects.filter(pk=notice.pk).update(sent_at=None)
