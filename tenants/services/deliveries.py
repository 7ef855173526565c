"""Delivers webhooks: claim, call, write down. At least once, under an id that stays the same.

The claim moves the time of the next attempt, so that a worker that dies while it calls leaves a
delivery that is due again a moment later; nothing is called inside a transaction.
"""

import json
import time
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from common import jobs, outside
from common.database import service
from common.http import Answer, Unreachable
from tenants import webhook_signing
from tenants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tenants.services import audit, owed

#: After each failure, how long until the next attempt; after the last one it is given up.
PAUSES = tuple(
    timedelta(seconds=it) for it in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
#: How long a worker may hold a delivery that it calls for.
CLAIM = timedelta(minutes=1)
#: An endpoint whose every delivery has failed for so long is told no more.
PATIENCE = timedelta(days=5)
GONE = 410
KEPT = 200
MOST_AT_ONCE = 200


def deliver(delivery_id: UUID) -> bool:
    """Try a delivery whose time has come; return whether it arrived now."""
    claimed = _claim(delivery_id)
    if claimed is None:
        return False
    body = _body(claimed)
    begun = time.monotonic()
    try:
        answer: Answer | None = outside.post(claimed.endpoint.url, body, _headers(claimed, body))
        trouble = ""
    except Unreachable as error:
        answer, trouble = None, error.trouble.value
    took = int((time.monotonic() - begun) * 1000)
    return _write_down(claimed, answer, trouble, took)


def sweep() -> int:
    """Ring for the deliveries whose time has come; return how many there were."""
    with service():
        due = WebhookDelivery.objects.due().filter(endpoint__is_active=True)
        keys = list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:MOST_AT_ONCE])
        for key in keys:
            jobs.enqueue("tenants.deliver_webhook", delivery_id=str(key))
    return len(keys)


def _claim(delivery_id: UUID) -> WebhookDelivery | None:
    with service():
        if not WebhookDelivery.objects.due().filter(pk=delivery_id).exists():
            return None
        delivery = WebhookDelivery.objects.locked(delivery_id)
        now = timezone.now()
        is_due = delivery.state == WebhookDelivery.State.WAITING and delivery.next_attempt_at <= now
        if not is_due or not delivery.endpoint.is_active:
            return None
        delivery.attempts += 1
        delivery.next_attempt_at = now + CLAIM
        delivery.save(update_fields=["attempts", "next_attempt_at", "updated_at"])
        # Read here: outside the transaction the rows cannot be seen.
        delivery.event  # noqa: B018
    return delivery


def _body(delivery: WebhookDelivery) -> bytes:
    event = delivery.event
    content = {
        "type": event.type,
        "timestamp": event.occurred_at.isoformat(),
        "data": event.data,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _headers(delivery: WebhookDelivery, body: bytes) -> dict[str, str]:
    endpoint = delivery.endpoint
    keys = [endpoint.secret]
    if endpoint.former_secret and endpoint.former_until and endpoint.former_until > timezone.now():
        keys.append(endpoint.former_secret)
    signed = webhook_signing.headers(
        keys, message_id=f"msg_{delivery.event_id}", second=int(time.time()), body=body
    )
    return {"content-type": "application/json", "user-agent": "Tessera-Webhooks/1", **signed}


def _write_down(
    delivery: WebhookDelivery, answer: Answer | None, trouble: str, took_ms: int
) -> bool:
    arrived = answer is not None and 200 <= answer.status < 300
    with service():
        # The endpoint before its delivery: the order in which everybody locks the two.
        endpoint = WebhookEndpoint.objects.locked(delivery.endpoint_id)
        row = WebhookDelivery.objects.locked(delivery.pk)
        WebhookAttempt.objects.create(
            organization_id=row.organization_id,
            delivery=row,
            status=answer.status if answer else None,
            trouble=trouble,
            answer=_excerpt(answer),
            took_ms=took_ms,
        )
        if arrived:
            _arrive(row, endpoint)
        elif row.state == WebhookDelivery.State.WAITING:
            _put_off(row, endpoint, is_gone=answer is not None and answer.status == GONE)
    return arrived


def _excerpt(answer: Answer | None) -> str:
    return answer.body.decode(errors="replace").replace("\0", "")[:KEPT] if answer else ""


def _arrive(row: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    row.state, row.delivered_at = WebhookDelivery.State.DELIVERED, timezone.now()
    row.save(update_fields=["state", "delivered_at", "updated_at"])
    if endpoint.failing_since is not None:
        endpoint.failing_since = None
        endpoint.save(update_fields=["failing_since", "updated_at"])


def _put_off(row: WebhookDelivery, endpoint: WebhookEndpoint, *, is_gone: bool) -> None:
    now = timezone.now()
    if row.attempts > len(PAUSES):
        row.state = WebhookDelivery.State.FAILED
    elif row.attempts:
        # Asked for again while it was called, it has had no attempt: it stays due.
        row.next_attempt_at = now + PAUSES[row.attempts - 1]
    row.save(update_fields=["state", "next_attempt_at", "updated_at"])
    endpoint.failing_since = endpoint.failing_since or now
    if endpoint.is_active and (is_gone or endpoint.failing_since <= now - PATIENCE):
        _disable(endpoint)
    endpoint.save()


def _disable(endpoint: WebhookEndpoint) -> None:
    endpoint.is_active, endpoint.disabled_at = False, timezone.now()
    audit.record(
        organization=endpoint.organization,
        actor=None,
        action="webhook.disabled",
        target=endpoint,
        after={"failing_since": endpoint.failing_since},
    )
    owed.owe(
        "tenants.tell_webhook_disabled",
        organization_id=endpoint.organization_id,
        endpoint_id=str(endpoint.pk),
    )
