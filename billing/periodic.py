"""What was used in a period, summed up from its events by price and by what a token counted."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import add, or_
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    F,
    Func,
    IntegerField,
    Max,
    Q,
    QuerySet,
    Sum,
    UUIDField,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from billing.counted import COLUMNS, REQUESTS
from billing.drafts import Shares, UsedTokens
from billing.models import PricedBucket
from billing.rating.conditions import QUARTER, Circumstances, multiplier
from billing.rating.definition import PriceDefinition, parse_for
from billing.rating.tokens import Unpriced
from common import database
from marketplace.models import FALLBACK, Price, ServiceTier
from marketplace.queries import CONDITIONS
from metering.models import PROMPT_PARTS, UsageEvent

#: Tokens by offer, part, price and what each counted.
Key = tuple[str, str, str, Decimal]
Sums = dict[Key, int]
#: The project or key that used them; None where nobody asks, and where there was no key.
Owner = UUID | None
Owned = dict[Key, dict[Owner, int]]
ONE = Decimal(1)
PROMPT = reduce(add, (F(f"{part}_tokens") for part in PROMPT_PARTS))
# What the documents of prices say that the last request of each sum was priced by.
SAY_PRICES = """
SELECT asked.offer_name, asked.price_key, event.price_ids::text AS price_ids
FROM unnest(
    %(organization_id)s::uuid[], %(last)s::timestamptz[], %(offer_name)s::text[], %(price_key)s::bigint[]
) AS asked(organization_id, last, offer_name, price_key)
CROSS JOIN LATERAL (
    SELECT price_ids FROM metering_usageevent
    WHERE organization_id = asked.organization_id AND occurred_at = asked.last
        AND offer_name = asked.offer_name AND price_key = asked.price_key
    LIMIT 1
) AS event
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT = DateTimeField()
NOT_SHARED: Mapping[Key, Shares] = {}
#: Stands for the price of what came without one.
NO_PRICE = str(None)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a price says of tokens."""

    price_id: UUID
    unit_amount: Decimal
    is_batch: bool
    #: The whole definition, where a token does not simply cost its unit amount.
    definition: PriceDefinition | None

    def used(self, key: Key, tokens: int, shares: Shares = ()) -> UsedTokens:
        """Return a sum as a draft takes it."""
        offer, part, _price, counts = key
        return UsedTokens(
            offer,
            part,
            tokens,
            self.unit_amount,
            self.price_id,
            self.is_batch,
            self.definition,
            counts,
            shares=shares,
        )


@dataclass(slots=True)
class Used:
    """What an organization used, by whose usage it is, and in how many requests."""

    owned: Owned = field(default_factory=dict)
    requests: int = 0

    def add(self, key: Key, owner: Owner, tokens: int) -> None:
        """Add tokens of one price."""
        if tokens:
            used = self.owned.setdefault(key, {})
            used[owner] = used.get(owner, 0) + tokens

    def take(self, row: Mapping[str, Any], prices: Mapping[str, str]) -> None:
        """Add what requests used that have these prices in common."""
        offer, owner = row["offer_name"], row["owner"]
        for part in COLUMNS:
            if row[part]:
                price = prices.get(part) or prices.get(FALLBACK.get(part, ""))
                self.add((offer, part, str(price), ONE), owner, row[part])
        if REQUESTS in prices:
            self.add((offer, REQUESTS, prices[REQUESTS], ONE), owner, row[REQUESTS])
        self.requests += row[REQUESTS]


def summed(buckets: QuerySet[PricedBucket]) -> Sums:
    """Return what the sums of quarters of an hour come to: what their events used."""
    rows = buckets.values("offer_name", "token_part", "price_id", "multiplier")
    return {
        (it["offer_name"], it["token_part"], str(it["price_id"]), it["multiplier"]): it["sum"]
        for it in rows.annotate(sum=Sum("tokens")).order_by()
    }


def sums(events: QuerySet[UsageEvent]) -> Sums:
    """Return what the events used; each is weighed anew where its price weighs requests."""
    return {key: sum(used.values()) for key, used in owned(events).items()}


def owned(events: QuerySet[UsageEvent], by: str = "") -> Owned:
    """Return the same by whose usage it is: of a project or of a key, by their columns."""
    return next((it.owned for it in of_each(events, by).values()), {})


def of_each(events: QuerySet[UsageEvent], by: str = "") -> dict[UUID, Used]:
    """Return what each organization used that has some of the events; they are read once for all."""
    owning = events.annotate(owner=F(by) if by else Value(None, UUIDField()))
    sums = {part: Sum(column) for part, column in COLUMNS.items()}
    rows = list(
        owning.values("organization_id", "offer_name", "price_key", "owner")
        .annotate(requests=Count("*"), last=Max("occurred_at"), **sums)
        .order_by()
    )
    prices = _prices(rows)
    found: dict[UUID, Used] = {}
    for row in rows:
        of_row = prices[row["offer_name"], row["price_key"]]
        found.setdefault(row["organization_id"], Used()).take(row, of_row)
    keys = {key for used in found.values() for key in used.owned if key[1] != REQUESTS}
    weighing = _weighing({key[2] for key in keys})
    for key in sorted(key for key in keys if key[2] in weighing):
        for used in found.values():
            used.owned.pop(key, None)
        _weigh(owning, key, weighing[key[2]], found)
    return found


def _prices(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], Mapping[str, str]]:
    """Return the prices that requests of an offer have in common, by what tells them apart."""
    asked = {(row["offer_name"], row["price_key"]): row for row in rows}
    columns = ("organization_id", "last", "offer_name", "price_key")
    facts = {name: [row[name] for row in asked.values()] for name in columns}
    found = database.rows(SAY_PRICES, facts) if asked else ()
    return {(row["offer_name"], row["price_key"]): json.loads(row["price_ids"]) for row in found}


def _weighing(prices: set[str]) -> dict[str, Price]:
    """Return those of the prices by which a token counts more or less than one."""
    weighing = _known(prices).filter(definition__has_any_keys=sorted(CONDITIONS))
    return {str(price.pk): price for price in weighing}


def _known(prices: Iterable[str]) -> QuerySet[Price]:
    return Price.objects.filter(pk__in=set(prices) - {NO_PRICE})


def _weigh(events: QuerySet[Any], key: Key, price: Price, found: Mapping[UUID, Used]) -> None:
    """Add the tokens of one price by what each counts, summed up by all that decides it."""
    offer, part, price_id, _count = key
    definition = parse_for(part, price.definition)
    is_batch = price.service_tier == ServiceTier.BATCH
    of_part = events.filter(offer_name=offer, **{f"{COLUMNS[part]}__gt": 0})
    of_price = of_part.annotate(price=_price_of(part), length=PROMPT).filter(price=price_id)
    alike = of_price.annotate(prompt=_shortest(definition), quarter=_quarter(definition))
    rows = alike.values("organization_id", "owner", "prompt", "quarter")
    for row in rows.annotate(tokens=Sum(COLUMNS[part])).order_by():
        of = Circumstances(row["quarter"], row["prompt"], is_batch)
        weighed = offer, part, price_id, multiplier(definition, of)
        found[row["organization_id"]].add(weighed, row["owner"], row["tokens"])


def _shortest(definition: PriceDefinition) -> Case:
    """Return the shortest prompt that counts as a request's does."""
    steps = [int(step.above) for step in reversed(definition.long_context)]
    whens = (When(length__gt=above, then=above + 1) for above in steps)
    return Case(*whens, default=0, output_field=IntegerField())


