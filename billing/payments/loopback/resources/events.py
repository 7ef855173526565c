"""``/v1/events``: what happened, for those who missed the webhook."""

from billing.payments.loopback import pagination
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.store import Object
from billing.payments.loopback.webhooks import queue

MAX_TYPES = 20
UNDELIVERED = "SELECT event FROM deliveries WHERE state IN ('pending', 'held', 'failed', 'dropped')"


def retrieve(context: Context, params: Parameters, event: str) -> Object:
    """Return one event."""
    return _with_count(context, context.store.get("event", event))


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of events, by ``type`` (with ``*``), ``types``, delivery or time."""
    wanted = pagination.Filter()
    one, several = params.text("type"), params.texts("types")
    if (one and several) or len(several) > MAX_TYPES:
        message = f"Send either type or up to {MAX_TYPES} types."
        raise InvalidParameter(message, param="types")
    if one:
        # GLOB reads "charge.*" as Stripe does; other wildcards are taken literally.
        pattern = one.replace("[", "[[]").replace("?", "[?]")
        wanted.add("json_extract(body, '$.type') GLOB ?", pattern)
    if several:
        marks = ", ".join("?" for _ in several)
        wanted.add(f"json_extract(body, '$.type') IN ({marks})", *several)
    delivered = params.flag("delivery_success")
    if delivered is not None:
        wanted.add(f"id {'NOT ' if delivered else ''}IN ({UNDELIVERED})")
    page = pagination.page(context, params, "event", "/v1/events", wanted)
    for event in page["data"]:
        _with_count(context, event)
    return page


def _with_count(context: Context, event: Object) -> Object:
    event["pending_webhooks"] = queue.undelivered(context.store, event["id"])
    return event
