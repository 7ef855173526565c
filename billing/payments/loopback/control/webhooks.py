"""Control of deliveries: hold, drop, delay, copy, reorder, repeat, forge."""

import json
import random
import time

from billing.payments.loopback import ids
from billing.payments.loopback.control.arguments import Arguments
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Object
from billing.payments.loopback.webhooks import queue

MAX_COPIES = 100
STATES = ("pending", "held", "dropped", "delivered", "failed")


def show(service: Service, arguments: Arguments) -> Object:
    """Return how new deliveries are treated and how many stand in each state."""
    rows = service.store.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
    counts = dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}
    return queue.settings(service.store) | {"deliveries": counts}


def configure(service: Service, arguments: Arguments) -> Object:
    """Set how deliveries of future events are treated; what is not sent goes back to normal."""
    copies = int(arguments.number("copies", 1, minimum=1))
    wanted: Object = {
        "mode": arguments.choice("mode", queue.MODES, "normal"),
        "delay_seconds": arguments.number("delay_seconds", 0.0),
        "copies": min(copies, MAX_COPIES),
    }
    service.store.set_setting("webhooks", wanted)
    return show(service, arguments)


def release(service: Service, arguments: Arguments) -> Object:
    """Send what was held, in an order of your choice, one after the other."""
    order = arguments.choice("order", ("oldest_first", "newest_first", "shuffled"), "oldest_first")
    seed = arguments.number("seed", 0)
    wanted = arguments.texts("events")
    held = [
        delivery
        for delivery in queue.listing(service.store, state="held")
        if wanted is None or delivery["event"] in wanted
    ]
    if order == "newest_first":
        held.reverse()
    elif order == "shuffled":
        random.Random(seed).shuffle(held)  # noqa: S311
    now = time.time()
    for place, delivery in enumerate(held):
        # The due time is the order; a microsecond apart is enough.
        queue.record(service.store, delivery, state="pending", due_at=now + place * 1e-6)
    return {"released": [delivery["event"] for delivery in held]}


def resend(service: Service, arguments: Arguments) -> Object:
    """Send an event again, as often as wanted, at once or later, even wrongly signed."""
    event = service.store.get("event", arguments.text("event") or "", param="event")
    copies = min(int(arguments.number("copies", 1, minimum=1)), MAX_COPIES)
    due_at = time.time() + arguments.number("delay_seconds", 0.0)
    burst = ids.random_text(12) if arguments.flag("together", default=False) else None
    signing: Object = {}
    if arguments.has("secret"):
        signing["secret"] = arguments.text("secret")
    if arguments.has("age_seconds"):
        signing["age_seconds"] = int(arguments.number("age_seconds", 0))
    endpoints = service.store.where("webhook_endpoint", status="enabled")
    for endpoint in endpoints:
        for _ in range(copies):
            queue.add(
                service.store,
                event,
                endpoint["id"],
                due_at=due_at,
                burst=burst,
                signing=json.dumps(signing),
            )
    return {"queued": copies * len(endpoints)}


def flush(service: Service, arguments: Arguments) -> Object:
    """Try everything that waits for a retry or a delay now."""
    sql = "UPDATE deliveries SET due_at = ? WHERE state = 'pending'"
    return {"due": service.store.write(sql, (time.time(),))}


def deliveries(service: Service, arguments: Arguments) -> Object:
    """Return deliveries, oldest first, by event, type or state."""
    state = arguments.text("state")
    if state is not None and state not in STATES:
        raise InvalidParameter(f"state must be one of {', '.join(STATES)}.", param="state")
    found = queue.listing(
        service.store, event=arguments.text("event"), type=arguments.text("type"), state=state
    )
    return {"data": found}
