"""Control of the account as a whole: state, faults, reset."""

from billing.payments.loopback.control.arguments import Arguments
from billing.payments.loopback.faults import KINDS, Fault
from billing.payments.loopback.resources import webhook_endpoints
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Object


def state(service: Service, arguments: Arguments) -> Object:
    """Return how many objects of each kind there are, and how many requests are under way."""
    rows = service.store.rows("SELECT kind, count(*) AS n FROM objects GROUP BY kind")
    in_flight = service.store.rows("SELECT count(*) AS n FROM idempotency WHERE status IS NULL")
    return {
        "objects": {row["kind"]: row["n"] for row in rows},
        "keys_in_flight": in_flight[0]["n"],
    }


def add_fault(service: Service, arguments: Arguments) -> Object:
    """Let the next API requests meet trouble."""
    fault = Fault(
        kind=arguments.choice("kind", KINDS, "error"),
        method=arguments.choice("method", ("POST", "GET", "DELETE"), "POST"),
        path=arguments.text("path", "/v1/") or "/v1/",
        times=int(arguments.number("times", 1, minimum=1)),
        milliseconds=int(arguments.number("milliseconds", 0)),
    )
    service.faults.add(fault)
    return vars(fault)


def clear_faults(service: Service, arguments: Arguments) -> Object:
    """Let everything work again."""
    service.faults.clear()
    return {}


def reset(service: Service, arguments: Arguments) -> Object:
    """Forget everything but the command line."""
    service.faults.clear()
    service.store.clear()
    webhook_endpoints.register_command_line(service.context())
    return {}
