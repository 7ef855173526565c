"""Asks a server what it serves. Talks to the network: never inside a transaction."""

import json
from dataclasses import dataclass

from common import http
from marketplace.models import Reachability

REFUSALS = (401, 403)


@dataclass(frozen=True, slots=True)
class Finding:
    """How a server answered, and the models that it lists."""

    reachability: Reachability
    models: tuple[str, ...] = ()


def look(base_url: str, credential: str) -> Finding:
    """Ask an OpenAI-compatible server for its models."""
    try:
        answer = http.get(f"{base_url.rstrip('/')}/models", bearer=credential)
    except http.Unreachable as error:
        return Finding(Reachability(error.trouble.value))
    if answer.status in REFUSALS:
        return Finding(Reachability.CREDENTIAL)
    names = _names(answer.body) if answer.status == 200 else None
    if names is None:
        return Finding(Reachability.BROKEN)
    return Finding(Reachability.ANSWERS, names)


def _names(body: bytes) -> tuple[str, ...] | None:
    """Return the ids in OpenAI's list of models; None when it is no such list."""
    try:
        rows = json.loads(body)["data"]
        return tuple(str(row["id"])[:200] for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
