"""``/v1/webhook_endpoints``: who is told; only addresses on this machine."""

from billing.payments.loopback import clock, ids, pagination
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.options import is_loopback
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.resources import fields
from billing.payments.loopback.store import Object


def create(context: Context, params: Parameters) -> Object:
    """Register an address; its signing secret is shown in this answer alone."""
    endpoint = new(
        _url(params),
        ids.new("whsec", 32),
        enabled_events=_events(params),
        description=params.text("description"),
        metadata=params.metadata() or {},
    )
    params.text("api_version")
    context.store.insert(endpoint)
    return endpoint | {"secret": endpoint["_secret"]}


def retrieve(context: Context, params: Parameters, endpoint: str) -> Object:
    """Return one endpoint, without its secret."""
    return context.store.get("webhook_endpoint", endpoint)


def update(context: Context, params: Parameters, endpoint: str) -> Object:
    """Change an endpoint, or switch it off and on."""
    found = context.store.get("webhook_endpoint", endpoint)
    found |= fields.texts(params, "description") | fields.metadata(params, found["metadata"])
    if params.has("url"):
        found["url"] = _url(params)
    if params.has("enabled_events"):
        found["enabled_events"] = _events(params)
    if params.has("disabled"):
        found["status"] = "disabled" if params.flag("disabled") else "enabled"
    return context.store.save(found)


def delete(context: Context, params: Parameters, endpoint: str) -> Object:
    """Remove an endpoint; what was queued for it is not sent."""
    found = context.store.get("webhook_endpoint", endpoint)
    context.store.delete(found)
    context.store.write("DELETE FROM deliveries WHERE endpoint = ?", (endpoint,))
    return {"id": endpoint, "object": "webhook_endpoint", "deleted": True}


def list_all(context: Context, params: Parameters) -> Object:
    """Return a page of endpoints."""
    return pagination.page(context, params, "webhook_endpoint", "/v1/webhook_endpoints")


def register_command_line(context: Context) -> None:
    """Keep one endpoint in step with the command line, so that what is queued finds it."""
    options = context.options
    known = context.store.where("webhook_endpoint", _command_line=True)
    if options.webhook_url is None or options.webhook_secret is None:
        for endpoint in known:
            context.store.save(endpoint | {"status": "disabled"})
        return
    if not known:
        fresh = new(options.webhook_url, options.webhook_secret, description="Command line")
        context.store.insert(fresh | {"_command_line": True})
        return
    changes = {"url": options.webhook_url, "_secret": options.webhook_secret, "status": "enabled"}
    context.store.save(known[0] | changes)


def new(url: str, secret: str, **fields: object) -> Object:
    """Return a fresh endpoint for every type of event, not stored yet."""
    endpoint: Object = {
        "id": ids.new("we"),
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": clock.now(),
        "description": None,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
        "_secret": secret,
    }
    return endpoint | fields


def _url(params: Parameters) -> str:
    params.needed("url")
    url = params.url("url") or ""
    if not url.startswith("http://") or not is_loopback(url):
        raise InvalidParameter(
            "The loopback Stripe delivers to http addresses of this machine only.",
            code="url_invalid",
            param="url",
        )
    return url


def _events(params: Parameters) -> list[str]:
    wanted = params.texts("enabled_events")
    if not wanted:
        raise InvalidParameter(
            "Missing required param: enabled_events.",
            code="parameter_missing",
            param="enabled_events",
        )
    return wanted
