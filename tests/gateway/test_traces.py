"""Traces as a collector receives them over OTLP; the collector here is a small one of our own."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.gateway.conftest import hello, wait_for

CANARY = "canary-of-the-prompt"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture
def collector():
    """Receive spans; its address, and what it was sent so far."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        """Takes everything."""

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            bodies.append(gzip.decompress(raw) if packed else raw)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()


@pytest.fixture
def traced(start_gateway, collector):
    """A gateway that traces; the gateway, and what the collector was sent."""
    address, bodies = collector
    gateway = start_gateway(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_BSP_SCHEDULE_DELAY="100")
    return gateway, bodies


def spans(bodies):
    """Return the spans with their attributes."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    return [
        (span, {each.key: each.value for each in span.attributes})
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_a_request_is_a_span_between_the_callers_and_the_engines(traced, key, pay, model, engine):
    gateway, bodies = traced
    pay("10")

    gateway.client(key).chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": CANARY}],
        extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
    )

    ((span, facts),) = wait_for(lambda: spans(bodies))
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.name == f"chat {model}"
    assert facts["gen_ai.operation.name"].string_value == "chat"
    assert facts["gen_ai.request.model"].string_value == model
    assert facts["gen_ai.usage.input_tokens"].int_value == 10
    assert facts["gen_ai.usage.output_tokens"].int_value == 5
    assert facts["tessera.request_id"].string_value.startswith("req_")
    sent = engine.requests[0]["headers"][b"traceparent"].decode()
    assert sent == f"00-{TRACE}-{span.span_id.hex()}-01"
    written = b"".join(bodies)
    for secret in (CANARY, key, key[9:], "engine-secret", "word "):
        assert secret.encode() not in written


def test_a_failure_says_which_and_nothing_more(traced, key, pay, model, engine):
    gateway, bodies = traced
    pay("10")
    engine.status = 500

    with pytest.raises(openai.InternalServerError):
        gateway.client(key).chat.completions.create(model=model, **hello())

    ((span, facts),) = wait_for(lambda: spans(bodies))
    assert facts["error.type"].string_value == "upstream_error"
    assert span.status.code == 2
    assert span.status.message == ""
    assert not span.events


def test_a_collector_that_is_away_holds_nothing_up(start_gateway, key, pay, model):
    pay("10")
    gateway = start_gateway(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    answer = gateway.client(key).chat.completions.create(model=model, **hello())

    assert answer.usage.completion_tokens == 5


def test_without_a_collector_a_callers_trace_ends_here(client, model, engine):
    client.chat.completions.create(
        model=model, extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}, **hello()
    )

    assert b"traceparent" not in engine.requests[0]["headers"]
