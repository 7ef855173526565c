"""The ASGI application: which path is answered by what."""

from collections.abc import Awaitable, Callable

from gateway.upstreams.demo import chat, completions, control, embeddings
from gateway.upstreams.demo.engine import Engine
from gateway.upstreams.demo.errors import ApiError
from gateway.upstreams.demo.web import ClientGone, Exchange, Receive, Scope, Send

Handler = Callable[[Engine, Exchange], Awaitable[None]]

ROUTES: dict[str, dict[str, Handler]] = {
    "/v1/chat/completions": {"POST": chat.serve},
    "/v1/completions": {"POST": completions.serve},
    "/v1/embeddings": {"POST": embeddings.serve_embeddings},
    "/v1/rerank": {"POST": embeddings.serve_rerank},
    "/v1/models": {"GET": control.models},
    "/": {"GET": control.about},
    "/healthz": {"GET": control.health},
    "/health": {"GET": control.health},
    "/metrics": {"GET": control.metrics},
    "/demo/requests": {"GET": control.requests, "DELETE": control.forget_requests},
    "/demo/behaviour": {
        "GET": control.behaviour,
        "POST": control.order,
        "DELETE": control.forget_behaviour,
    },
}
#: Paths that go on with a name.
NAMED: dict[str, dict[str, Handler]] = {
    "/v1/models/": {"GET": control.model},
    "/demo/requests/": {"GET": control.request},
    "/demo/behaviour/": {"DELETE": control.forget_behaviour},
}


class Application:
    """Answers HTTP requests for one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in OpenAI's envelope."""
        exchange = Exchange(scope, receive, send)
        try:
            await handler(exchange.method, exchange.path)(self.engine, exchange)
        except ApiError as error:
            await exchange.refuse(error)
        except ClientGone:
            pass
        finally:
            exchange.close()


def handler(method: str, path: str) -> Handler:
    """Return what answers, or refuse."""
    methods = ROUTES.get(path)
    if methods is None:
        methods = next((NAMED[start] for start in NAMED if path.startswith(start)), {})
    if not methods:
        raise ApiError(f"There is nothing at {path}.", status=404, code="unknown_url")
    if method not in methods:
        raise ApiError(f"{path} does not take {method}.", status=405, code="method_not_allowed")
    return methods[method]
