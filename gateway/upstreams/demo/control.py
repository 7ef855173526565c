"""What the engine says about itself, and the desk where it takes orders."""

from urllib.parse import parse_qs

import msgspec

from gateway.upstreams.demo import bodies, catalogue
from gateway.upstreams.demo.behaviour import Order
from gateway.upstreams.demo.engine import Engine
from gateway.upstreams.demo.errors import ApiError, unknown_model
from gateway.upstreams.demo.web import Exchange

#: Requests shown when the caller names no number.
SHOWN = 1000
#: So many tokens of running requests a cache like that of a small machine holds.
KV_CACHE = 65_536


async def about(_engine: Engine, exchange: Exchange) -> None:
    """Say what this is."""
    await exchange.respond_json(
        {
            "name": "Tessera demo engine",
            "simulator": True,
            "notice": catalogue.NOTICE,
            "models": list(catalogue.MODELS),
        }
    )


async def health(_engine: Engine, exchange: Exchange) -> None:
    """Say that it runs."""
    await exchange.respond_json({"status": "ok", "simulator": True})


async def models(_engine: Engine, exchange: Exchange) -> None:
    """List the models."""
    data = [catalogue.describe(model) for model in catalogue.MODELS.values()]
    await exchange.respond_json({"object": "list", "data": data})


async def model(_engine: Engine, exchange: Exchange) -> None:
    """Describe one model."""
    name = exchange.path.removeprefix("/v1/models/")
    if name not in catalogue.MODELS:
        raise unknown_model(name)
    await exchange.respond_json(catalogue.describe(catalogue.MODELS[name]))


async def metrics(engine: Engine, exchange: Exchange) -> None:
    """Give the sums in Prometheus' format."""
    lines = []
    for name, value in msgspec.to_builtins(engine.ledger.totals).items():
        kind, suffix = ("gauge", "") if name == "running" else ("counter", "_total")
        lines += [f"# TYPE tessera_demo_{name}{suffix} {kind}"]
        lines += [f"tessera_demo_{name}{suffix} {value}"]
    for name, share in _as_vllm_tells(engine).items():
        lines += [f"# TYPE vllm:{name} gauge", f"vllm:{name} {share}"]
    text = "\n".join(lines) + "\n"
    await exchange.respond(text.encode(), kind=b"text/plain; version=0.0.4; charset=utf-8")


def _as_vllm_tells(engine: Engine) -> dict[str, float]:
    """Return the numbers that portals read, by vLLM's names; it has no GPU and tells of none."""
    held = engine.ledger.tokens_held
    return {
        "num_requests_running": engine.ledger.totals.running,
        # It begins at once with whatever comes.
        "num_requests_waiting": 0,
        "kv_cache_usage_perc": min(1.0, held / KV_CACHE),
    }


async def requests(engine: Engine, exchange: Exchange) -> None:
    """Show the sums, and the latest requests or every attempt of one (`?id=`, `?limit=`)."""
    asked = parse_qs(exchange.query.decode("ascii", "replace"))
    ledger = engine.ledger
    entries = ledger.of(asked["id"][0]) if "id" in asked else ledger.latest(_limit(asked))
    await exchange.respond_json({"object": "list", "totals": ledger.totals, "data": entries})


def _limit(asked: dict[str, list[str]]) -> int:
    given = asked.get("limit", [str(SHOWN)])[0]
    if not given.isdecimal() or len(given) > 9:
        raise ApiError("limit must be a whole number.", param="limit")
    return int(given)


async def request(engine: Engine, exchange: Exchange) -> None:
    """Show every attempt of one request."""
    request_id = exchange.path.removeprefix("/demo/requests/")
    entries = engine.ledger.of(request_id)
    if not entries:
        raise ApiError(f"No request `{request_id}` came here.", status=404, param="id")
    await exchange.respond_json({"object": "list", "data": entries})


async def forget_requests(engine: Engine, exchange: Exchange) -> None:
    """Empty the ledger."""
    engine.ledger.reset()
    await requests(engine, exchange)


async def behaviour(engine: Engine, exchange: Exchange) -> None:
    """Show what was ordered."""
    await exchange.respond_json(engine.behaviours.body())


async def order(engine: Engine, exchange: Exchange) -> None:
    """Take an order; it replaces what the same model was told before."""
    engine.behaviours.tell(bodies.read(Order, await exchange.body()))
    await behaviour(engine, exchange)


async def forget_behaviour(engine: Engine, exchange: Exchange) -> None:
    """Behave well again: all models, or the one in the path."""
    name = exchange.path.removeprefix("/demo/behaviour").strip("/")
    engine.behaviours.reset(name or None)
    await behaviour(engine, exchange)
