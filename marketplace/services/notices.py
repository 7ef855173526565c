"""Tells those who used a model of late what will change: prices that rise, a model that goes.

The row is the promise: it is written in the transaction that makes the change, once per customer,
and the mail follows it. Notice periods are settings; whoever undercuts them does not do so alone.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from common import jobs
from common.database import service
from marketplace import books, ports, viewers
from marketplace.models import AIModel, Notice, Offer, PriceBook
from marketplace.models.catalogue import LIVE
from marketplace.models.prices import Price, dearest_per_token, with_twins
from tenants.models import Organization

#: How many mails a sweep sends at most.
MOST = 500


def rises(
    book: PriceBook,
    offer: Offer,
    at: datetime,
    tier: str,
    definitions: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Tell whether one of these prices of a book is above what it says, or the list says, by then."""
    prices = Price.objects.in_force(at).filter(offer=offer, service_tier=tier)
    own = list(prices.filter(book=book)) or list(prices.listed(book.currency))
    held = with_twins({price.token_part: price.per_token for price in own})
    return any(
        part in held and dearest_per_token(dict(definition)) > held[part]
        for part, definition in definitions.items()
    )


def is_for_many(book: PriceBook) -> bool:
    """Whether a book's prices are the operator's alone to say: nobody signed them."""
    return book.is_default or book.customer_group_id is not None


def prices_rise(book: PriceBook, offer: Offer, at: datetime) -> None:
    """Keep for everybody who used the offer of late, and pays by the book, that its prices rise."""
    if offer.status in LIVE:
        users = [it for it in _users(offer) if _pays_by(it, book, offer)]
        _keep(users, offer, Notice.Kind.PRICES, at)


def retirement(model: AIModel, at: datetime) -> None:
    """Keep for everybody who used the model of late when it goes; an owner knows of their own."""
    if model.owner_id is not None:
        return
    for offer in Offer.objects.filter(model_version__model=model).order_by("pk"):
        _keep(_users(offer), offer, Notice.Kind.RETIREMENT, at)


def _users(offer: Offer) -> list[Organization]:
    """Return who used the offer of late and still sees its model."""
    users = ports.demand.customers(offer.name, since=timezone.now() - viewers.LATE)
    return viewers.within(viewers.of(offer.model_version.model), users)


def _pays_by(organization: Organization, book: PriceBook, offer: Offer) -> bool:
    """Whether the book is the first that prices the offer for the organization."""
    if organization.currency != book.currency:
        return False
    chain = books.chain(organization, timezone.now())
    priced = Price.objects.in_force(timezone.now()).filter(offer=offer, book__in=chain)
    pricing = set(priced.values_list("book_id", flat=True))
    return next((it for it in chain if it in pricing), None) == book.pk


def _keep(users: Iterable[Organization], offer: Offer, kind: Notice.Kind, at: datetime) -> None:
    model_id = offer.model_version.model_id
    made = [
        Notice(organization=user, model_id=model_id, offer=offer, kind=kind, happens_at=at)
        for user in users
    ]
    if made:
        Notice.objects.bulk_create(made, ignore_conflicts=True)
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
