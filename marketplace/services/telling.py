"""Tells customers' own systems what changed of the models that they may see."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from common.database import service
from marketplace import books, changes, queries
from marketplace.changes import Change, What
from marketplace.models import AIModel, Price
from marketplace.webhook_types import TOLD
from tenants.models import Organization, WebhookEndpoint, WebhookEvent
from tenants.services import webhooks

#: How far back is looked: longer than anything of ours stays broken unnoticed.
REACH = timedelta(days=7)


def tell() -> int:
    """Tell every endpoint what changed since it was added, once; return how much was told.

    What changed is read from the catalogue's own rows, so a run that was missed is made up for by
    the next one, and two at a time tell once: the event's key is the change's.
    """
    now = timezone.now()
    with service():
        endpoints = list(WebhookEndpoint.objects.telling().select_related("organization"))
        found = changes.of_models(AIModel.objects.all(), now - REACH, now) if endpoints else []
        prices = _prices(now) if endpoints else []
    asked: dict[Organization, list[WebhookEndpoint]] = defaultdict(list)
    for endpoint in endpoints:
        asked[endpoint.organization].append(endpoint)
    return sum(_tell(customer, own, found, prices, now) for customer, own in asked.items())


def _prices(now: datetime) -> list[Change]:
    sold = Price.objects.exclude(offer__model_version__model__published_at=None)
    return changes.of_prices(sold.select_related("offer__model_version__model"), now - REACH)


def _tell(
    customer: Organization,
    endpoints: list[WebhookEndpoint],
    found: list[Change],
    prices: list[Change],
    now: datetime,
) -> int:
    since = min(endpoint.created_at for endpoint in endpoints)
    wanted = {name for endpoint in endpoints for name in endpoint.events or TOLD.values()}
    news = [it for it in (*found, *prices) if TOLD.get(it.what) in wanted and it.known_at >= since]
    if not news:
        return 0
    with service():
        sight = _sight(customer, news)
        news = _untold(customer, _seen(customer, news, sight, now))
        for change in reversed(news):
            type = TOLD[change.what]
            webhooks.emit(customer, type, key=change.key, data=_data(change, sight))
    return len(news)


def _sight(customer: Organization, news: Iterable[Change]) -> set[UUID]:
    """Return which of the models that this is about, and of those to use instead, it may see."""
    about = {key for it in news for key in (it.model.pk, it.model.replaced_by_id) if key}
    seen = AIModel.objects.filter(queries.seen_by(customer), pk__in=about)
    return set(seen.values_list("pk", flat=True))


def _seen(
    customer: Organization, news: Iterable[Change], sight: set[UUID], now: datetime
) -> list[Change]:
    """Return what is of models that the customer may see, and of prices that it pays."""
    seen = [it for it in news if it.model.pk in sight]
    chain = books.chain(customer, now) if any(it.what == What.PRICE for it in seen) else []
    return [it for it in seen if it.what != What.PRICE or _pays(chain, it)]


def _pays(chain: list[UUID], change: Change) -> bool:
    """Whether the change is in the first of the customer's books that prices the offer."""
    if change.book not in chain:
        return False
    earlier = chain[: chain.index(change.book)]
    at, offer = change.holds_at, change.offer
    return not Price.objects.in_force(at).filter(book__in=earlier, offer__name=offer).exists()


def _untold(customer: Organization, news: list[Change]) -> list[Change]:
    told = WebhookEvent.objects.filter(
        organization=customer, type__in=TOLD.values(), key__in=[it.key for it in news]
    )
    keys = set(told.values_list("key", flat=True))
    return [it for it in news if it.key not in keys]


def _data(change: Change, sight: set[UUID]) -> dict[str, Any]:
    model = change.model
    successor = model.replaced_by if model.replaced_by_id in sight else None
    facts: dict[str, Any] = {
        "slug": model.slug,
        "name": model.name,
        "models": _names(model) if not change.offer else [change.offer],
        "effective_from": change.holds_at.isoformat(),
    }
    if change.what in (What.DEPRECATED, What.RETIRED):
        facts["retires_at"] = model.retires_at.isoformat() if model.retires_at else None
        facts["replaced_by"] = _names(successor) if successor else []
    if change.what == What.PRICE:
        facts["currency"] = change.currency
        facts["per_million"] = [
            {
                "part": it.part,
                "service_tier": it.service_tier,
                "before": f"{it.old.normalize():f}",
                "after": f"{it.new.normalize():f}",
            }
            for it in change.prices
        ]
    return facts


def _names(model: AIModel) -> list[str]:
    return sorted(
        name for it in model.versions.all() for name in it.offers.values_list("name", flat=True)
    )
