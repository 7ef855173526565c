"""Asks a server whether it is ready, and what it serves. Talks to the network: never inside a transaction."""

import json
from dataclasses import dataclass

from common import http
from marketplace.models import Reachability, Upstream

REFUSALS = (401, 403)


@dataclass(frozen=True, slots=True)
class Finding:
    """How a server answered, and the models that it lists."""

    reachability: Reachability
    models: tuple[str, ...] = ()


def look(server: Upstream) -> Finding:
    """Ask a server whether it is ready where it says so, and then for its models."""
    bearer, listing = server.credential, f"{server.base_url.rstrip('/')}/models"
    health = beside(server.base_url, server.health_path) if server.health_path else listing
    try:
        if health != listing and (trouble := _trouble(http.get(health, bearer=bearer).status)):
            return Finding(trouble)
        answer = http.get(listing, bearer=bearer)
    except http.Unreachable as error:
        return Finding(Reachability(error.trouble.value))
    if answer.status in REFUSALS:
        return Finding(Reachability.CREDENTIAL)
    names = _names(answer.body) if answer.status == 200 else None
    if names is None:
        return Finding(Reachability.BROKEN)
    return Finding(Reachability.ANSWERS, names)


def beside(base_url: str, path: str) -> str:
    """Return where a path lies that stands beside an address's ``/v1``."""
    return base_url.rstrip("/").removesuffix("/v1") + path


def _trouble(status: int) -> Reachability | None:
    """Return what the status of a server's health tells; None when it is well."""
    if status in REFUSALS:
        return Reachability.CREDENTIAL
    return None if 200 <= status < 300 else Reachability.UNREADY


def _names(body: bytes) -> tuple[str, ...] | None:
    """Return the ids in OpenAI's list of models; None when it is no such list."""
    try:
        rows = json.loads(body)["data"]
        return tuple(str(row["id"])[:200] for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
