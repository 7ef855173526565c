"""What a key may read: the models it can call, its own spend and limits, its receipts."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow, dict_row

from billing import budgets, receipts, seals
from billing.receipts import plain
from gateway import keys
from gateway.buckets import limits_of
from gateway.core import Core
from gateway.errors import MethodNotAllowed, NotFound
from gateway.exchange import Exchange
from gateway.keys import Caller
from gateway.standings import Limit, Standing, duration
from gateway.usage import ENGINE
from marketplace.models import ServiceTier
from marketplace.queries import Figures, OfferSnapshot, PricedPart

USAGE = "usage"
EVENT_ID = re.compile(r"[\x21-\x7e]{1,100}")
SPENT = """
SELECT coalesce(sum(amount) FILTER (WHERE starts_at >= %(day)s), 0) AS today,
       coalesce(sum(amount), 0) AS this_month,
       coalesce(sum(requests) FILTER (WHERE starts_at >= %(day)s), 0)::bigint AS requests_today,
       coalesce(sum(requests), 0)::bigint AS requests_this_month
FROM billing_spendbucket
WHERE organization_id = %(organization)s AND api_key_id = %(key)s
  AND currency = %(currency)s AND starts_at >= %(month)s
"""
LEFT = """
SELECT g.unit, c.code AS token_class, sum(g.remaining) AS remaining
FROM billing_creditgrant g
JOIN billing_wallet w ON w.id = g.wallet_id
LEFT JOIN marketplace_tokenclass c ON c.id = g.token_class_id
WHERE g.organization_id = %(organization)s AND w.currency = %(currency)s
  AND g.kind <> 'limit' AND g.voided_at IS NULL AND g.effective_from <= now()
  AND (g.expires_at IS NULL OR g.expires_at > now())
GROUP BY g.unit, c.code ORDER BY g.unit, c.code
"""
RECEIPT = f"""
SELECT {receipts.COLUMNS}
FROM metering_usageeventkey k
JOIN metering_usageevent e ON e.organization_id = k.organization_id AND e.source = k.source
  AND e.event_id = k.event_id AND e.recorded_at = k.recorded_at
JOIN billing_ratedusage r ON r.organization_id = k.organization_id AND r.source = k.source
  AND r.event_id = k.event_id AND r.recorded_at = k.recorded_at
