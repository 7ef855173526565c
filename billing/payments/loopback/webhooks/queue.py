"""Deliveries as rows: written with the event, so that neither a crash nor an outage loses one."""

import time
from typing import Any

from billing.payments.loopback.store import Object, Store

MODES = ("normal", "hold", "drop")
DEFAULTS: Object = {"mode": "normal", "delay_seconds": 0.0, "copies": 1}
STATE_FOR_MODE = {"normal": "pending", "hold": "held", "drop": "dropped"}


def settings(store: Store) -> Object:
    """Return how new deliveries are treated."""
    saved: Object = store.setting("webhooks", {})
    return DEFAULTS | saved


def enqueue(store: Store, event: Object) -> int:
    """Queue an event for every endpoint that wants it; return for how many it waits."""
    how = settings(store)
    endpoints = [e for e in store.where("webhook_endpoint") if wants(e, event["type"])]
    for endpoint in endpoints:
        for _ in range(how["copies"]):
            add(
                store,
                event,
                endpoint["id"],
                state=STATE_FOR_MODE[how["mode"]],
                due_at=time.time() + how["delay_seconds"],
            )
    return len(endpoints) if how["mode"] != "drop" else 0


def wants(endpoint: Object, event_type: str) -> bool:
    """Tell whether an endpoint is switched on and subscribed to a type of event."""
    wanted = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in wanted or event_type in wanted)


def add(
    store: Store,
    event: Object,
    endpoint: str,
    *,
    state: str = "pending",
    due_at: float,
    burst: str | None = None,
    signing: str = "{}",
) -> None:
    """Queue one delivery; deliveries of one burst are sent at the same moment."""
    store.write(
        "INSERT INTO deliveries (event, type, endpoint, state, due_at, burst, signing)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (event["id"], event["type"], endpoint, state, due_at, burst, signing),
    )


def due(store: Store, moment: float) -> list[Object]:
    """Return the next delivery that is due, with the whole burst it belongs to."""
    rows = store.rows(
        "SELECT * FROM deliveries WHERE state = 'pending' AND due_at <= ?"
        " ORDER BY due_at, id LIMIT 1",
        (moment,),
    )
    if rows and rows[0]["burst"]:
        rows = store.rows(
            "SELECT * FROM deliveries WHERE state = 'pending' AND burst = ? ORDER BY id",
            (rows[0]["burst"],),
        )
    return [dict(row) for row in rows]


def next_due(store: Store) -> float | None:
    """Return when the next delivery is due."""
    rows = store.rows("SELECT min(due_at) AS at FROM deliveries WHERE state = 'pending'")
    moment: float | None = rows[0]["at"]
    return moment


def record(store: Store, delivery: Object, **fields: Any) -> None:
    """Write down how an attempt ended."""
    names = ", ".join(f"{name} = ?" for name in fields)
    store.write(
        f"UPDATE deliveries SET {names} WHERE id = ?",  # noqa: S608
        (*fields.values(), delivery["id"]),
    )


def undelivered(store: Store, event_id: str) -> int:
    """Return how many endpoints have not accepted an event yet."""
    rows = store.rows(
        "SELECT count(DISTINCT endpoint) AS n FROM deliveries"
        " WHERE event = ? AND state IN ('pending', 'held')",
        (event_id,),
    )
    count: int = rows[0]["n"]
    return count


def listing(store: Store, **fields: str | None) -> list[Object]:
    """Return deliveries, oldest first, with these values."""
    given = {name: value for name, value in fields.items() if value is not None}
    condition = " AND ".join(["1 = 1", *(f"{name} = ?" for name in given)])
    rows = store.rows(
        f"SELECT * FROM deliveries WHERE {condition} ORDER BY id",  # noqa: S608
        tuple(given.values()),
    )
    return [dict(row) for row in rows]
