"""Asks a server whether it is ready, what it serves, and what it works on.

Talks to the network: never inside a transaction.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from common import http
from marketplace import gauges
from marketplace.gauges import NOTHING_TOLD, Load
from marketplace.models import Reachability, Upstream

#: How a question is asked: an address and a credential in, the answer out.
Ask = Callable[[str, str], http.Answer]
REFUSALS = (401, 403)
#: Each question has so long, and its answer so much room.
BOUNDS = http.Bounds()
#: A whole look has so many seconds: it ends before the same server's next turn.
LONGEST = 15.0
#: A server that lists more models than this, or one whose id cannot be shown, lists nothing usable.
MOST_NAMES = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """How a server answered, the models that it lists, and what it says that it does."""

    reachability: Reachability
    models: tuple[str, ...] = ()
    load: Load = NOTHING_TOLD
    #: Until its first answer, in milliseconds; None where there was none.
    latency_ms: int | None = None
    #: Whether it says itself that it is ready, whatever its list of models is like.
    is_ready: bool = False

    @property
    def is_well(self) -> bool:
        """Whether requests may be sent there: a list that cannot be read stops no answer."""
        is_unlisted = self.is_ready and self.reachability == Reachability.BROKEN
        return is_unlisted or self.reachability == Reachability.ANSWERS


def look(server: Upstream) -> Finding:
    """Ask a server whether it is ready where it says so, for its models, and for its load."""
    listing = f"{server.base_url.rstrip('/')}/models"
    health = beside(server.base_url, server.health_path) if server.health_path else listing
    began = time.monotonic()
    ask = partial(_ask, began + LONGEST)
    try:
        answer = ask(health, server.credential)
    except http.Unreachable as error:
        return Finding(Reachability(error.trouble.value))
    latency_ms = round(1000 * (time.monotonic() - began))
    if health == listing:
        found = _listed(answer)
    elif trouble := _trouble(answer.status):
        found = Finding(trouble)
    else:
        found = replace(_ask_for_models(ask, server, listing), is_ready=True)
    return replace(found, load=_load(ask, server), latency_ms=latency_ms)


def _ask(end: float, address: str, bearer: str) -> http.Answer:
    """Ask one question of a look that ends then, as the monotonic clock tells it."""
    left = end - time.monotonic()
    if left <= 0:
        raise http.Unreachable(http.Trouble.SILENT)
    bounds = replace(BOUNDS, patience=min(BOUNDS.patience, left))
    return http.get(address, bearer=bearer, bounds=bounds)


def _load(ask: Ask, server: Upstream) -> Load:
    """Return what the server says that it works on; nothing where it does not say."""
    found = NOTHING_TOLD
    if server.metrics_path:
        found = _gauges(ask, beside(server.base_url, server.metrics_path), server.credential)
    if server.gpu_metrics_url and found.gpu is None:
        # Another program beside it, which has no business with the credential.
        found = replace(found, gpu=_gauges(ask, server.gpu_metrics_url, "").gpu)
    return found


def _gauges(ask: Ask, address: str, bearer: str) -> Load:
    try:
        answer = ask(address, bearer)
    except http.Unreachable:
        return NOTHING_TOLD
    return gauges.read(answer.body) if answer.status == 200 else NOTHING_TOLD


def _ask_for_models(ask: Ask, server: Upstream, listing: str) -> Finding:
    try:
        return _listed(ask(listing, server.credential))
    except http.Unreachable as error:
        return Finding(Reachability(error.trouble.value))


def _listed(answer: http.Answer) -> Finding:
    """Return what an answer to the question for models tells."""
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
        names = tuple(str(row["id"])[:200] for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    # What holds a NUL or half a character cannot be stored either.
    is_usable = len(names) <= MOST_NAMES and all(map(str.isprintable, names))
    return names if is_usable else None