WHERE k.organization_id = %(organization)s AND k.source = 'gateway' AND k.event_id = %(event)s
"""  # noqa: S608 - the names are the receipt's own

#: Of a receipt that says nothing else.
BY_THE_ENGINE = {"prompt": ENGINE, "completion": ENGINE}

_encode = msgspec.json.Encoder(decimal_format="string").encode


async def answer(core: Core, exchange: Exchange, caller: Caller) -> None:
    """Answer what can be read with GET."""
    path = exchange.path.rstrip("/")
    found = PAGES.get(path)
    if found is None:
        found = next((page for prefix, page in UNDER.items() if path.startswith(prefix)), None)
    if found is None:
        raise NotFound(f"There is nothing at {path[:200]}.")
    if exchange.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(
            f"{exchange.method} is not for {path[:200]}; use GET.", headers={"allow": "GET"}
        )
    await exchange.answer(200, _encode(await found(core, caller, path)))


async def _models(core: Core, caller: Caller, path: str) -> dict[str, Any]:
    offers = await core.offers.for_caller(caller)
    offers.sort(key=lambda offer: offer.name)
    places = _places(offers)
    return {"object": "list", "data": [_model(caller, offer, places) for offer in offers]}


async def _model_named(core: Core, caller: Caller, path: str) -> dict[str, Any]:
    offer = await core.offers.named(caller, path.removeprefix("/v1/models/"))
    return _model(caller, offer, _places(await core.offers.for_caller(caller)))


#: By model, where the caller may call it.
Places = Mapping[UUID | None, Sequence[OfferSnapshot]]


def _places(offers: Iterable[OfferSnapshot]) -> Places:
    found: dict[UUID | None, list[OfferSnapshot]] = {}
    for offer in sorted(offers, key=lambda it: it.name):
        found.setdefault(offer.model_id, []).append(offer)
    return found


def _replacement(offer: OfferSnapshot, places: Places) -> str | None:
    """Return the name of what to use instead, if the caller may: in the same region, if there."""
    found = places.get(offer.replaced_by, []) if offer.replaced_by else []
    here = [it for it in found if it.region == offer.region]
    return next((it.name for it in (*here, *found)), None)


def _tightest(caller: Caller, offer: OfferSnapshot) -> dict[str, int | None]:
    """Return what holds for this key and this model: the least of all limits; null is none."""
    of_the_model = (offer.default_rpm, offer.default_tpm, offer.default_concurrency)
    owned = [(it.requests, it.tokens, it.concurrency) for it in limits_of(caller)]
    requests, tokens, calls = (
        min((it for it in kind if it), default=None)
        for kind in zip(of_the_model, *owned, strict=True)
    )
    return {
        "requests_per_minute": requests,
        "tokens_per_minute": tokens,
        "concurrency": calls,
    }


def _amounts(prices: Mapping[str, PricedPart]) -> dict[str, str]:
    return {part: plain(price.unit_amount) for part, price in prices.items()}


def _measured(figures: Figures | None) -> dict[str, Any] | None:
    """Return what was measured lately, as the catalogue says it; null where that is too little."""
    if figures is None:
        return None
    speed = figures.tokens_per_second
    return {
        "since": figures.since,
        "calls": figures.calls,
        "ttft_p50_ms": figures.ttft_p50_ms,
        "ttft_p95_ms": figures.ttft_p95_ms,
        "tokens_per_second": None if speed is None else plain(speed),
        "availability": plain(figures.availability),
    }


def _model(caller: Caller, offer: OfferSnapshot, places: Places) -> dict[str, Any]:
    return {
        "id": offer.name,
        "object": "model",
        "created": int(offer.created_at.timestamp()),
        "owned_by": offer.owner or offer.publisher,
        "tessera": {
            "kind": offer.kind,
            "status": offer.status,
            "deprecated_at": offer.deprecated_at,
            "retires_at": offer.retires_at,
            "replaced_by": _replacement(offer, places),
            "region": offer.region,
            "jurisdiction": offer.jurisdiction,
            "regions": [
                {"model": it.name, "region": it.region, "jurisdiction": it.jurisdiction}
                for it in places.get(offer.model_id, [])
            ],
            "context_window": offer.context_window,
            "max_output": offer.max_output,
            "features": offer.features,
            "modalities": offer.modalities,
            "limits": _tightest(caller, offer),
            "clearance": offer.clearance,
            "currency": offer.currency,
            "unit_amounts": _amounts(offer.prices),
            "batch_unit_amounts": _amounts(offer.batch_prices),
            "measured": _measured(offer.measured),
            "coming_prices": [
                {
                    "effective_from": coming.effective_from,
                    "unit_amounts": _amounts(coming.prices),
                    "batch_unit_amounts": _amounts(coming.batch_prices),
                }
                for coming in offer.coming
            ],
        },
    }


async def _rows(core: Core, query: str, facts: dict[str, Any]) -> list[DictRow]:
    async with core.reading, core.pool.connection() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return await (await cursor.execute(query, facts)).fetchall()


async def _usage(core: Core, caller: Caller, path: str) -> dict[str, Any]:
    keys.need(caller, USAGE)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    facts = {
        "organization": caller.organization_id,
        "key": caller.id,
        "currency": caller.currency,
        "day": day,
        "month": day.replace(day=1),
    }
    spent = (await _rows(core, SPENT, facts))[0]
    held = await _budgets(core, caller)
    return {
        "object": "usage",
        "currency": caller.currency,
        "key": {"id": caller.id, "name": caller.name, **_readable(spent)},
        "limits": await _limits(core, caller),
        "budgets": [_budget(standing) for standing in held],
        "balance": [
            _readable({name: value for name, value in row.items() if value is not None})
            for row in await _rows(core, LEFT, facts)
        ],
        "resets": {
            "today": day + timedelta(days=1),
            "this_month": (day.replace(day=1) + timedelta(days=32)).replace(day=1),
        },
    }


async def _limits(core: Core, caller: Caller) -> list[dict[str, Any]]:
    """Return the key's, its project's and its organization's limits, and what is left of each."""
    limits = limits_of(caller)
    if not limits:
        return []
    found = await core.limits.look(limits)
    if found is None:
        return [_limit(limit, None, None) for limit in limits]
    return [_limit(standing.limit, standing, running) for standing, running in found]


