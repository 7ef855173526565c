"""Tells customers' own systems of incidents and of planned work."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from common.database import service
from front import incident_facts, status
from front.models import IncidentUpdate, State
from front.webhook_types import CHANGED, OPENED, PLANNED, RESOLVED, UPDATED
from tenants.models import Organization, WebhookEndpoint, WebhookEvent
from tenants.services import webhooks

#: How far back is looked: longer than anything of ours stays broken unnoticed.
REACH = timedelta(days=1)
TYPES = {OPENED, UPDATED, RESOLVED, PLANNED, CHANGED}


def tell() -> int:
    """Tell every endpoint what was said since it was added, once; return how much was told.

    A run that was missed is made up for by the next, and two at a time tell once: the event's key
    is the update's.
    """
    since = timezone.now() - REACH
    with service():
        updates = list(
            IncidentUpdate.objects.filter(occurred_at__gte=since)
            .select_related("incident")
            .prefetch_related("incident__named_models", "incident__regions")
            .order_by("occurred_at", "pk")
        )
        endpoints = WebhookEndpoint.objects.telling() if updates else WebhookEndpoint.objects.none()
        asked: dict[Organization, list[WebhookEndpoint]] = {}
        for endpoint in endpoints.select_related("organization"):
            if not endpoint.events or TYPES & set(endpoint.events):
                asked.setdefault(endpoint.organization, []).append(endpoint)
    return sum(_tell(customer, own, updates) for customer, own in asked.items())


def _tell(
    customer: Organization, endpoints: list[WebhookEndpoint], updates: list[IncidentUpdate]
) -> int:
    since = min(endpoint.created_at for endpoint in endpoints)
    wanted = {name for endpoint in endpoints for name in endpoint.events or TYPES}
    news = [it for it in updates if it.occurred_at >= since and _type(it) in wanted]
    with service():
        told = set(
            WebhookEvent.objects.filter(
                organization=customer, key__in=[str(it.pk) for it in news]
            ).values_list("key", flat=True)
        )
        untold = [it for it in news if str(it.pk) not in told]
        for update in untold:
            webhooks.emit(customer, _type(update), key=str(update.pk), data=_data(update))
    return len(untold)


def _type(update: IncidentUpdate) -> str:
    incident = update.incident
    if incident.is_maintenance:
        return PLANNED if update.is_first else CHANGED
    if update.state == State.RESOLVED:
        return RESOLVED
    return OPENED if update.is_first else UPDATED


def _data(update: IncidentUpdate) -> dict[str, Any]:
    facts = incident_facts.facts(update.incident, status.board(), "")
    moments = {
        name: facts[name] and facts[name].isoformat()
        for name in ("started_at", "planned_until", "ended_at")
    }
    del facts["updates"]
    return {
        **facts,
        **moments,
        "state": update.state,
        "impact": update.impact,
        "text": update.text(""),
        "texts": update.texts,
    }