def _quarter(definition: PriceDefinition) -> Any:
    """Return the quarter of an hour in which a request was made, where its price asks for it."""
    if definition.time_of_day is None:
        return Value(None, output_field=MOMENT)
    quarter = Value(timedelta(minutes=QUARTER))
    return Func(quarter, "occurred_at", Value(EPOCH), function="date_bin", output_field=MOMENT)


def requests(
    events: QuerySet[UsageEvent], offer: str, part: str, tier: str
) -> Iterator[tuple[datetime, int, int]]:
    """Return when each request of a tier was made, how long its prompt was, what it used of the part."""
    of_part = events.filter(offer_name=offer, **{f"{COLUMNS[part]}__gt": 0})
    rows = of_part.annotate(price=_price_of(part), prompt=PROMPT).filter(
        price__in=_ids(offer, tier)
    )
    yield from rows.values_list("occurred_at", "prompt", COLUMNS[part]).order_by().iterator()


def request_count(events: QuerySet[UsageEvent], offer: str, tier: str) -> int:
    """Return how many requests used anything of an offer at prices of a tier."""
    ids = _ids(offer, tier)
    at_tier = reduce(or_, (Q(**{f"price_ids__{part}__in": ids}) for part in COLUMNS))
    return events.filter(at_tier, offer_name=offer).count()


def _ids(offer: str, tier: str) -> list[str]:
    found = Price.objects.filter(offer__name=offer, service_tier=tier).order_by()
    return [str(pk) for pk in found.values_list("pk", flat=True)]


def priced(sums: Sums, shares: Mapping[Key, Shares] = NOT_SHARED) -> list[UsedTokens]:
    """Return sums as a draft takes them, with their shares; raises ``Unpriced`` rather than rate any at zero."""
    return priced_by(tariffs(key[2] for key in sums), sums, shares)


def priced_by(
    known: Mapping[str, Tariff], sums: Sums, shares: Mapping[Key, Shares] = NOT_SHARED
) -> list[UsedTokens]:
    """Return the same, when the prices are known."""
    for _offer, part, price, _count in sums:
        if price not in known:
            raise Unpriced(part)
    return [known[key[2]].used(key, tokens, shares.get(key, ())) for key, tokens in sums.items()]


def parted(sums: Sums) -> tuple[Sums, Sums]:
    """Return of sums those that have a price, and those that came without one."""
    known = {str(pk) for pk in _known(key[2] for key in sums).values_list("pk", flat=True)}
    with_price = {key: tokens for key, tokens in sums.items() if key[2] in known}
    return with_price, {key: it for key, it in sums.items() if key[2] not in known}


def tariffs(prices: Iterable[str]) -> dict[str, Tariff]:
    """Return what is known of these prices, each read and understood once."""
    return {str(price.pk): _tariff(price) for price in _known(prices)}


def used(price: Price, key: Key, tokens: int) -> UsedTokens:
    """Return a sum as a draft takes it."""
    return _tariff(price).used(key, tokens)


def _tariff(price: Price) -> Tariff:
    definition = parse_for(price.token_part, price.definition)
    return Tariff(
        price.pk,
        price.per_token,
        price.service_tier == ServiceTier.BATCH,
        None if definition.is_plain else definition,
    )


def _key(part: str) -> KeyTextTransform:
    return KeyTextTransform(part, "price_ids")


def _price_of(part: str) -> Any:
    twin = FALLBACK.get(part)
    return Coalesce(_key(part), _key(twin)) if twin else _key(part)
