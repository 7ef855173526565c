"""Which price books hold for whom, in which order: the first that prices an offer prices all of it.

The order: the customer's own book, the one that the contract names, the customer group's, the one
that holds for everybody in the currency. Books are not mixed within an offer, so that a cheap input
never stands beside somebody else's output.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet

from marketplace import ports
from marketplace.models import GroupMember, Price, PriceBook, ServiceTier, TokenPart
from marketplace.models.prices import dearest_per_token
from tenants.models import Organization

#: By tier, offer and part.
Priced = dict[str, dict[UUID, dict[str, Price]]]


def special(organization: Organization, at: datetime) -> list[UUID]:
    """Return the books that hold for the organization before the default one, in order."""
    return special_of([organization], at)[organization.pk]


def special_of(organizations: Collection[Organization], at: datetime) -> dict[UUID, list[UUID]]:
    """Return the same for each of the organizations; so many of them cost no more queries."""
    named = ports.contracts.price_books(organizations, at)
    # By its membership, which the customer may read; the groups themselves are the operator's.
    members = GroupMember.objects.filter(organization__in=organizations)
    groups = dict(members.values_list("organization_id", "group_id"))
    books = PriceBook.objects.filter(
        Q(organization__in=organizations)
        | Q(pk__in=set(named.values()))
        | Q(customer_group__in=set(groups.values()))
    )
    audiences = books.values_list("currency", "pk", "organization_id", "customer_group_id")
    # Each is one book's alone in a currency: a book's own key, its customer's, its group's.
    held = {(key, currency): pk for currency, pk, *whom in audiences for key in (pk, *whom)}
    found = {}
    for it in organizations:
        order = (it.pk, named.get(it.pk), groups.get(it.pk))
        keys = [(key, it.currency) for key in order if key is not None]
        found[it.pk] = [held[key] for key in keys if key in held]
    return found


def chain(organization: Organization, at: datetime) -> list[UUID]:
    """Return all that hold for the organization, the default one last."""
    default = PriceBook.objects.filter(currency=organization.currency, is_default=True)
    return [*special(organization, at), *default.values_list("pk", flat=True)]


def in_force(
    offers: Iterable[UUID], at: datetime, currency: str, special: Sequence[UUID] = ()
) -> Priced:
    """Return, per tier and offer, the price of each part that has one (no fallbacks)."""
    prices = Price.objects.in_force(at).filter(offer_id__in=list(offers))
    found = _picked(prices.listed(currency))
    # From the last to the first: what comes earlier takes the whole offer.
    for book in reversed(special):
        own = _picked(prices.filter(book=book))
        priced = set().union(*own.values())
        for tier, by_offer in found.items():
            kept = {offer: parts for offer, parts in by_offer.items() if offer not in priced}
            found[tier] = kept | own[tier]
    return found


def amounts(
    offers: Iterable[UUID], at: datetime, currency: str, special: Sequence[UUID] = ()
) -> dict[UUID, dict[str, Decimal]]:
    """Return, per offer, what a token read and one written cost outside batches, where it is said.

    The same as :func:`in_force` says of them, without reading all prices as objects.
    """
    prices = Price.objects.in_force(at).filter(offer_id__in=list(offers))
    found = _amounts(prices.listed(currency).filter(*READ_AND_WRITTEN))
    for book in reversed(special):
        own = prices.filter(book=book)
        priced = set(own.order_by().values_list("offer_id", flat=True))
        kept = {offer: parts for offer, parts in found.items() if offer not in priced}
        found = kept | _amounts(own.filter(*READ_AND_WRITTEN))
    return found


#: What most people compare prices by.
READ_AND_WRITTEN = (
    Q(service_tier=ServiceTier.STANDARD),
    Q(token_part__in=(TokenPart.INPUT, TokenPart.OUTPUT)),
)


def _amounts(prices: QuerySet[Price, Price]) -> dict[UUID, dict[str, Decimal]]:
    found: dict[UUID, dict[str, Decimal]] = {}
    rows = prices.order_by().values_list("offer_id", "token_part", "definition")
    for offer, part, definition in rows:
        found.setdefault(offer, {})[part] = dearest_per_token(definition)
    return found


def changes(after: datetime, currency: str, special: Sequence[UUID] = ()) -> list[datetime]:
    """Return the moments after this one at which a price of these books begins or ends, in order."""
    default = PriceBook.objects.filter(currency=currency, is_default=True)
    held = Price.objects.filter(Q(book__in=default) | Q(book__in=special))
    return sorted(held.changes(after))


def _picked(prices: QuerySet[Price, Price]) -> Priced:
    found: Priced = {tier: {} for tier in ServiceTier}
    for price in prices:
        found[price.service_tier].setdefault(price.offer_id, {})[price.token_part] = price
    return found
