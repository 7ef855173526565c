"""From an offer to an engine: routes by priority and weight, failover before the first byte."""

import random
from collections.abc import Callable, Sequence

import msgspec

from gateway.errors import GatewayError, InvalidRequest, TooFast, Unavailable, UpstreamFailed
from gateway.upstreams.base import Answer, Upstream, UpstreamError
from marketplace.queries import RouteSnapshot

LARGEST_REFUSAL = 100_000
#: Statuses with which a server says that another one should be asked.
ELSEWHERE = frozenset({429, 500, 502, 503, 504})


def in_order(routes: Sequence[RouteSnapshot]) -> list[RouteSnapshot]:
    """Return the routes by priority; among equals the heavier comes first more often."""
    # Weighted shuffle (Efraimidis and Spirakis): u^(1/w), largest first.
    keyed = [(-(random.random() ** (1 / max(1, each.weight))), each) for each in routes]  # noqa: S311 - spreads load, keeps no secret
    keyed.sort(key=lambda pair: (pair[1].priority, pair[0]))
    return [route for _key, route in keyed]


async def ask(
    upstream: Upstream,
    routes: Sequence[RouteSnapshot],
    path: str,
    body: Callable[[str], bytes],
) -> Answer:
    """Return the first engine's answer that is not a failure; 503 or 502 when all fail."""
    reached = False
    ordered = in_order(routes)
    for place, route in enumerate(ordered):
        try:
            answer = await upstream.post(
                route.base_url, route.credential, path, body(route.upstream_model)
            )
        except UpstreamError as error:
            reached = reached or error.reached
            continue
        if answer.status not in ELSEWHERE or place == len(ordered) - 1:
            return answer
        answer.close()
    if reached:
        raise UpstreamFailed("The engine gave no answer. Nothing was billed.")
    raise Unavailable("No engine can be reached at present. Nothing was billed.")


async def refusal(answer: Answer) -> GatewayError:
    """Return the error that tells the caller of an engine's refusal, its own words where safe."""
    message, param = await _words(answer)
    if answer.status in (400, 422):
        return InvalidRequest(message or "The engine refuses the request.", param=param)
    if answer.status == 413:
        return InvalidRequest("The prompt is too long for the engine.", param="messages")
    if answer.status == 429:
        return TooFast("The engine is busy. Try again in a second.", headers={"retry-after": "1"})
    if answer.status == 503:
        return Unavailable("The engine is not ready. Nothing was billed.")
    # Among these are 401 and 404: our credential or our route is wrong, not the caller's.
    return UpstreamFailed("The engine failed. Nothing was billed.")


async def _words(answer: Answer) -> tuple[str, str | None]:
    try:
        body = msgspec.json.decode(await answer.read(LARGEST_REFUSAL))
    except (UpstreamError, msgspec.DecodeError, UnicodeDecodeError):
        return "", None
    # OpenAI's envelope, a bare text in its place, or FastAPI's `detail`.
    error = body.get("error") or body.get("detail") or body if isinstance(body, dict) else body
    if not isinstance(error, dict):
        error = {"message": error}
    message, param = error.get("message"), error.get("param")
    return (
        message[:1000] if isinstance(message, str) else "",
        param if isinstance(param, str) else None,
    )
