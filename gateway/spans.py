"""Traces of requests, sent to the operator's collector over OTLP; imported only when switched on.

Attributes are those of OpenTelemetry's conventions for generative AI. No prompt, no answer, no key
and no organization is among them: the request's id leads to those in the log and in the books.
"""

import os
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from billing.settlement import Settled
from gateway.usage import made, read

SERVICE = "tessera-gateway"
OPERATIONS = {
    "/chat/completions": "chat",
    "/completions": "text_completion",
    "/embeddings": "embeddings",
}
#: Headers of trace context that come with a request and go on to the engine.
CARRIED = (b"traceparent", b"tracestate")


class Spans:
    """The spans of this process; where they go, and how many are kept, OTEL_* variables say."""

    def __init__(self) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME", SERVICE)
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("tessera.gateway")
        self._context = TraceContextTextMapPropagator()

    def begin(self, headers: Mapping[bytes, bytes], request_id: str, path: str, model: str) -> Span:
        """Begin the span of a request, below the caller's own if it told of one."""
        carried = {
            name.decode(): headers[name].decode("latin-1") for name in CARRIED if name in headers
        }
        operation = OPERATIONS.get(path, path.strip("/"))
        return self._tracer.start_span(
            f"{operation} {model}",
            context=self._context.extract(carried),
            kind=SpanKind.SERVER,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.request.model": model,
                "tessera.request_id": request_id,
            },
        )

    def onward(self, span: Span) -> Mapping[str, str]:
        """Return the headers that make the engine's spans part of this trace."""
        carried: dict[str, str] = {}
        self._context.inject(carried, trace.set_span_in_context(span))
        return carried

    def end(self, span: Span, settled: Settled | None, error: str = "") -> None:
        """End the span with what became of the request."""
        if settled is not None:
            parts = settled.parts
            span.set_attributes(
                {
                    "gen_ai.usage.input_tokens": read(parts),
                    "gen_ai.usage.output_tokens": made(parts),
                    "tessera.outcome": settled.outcome,
                    "tessera.streamed": settled.streamed,
                }
            )
        if settled is not None and settled.ttft_ms is not None:
            span.set_attribute("tessera.ttft_ms", settled.ttft_ms)
        if error:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def stop(self) -> None:
        """Send what waits."""
        self._provider.shutdown()