def _limit(limit: Limit, standing: Standing | None, running: int | None) -> dict[str, Any]:
    """Return one limit; what is left is null while Redis is away."""
    told: dict[str, Any] = {"of": limit.owner}
    for name, most, left in (
        ("requests", limit.requests, standing.requests if standing else None),
        ("tokens", limit.tokens, standing.tokens if standing else None),
    ):
        if most:
            told[f"{name}_per_minute"] = most
            told[f"{name}_left"] = None if left is None else max(0, int(left))
            # As the headers of a request say it: when the whole limit is there again.
            told[f"{name}_reset"] = None if left is None else duration((most - left) * 60 / most)
    if limit.concurrency:
        told |= {"concurrency": limit.concurrency, "running": running}
    return told


async def _budgets(core: Core, caller: Caller) -> list[budgets.Standing]:
    facts = {
        "organization": caller.organization_id,
        "project": caller.project_id,
        "key": caller.id,
        "currency": caller.currency,
    }
    async with core.reading, core.pool.connection() as connection:
        return await budgets.of_key(connection, facts, datetime.now(UTC))


def _budget(standing: budgets.Standing) -> dict[str, Any]:
    terms, span = standing.terms, standing.span
    return {
        "name": terms.name,
        "of": terms.owner,
        "window": terms.window,
        "stops_requests": terms.is_hard,
        "amount": plain(terms.amount),
        "spent": plain(standing.spent),
        "left": plain(standing.left),
        "resets": span.ends_at,
    }


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its decimals as people write them."""
    return {
        name: plain(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }


async def _receipt(core: Core, caller: Caller, path: str) -> dict[str, Any]:
    keys.need(caller, USAGE)
    event = path.removeprefix("/v1/receipts/")
    if not EVENT_ID.fullmatch(event):
        raise NotFound("That is no id of a request.")
    facts = {"organization": caller.organization_id, "event": event}
    found = await _rows(core, RECEIPT, facts)
    if not found:
        raise NotFound(
            "There is no receipt of this request: it is unknown, cost nothing, or is less than"
            " a second old."
        )
    return await _told(core, caller, found[0])


async def _told(core: Core, caller: Caller, row: DictRow) -> dict[str, Any]:
    sealed = await _rows(core, seals.PROOF, row)
    proof = seals.proof(sealed[0], receipts.document(row)) if sealed else None
    policy, amounts = json.loads(row["policy"]), json.loads(row["amounts"])
    prices = json.loads(row["price_ids"])
    return {
        "object": "receipt",
        "request_id": row["event_id"],
        "sealed": proof is not None,
        "organization_id": caller.organization_id,
        **{
            name: row[name]
            for name in ("project_id", "api_key_id", "region", "outcome", "streamed")
        },
        "model": row["offer_name"],
        "jurisdiction": policy.get("jurisdiction"),
        "classification": policy.get("classification"),
        "estimated": policy.get("estimated", False),
        "counted_by": policy.get("counted_by", BY_THE_ENGINE),
        "service_tier": policy.get("service_tier", ServiceTier.STANDARD),
        **{name: row[name] for name in ("occurred_at", "recorded_at", "ttft_ms", "latency_ms")},
        "lines": [
            {
                "part": part,
                "tokens": row[f"{part}_tokens"],
                "price_id": prices[part],
                "amount": plain(amount),
            }
            for part, amount in amounts.items()
        ],
        "amount": plain(row["amount"]),
        "currency": row["currency"],
        "paid_by": [
            {**paid, "quantity": plain(paid["quantity"]), "amount": plain(paid["amount"])}
            for paid in json.loads(row["split"])
        ],
        # How anybody can check that nothing of it was changed since.
        **({"proof": proof} if proof else {}),
    }


Page = Callable[[Core, Caller, str], Awaitable[dict[str, Any]]]
PAGES: dict[str, Page] = {"/v1/models": _models, "/v1/usage": _usage}
UNDER: dict[str, Page] = {"/v1/models/": _model_named, "/v1/receipts/": _receipt}
