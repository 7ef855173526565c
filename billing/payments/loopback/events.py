"""Events: one per change, written with the change, and queued for every endpoint that wants it."""

from billing.payments.loopback import clock, ids, rendering
from billing.payments.loopback.context import Context
from billing.payments.loopback.store import Object
from billing.payments.loopback.webhooks import queue

API_VERSION = "2026-10-28.endive"


def emit(context: Context, event_type: str, item: Object, previous: Object | None = None) -> Object:
    """Record that something happened to an object and queue its deliveries."""
    data: Object = {"object": rendering.public(item)}
    if previous is not None:
        data["previous_attributes"] = rendering.public(previous)
    event: Object = {
        "id": ids.new("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": clock.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": context.request_id, "idempotency_key": context.idempotency_key},
        "type": event_type,
    }
    event["pending_webhooks"] = queue.enqueue(context.store, event)
    return context.store.insert(event)


def change(context: Context, item: Object, event_type: str, **fields: object) -> Object:
    """Set fields of an object and, where one of them really changed, record the update."""
    previous = {name: item.get(name) for name in fields if item.get(name) != fields[name]}
    item.update(fields)
    context.store.save(item)
    if previous:
        emit(context, event_type, item, previous)
    return item
