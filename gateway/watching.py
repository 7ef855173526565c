"""What is told of every request to those who watch: counts, a line in the log, a span.

None of it holds a prompt, an answer or a credential.
"""

import functools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings

from billing.settlement import Settled
from gateway.errors import ClientGone, GatewayError
from gateway.failures import FAILURES, OURS
from gateway.metrics import METRICS, ModelCounts
from gateway.request_log import OFF, Line, RequestLog

if TYPE_CHECKING:
    from gateway.exchange import Exchange
    from gateway.spans import Spans

LOG = RequestLog(settings.REQUEST_LOG)
#: A request that went to an engine and owes nothing: its client left, or the answer was empty.
UNBILLED = "unbilled"


class Tracing:
    """The spans of this process, if the operator has a collector for them."""

    def __init__(self) -> None:
        self.spans: Spans | None = None

    def start(self) -> None:
        """Begin, where a collector is named."""
        if settings.IS_TRACED:
            # Imported here alone: whoever traces nothing pays nothing.
            self.spans = import_module("gateway.spans").Spans()

    def stop(self) -> None:
        """Send what waits; may take seconds."""
        spans, self.spans = self.spans, None
        if spans is not None:
            spans.stop()


TRACING = Tracing()
Serve = Callable[..., Awaitable[None]]


def watched(serve: Serve) -> Serve:
    """Tell of the requests that this serves: ``(self, exchange, endpoint, caller, offer, body)``."""

    @functools.wraps(serve)
    async def watching(
        self: Any, exchange: "Exchange", endpoint: Any, caller: Any, offer: Any, body: Any
    ) -> None:
        counts, streams = METRICS.of(offer.name), body.get("stream") is True
        exchange.model, exchange.caller = offer.name, caller
        counts.running += 1
        counts.streams += streams
        span = None
        if (spans := TRACING.spans) is not None:
            span = spans.begin(exchange.headers, exchange.id, endpoint.path, offer.name)
            exchange.onward = spans.onward(span)
        failure, began = None, time.time()
        try:
            await serve(self, exchange, endpoint, caller, offer, body)
        except BaseException as error:
            failure = error
            raise
        finally:
            counts.running -= 1
            counts.streams -= streams
            _ended(exchange, counts, failure)
            if _is_ours(failure, exchange):
                FAILURES.count(caller.organization_id, offer.name, offer.region, began)
            if span is not None and spans is not None:
                settled = exchange.bill.settled if exchange.bill else None
                spans.end(span, settled, _code(failure))

    return watching


def _ended(exchange: "Exchange", counts: ModelCounts, failure: BaseException | None) -> None:
    if exchange.bill is not None:
        counts.count(exchange.bill)
        if LOG.wanted != OFF:
            LOG.write(_of_bill(exchange, exchange.bill.settled))
    elif not isinstance(failure, GatewayError):
        counts.outcomes[UNBILLED] += 1
        LOG.write(_line(exchange, 200, UNBILLED))


def refused(exchange: "Exchange", error: GatewayError) -> None:
    """Tell of a refusal."""
    METRICS.refused(exchange.model, error)
    LOG.write(_line(exchange, error.status, error.code))


def _is_ours(failure: BaseException | None, exchange: "Exchange") -> bool:
    """Tell whether a call that somebody waited for was not answered because of us.

    What was settled has an event that says how it ended.
    """
    if exchange.bill is not None or not exchange.is_waited_for:
        return False
    if failure is None:
        return exchange.broke
    if isinstance(failure, GatewayError):
        return failure.status >= OURS
    # Whoever leaves ends the call; whatever else breaks it is told as ours.
    return not exchange.gone and not isinstance(failure, ClientGone)


def _code(failure: BaseException | None) -> str:
    """Return what a failure is called: no words of it, they could hold anything."""
    if isinstance(failure, GatewayError):
        return failure.code
    return type(failure).__name__ if failure is not None else ""


def _line(exchange: "Exchange", status: int, outcome: str) -> Line:
    line = Line(datetime.now(UTC), exchange.id, status, outcome, exchange.model)
    if (caller := exchange.caller) is not None:
        line.organization, line.project, line.key = (
            caller.organization_id,
            caller.project_id,
            caller.id,
        )
    return line


def _of_bill(exchange: "Exchange", settled: Settled) -> Line:
    return Line(
        datetime.now(UTC),
        exchange.id,
        200,
        settled.outcome,
        settled.offer_name,
        settled.organization_id,
        settled.project_id,
        settled.api_key_id,
        settled.parts,
        settled.policy.get("estimated", False),
        settled.streamed,
        settled.ttft_ms,
        settled.latency_ms,
    )
