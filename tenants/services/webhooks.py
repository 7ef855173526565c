"""Endpoints of customers, what they are told, and how it gets there."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from common import jobs
from common.database import atomic
from common.errors import Conflict
from common.ids import uuid7
from tenants import webhook_types
from tenants.errors import TooManyTests
from tenants.models import (
    ApiKey,
    Organization,
    User,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from tenants.services import audit, sign_ups
from tenants.webhook_signing import new_secret

#: How long the secret before a rotation goes on signing.
OVERLAP = timedelta(hours=24)
MOST_ENDPOINTS = 20
#: Of one endpoint, in a minute: whoever adds an address cannot make us hammer on it.
MOST_TESTS = 10


@atomic()
def emit(
    organization: Organization | UUID, type: str, *, key: str, data: Mapping[str, Any]
) -> WebhookEvent | None:
    """Tell every endpoint that asks for it, once per ``key``; part of the caller's transaction.

    So a fact that is committed is told, and one that is rolled back is not.
    """
    owner = organization.pk if isinstance(organization, Organization) else organization
    endpoints = WebhookEndpoint.objects.telling().filter(organization=owner)
    event, is_new = WebhookEvent.objects.get_or_create(
        organization_id=owner, type=type, key=key, defaults={"data": dict(data)}
    )
    if not is_new:
        return None
    for endpoint in endpoints:
        if not endpoint.events or type in endpoint.events:
            _send(event, endpoint)
    return event


@atomic()
def emit_all(type: str, facts: Sequence[tuple[UUID, str, Mapping[str, Any]]]) -> None:
    """Tell of many new facts of one type: each whose it is, its key and its data.

    They are new, as their keys are: for what may have been told before there is :func:`emit`.
    """
    telling = WebhookEndpoint.objects.telling().filter(organization__in={it[0] for it in facts})
    endpoints: dict[UUID, list[WebhookEndpoint]] = {}
    for endpoint in telling:
        if not endpoint.events or type in endpoint.events:
            endpoints.setdefault(endpoint.organization_id, []).append(endpoint)
    events = [
        WebhookEvent(organization_id=owner, type=type, key=key, data=dict(data))
        for owner, key, data in facts
    ]
    WebhookEvent.objects.bulk_create(events)
    for event in events:
        for endpoint in endpoints.get(event.organization_id, ()):
            _send(event, endpoint)


def _send(event: WebhookEvent, endpoint: WebhookEndpoint) -> WebhookDelivery:
    delivery = WebhookDelivery.objects.create(
        organization_id=event.organization_id, endpoint=endpoint, event=event
    )
    _ring(delivery)
    return delivery


def _ring(delivery: WebhookDelivery) -> None:
    jobs.enqueue("tenants.deliver_webhook", delivery_id=str(delivery.pk))


@atomic()
def create(
    organization: Organization,
    *,
    url: str,
    by: User,
    through: ApiKey | None = None,
    description: str = "",
    events: list[str] | None = None,
) -> WebhookEndpoint:
    """Add an endpoint; its new secret is on the answer and is not shown again."""
    sign_ups.refuse_unadmitted(organization)
    if organization.webhook_endpoints.present().count() >= MOST_ENDPOINTS:
        raise Conflict
    endpoint = WebhookEndpoint.objects.create(
        organization=organization,
        url=url,
        description=description,
        events=events or [],
        secret=new_secret(),
    )
    audit.record(
        organization=organization,
        actor=through or by,
        action="webhook.created",
        target=endpoint,
        after={"url": url, "events": events or []},
    )
    return endpoint


@atomic()
def change(
    endpoint: WebhookEndpoint, *, by: User, through: ApiKey | None = None, **facts: Any
) -> WebhookEndpoint:
    """Change what is named; switched on again, an endpoint begins with a clean slate."""
    endpoint = _present(endpoint)
    before = {name: getattr(endpoint, name) for name in facts}
    changed = [name for name in facts if before[name] != facts[name]]
    if not changed:
        return endpoint
    for name in changed:
        setattr(endpoint, name, facts[name])
    if "is_active" in changed and endpoint.is_active:
        endpoint.failing_since = endpoint.disabled_at = None
    endpoint.save()
    audit.record(
        organization=endpoint.organization,
        actor=through or by,
        action="webhook.changed",
        target=endpoint,
        before={name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return endpoint


@atomic()
def rotate(
    endpoint: WebhookEndpoint, *, by: User, through: ApiKey | None = None
) -> WebhookEndpoint:
    """Give the endpoint a new secret; the former one goes on signing for a day."""
    endpoint = _present(endpoint)
    endpoint.former_secret, endpoint.secret = endpoint.secret, new_secret()
    endpoint.former_until = timezone.now() + OVERLAP
    endpoint.save()
    audit.record(
        organization=endpoint.organization,
        actor=through or by,
        action="webhook.secret_rotated",
        target=endpoint,
    )
    return endpoint


@atomic()
def remove(endpoint: WebhookEndpoint, *, by: User, through: ApiKey | None = None) -> None:
    """Tell the endpoint nothing more; its log stays. Removing it twice changes nothing."""
    endpoint = WebhookEndpoint.objects.locked(endpoint.pk)
    if endpoint.removed_at is not None:
        return
    endpoint.removed_at, endpoint.is_active = timezone.now(), False
    endpoint.save()
    audit.record(
        organization=endpoint.organization,
        actor=through or by,
        action="webhook.removed",
        target=endpoint,
    )


@atomic()
def test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send a test to this endpoint alone."""
    endpoint = _present(endpoint)
    tests = endpoint.deliveries.filter(event__type=webhook_types.TEST)
    lately = timezone.now() - timedelta(minutes=1)
    if tests.filter(created_at__gt=lately).count() >= MOST_TESTS:
        raise TooManyTests
    event = WebhookEvent.objects.create(
        organization=endpoint.organization,
        type=webhook_types.TEST,
        key=str(uuid7()),
        data={"endpoint": str(endpoint.pk)},
    )
    return _send(event, endpoint)


@atomic()
def replay(delivery: WebhookDelivery) -> WebhookDelivery:
    """Deliver the event once more, under the same id: who has had it knows it again."""
    delivery = WebhookDelivery.objects.locked(delivery.pk)
    if not delivery.endpoint.is_active:
        raise Conflict
    if delivery.state == WebhookDelivery.State.WAITING and not delivery.attempts:
        # It is on its way already: asked for twice, it is called once.
        return delivery
    delivery.state = WebhookDelivery.State.WAITING
    delivery.attempts, delivery.next_attempt_at = 0, timezone.now()
    delivery.save(update_fields=["state", "attempts", "next_attempt_at", "updated_at"])
    _ring(delivery)
    return delivery


def _present(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.locked(endpoint.pk)
    if endpoint.removed_at is not None:
        raise Conflict
    return endpoint
