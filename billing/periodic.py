"""What was used in a period, summed up from its events by price and by what a token counted."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import add, or_
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum, UUIDField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from billing.drafts import UsedTokens
from billing.rating.conditions import Circumstances, multiplier
from billing.rating.definition import parse
from marketplace.models import FALLBACK, OtherPart, Price, ServiceTier
from marketplace.queries import CONDITIONS
from metering.models import PROMPT_PARTS, TOKEN_PARTS, UsageEvent

#: Tokens by offer, part, price and what each counted.
Key = tuple[str, str, str, Decimal]
Sums = dict[Key, int]
#: The project or key that used them; None where nobody asks, and where there was no key.
Owner = UUID | None
Owned = dict[Key, dict[Owner, int]]
ONE = Decimal(1)
PROMPT = reduce(add, (F(f"{part}_tokens") for part in PROMPT_PARTS))
REQUESTS = OtherPart.REQUESTS.value


def sums(events: QuerySet[UsageEvent]) -> Sums:
    """Return what the events used; each is weighed anew where its price weighs requests."""
    return {key: sum(used.values()) for key, used in owned(events).items()}


def owned(events: QuerySet[UsageEvent], by: str = "") -> Owned:
    """Return the same by whose usage it is: of a project or of a key, by their columns."""
    found: Owned = {}
    owner = F(by) if by else Value(None, UUIDField())
    events = events.annotate(owner=owner)
    for part in TOKEN_PARTS:
        of_part = events.filter(**{f"{part}_tokens__gt": 0}).annotate(price=_price_of(part))
        rows = of_part.values_list("offer_name", "price", "owner")
        counts = list(rows.annotate(tokens=Sum(f"{part}_tokens")).order_by())
        weighing = _weighing({price for _offer, price, *_rest in counts})
        for offer, price, whose, tokens in counts:
            if price not in weighing:
                found.setdefault((offer, part, price, ONE), {})[whose] = tokens
        for price in weighing.values():
            _weigh(of_part, part, price, found)
    _count(events, found)
    return found


def _count(events: QuerySet[Any], found: Owned) -> None:
    priced = events.filter(price_ids__has_key=REQUESTS).annotate(price=_key(REQUESTS))
    rows = priced.values_list("offer_name", "price", "owner").annotate(count=Count("pk"))
    for offer, price, whose, count in rows.order_by():
        found.setdefault((offer, REQUESTS, price, ONE), {})[whose] = count


def _weighing(prices: set[str]) -> dict[str, Price]:
    """Return those of the prices by which a token counts more or less than one."""
    known = Price.objects.filter(pk__in=prices, definition__has_any_keys=sorted(CONDITIONS))
    return {str(price.pk): price for price in known}


def _weigh(events: QuerySet[Any], part: str, price: Price, found: Owned) -> None:
    definition, is_batch = parse(price.definition), price.service_tier == ServiceTier.BATCH
    rows = (
        events.filter(price=str(price.pk))
        .annotate(prompt=PROMPT)
        .values_list("offer_name", "owner", "occurred_at", "prompt", f"{part}_tokens")
        .order_by()
    )
    for offer, whose, occurred_at, prompt, tokens in rows.iterator():
        counts = multiplier(definition, Circumstances(occurred_at, prompt, is_batch))
        used = found.setdefault((offer, part, str(price.pk), counts), {})
        used[whose] = used.get(whose, 0) + tokens


def requests(
    events: QuerySet[UsageEvent], offer: str, part: str, tier: str
) -> Iterator[tuple[datetime, int, int]]:
    """Return when each request of a tier was made, how long its prompt was, what it used of the part."""
    of_part = events.filter(offer_name=offer, **{f"{part}_tokens__gt": 0})
    rows = of_part.annotate(price=_price_of(part), prompt=PROMPT).filter(
        price__in=_ids(offer, tier)
    )
    yield from rows.values_list("occurred_at", "prompt", f"{part}_tokens").order_by().iterator()


def request_count(events: QuerySet[UsageEvent], offer: str, tier: str) -> int:
    """Return how many requests used anything of an offer at prices of a tier."""
    ids = _ids(offer, tier)
    at_tier = reduce(or_, (Q(**{f"price_ids__{part}__in": ids}) for part in TOKEN_PARTS))
    return events.filter(at_tier, offer_name=offer).count()


def _ids(offer: str, tier: str) -> list[str]:
    found = Price.objects.filter(offer__name=offer, service_tier=tier).order_by()
    return [str(pk) for pk in found.values_list("pk", flat=True)]


def used(price: Price, key: Key, tokens: int) -> UsedTokens:
    """Return a sum as a draft takes it."""
    offer, part, _price, counts = key
    definition = parse(price.definition)
    return UsedTokens(
        offer,
        part,
        tokens,
        price.per_token,
        price.pk,
        price.service_tier == ServiceTier.BATCH,
        None if definition.is_plain else definition,
        counts,
    )


def _key(part: str) -> KeyTextTransform:
    return KeyTextTransform(part, "price_ids")


def _price_of(part: str) -> Any:
    twin = FALLBACK.get(part)
    return Coalesce(_key(part), _key(twin)) if twin else _key(part)
