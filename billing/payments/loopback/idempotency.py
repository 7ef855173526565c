"""Idempotency keys: a repeated request gets the first answer, not a second effect."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from billing.payments.loopback import clock
from billing.payments.loopback.errors import InvalidParameter, KeyInUse, KeyReused
from billing.payments.loopback.store import Store

MAX_KEY = 255


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out, and as a repeated request gets it again."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def claim(store: Store, key: str, path: str, params: Any, request_id: str) -> Reply | None:
    """Take a key for one request; return the first answer where the key has one."""
    if len(key) > MAX_KEY:
        raise InvalidParameter(f"Idempotency keys can be at most {MAX_KEY} characters long.")
    rows = store.rows("SELECT * FROM idempotency WHERE key = ?", (key,))
    if not rows:
        store.write(
            "INSERT INTO idempotency (key, path, fingerprint, created, request_id)"
            " VALUES (?, ?, ?, ?, ?)",
            (key, path, _fingerprint(params), clock.now(), request_id),
        )
        return None
    first = rows[0]
    if first["path"] != path:
        raise KeyReused(
            "Keys for idempotent requests can only be used for the same endpoint they were first "
            f"used for ('{first['path']}'). Try using a key other than '{key}' if you meant to "
            "execute a different request."
        )
    if first["fingerprint"] != _fingerprint(params):
        raise KeyReused(
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request."
        )
    if first["status"] is None:
        raise KeyInUse(
            "There is currently another in-progress request using this Idempotent Key (that "
            "probably means you submitted twice, and the other request is still going through): "
            f"{key}. Please try again later.",
            code="idempotency_key_in_use",
        )
    headers = {"Idempotent-Replayed": "true", "Original-Request": first["request_id"]}
    return Reply(first["status"], first["body"], headers)


def remember(store: Store, key: str, reply: Reply) -> None:
    """Keep an answer, in the transaction of its effect."""
    store.write(
        "UPDATE idempotency SET status = ?, body = ? WHERE key = ?",
        (reply.status, reply.body, key),
    )


def release(store: Store, key: str) -> None:
    """Give a key back that its request did not spend."""
    store.write("DELETE FROM idempotency WHERE key = ? AND status IS NULL", (key,))


def release_all(store: Store) -> None:
    """Give the keys back of requests that a crash cut off before they had an effect."""
    store.write("DELETE FROM idempotency WHERE status IS NULL")


def _fingerprint(params: Any) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
