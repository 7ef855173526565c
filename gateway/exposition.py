"""What Prometheus reads: the counts of this process, and who may have them."""

import hmac
import ipaddress
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.breaker import CLOSED, HALF_OPEN, OPEN, Engine
from gateway.metrics import METRICS, Histogram, ModelCounts

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
STATES = (CLOSED, HALF_OPEN, OPEN)
PREFIX = "tessera_"


class Process(Protocol):
    """What is read of a gateway beside its counts."""

    draining: bool

    @property
    def engines(self) -> Iterable[Engine]:
        """Return the engines it has asked."""
        ...

    @property
    def waiting(self) -> int:
        """Return how many events are not in PostgreSQL yet."""
        ...

    @property
    def journal_bytes(self) -> int:
        """Return the size of its journal."""
        ...


class Watch(Collector):
    """The counts of a process, as families of samples."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def collect(self) -> Iterator[Metric]:
        """Yield everything."""
        yield from _of_models(METRICS.models)
        yield _refusals()
        yield _trials()
        yield from _of_engines(self._process.engines)
        yield from _of_books(self._process)


def text(process: Process) -> bytes:
    """Return all that can be scraped of this process."""
    registry = CollectorRegistry()
    registry.register(Watch(process))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def may_read(headers: Mapping[bytes, bytes], address: str, token: str) -> bool:
    """Tell whether a caller may have them: with the token, or without one from this host alone."""
    if token:
        given = headers.get(b"authorization", b"")
        return hmac.compare_digest(given, b"Bearer " + token.encode())
    # A proxy on this host speaks for others.
    return b"x-forwarded-for" not in headers and is_loopback(address)


def is_loopback(address: str) -> bool:
    """Tell whether an address is this host itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _counter(name: str, help_text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, help_text, labels=labels)


def _gauge(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, help_text, labels=labels)


def _histogram(name: str, help_text: str, *labels: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(PREFIX + name, help_text, labels=labels)


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    family.add_metric(labels, histogram.buckets(), histogram.total)


def _of_models(models: Mapping[str, ModelCounts]) -> list[Metric]:
    requests = _counter("requests", "Requests that went to an engine, by end.", "model", "outcome")
    tokens = _counter("tokens", "Tokens billed.", "model", "part")
    estimated = _counter("estimated", "Requests billed by our own count of tokens.", "model")
    reserved = _counter("reserved_tokens", "Tokens reserved for requests since settled.", "model")
    held = _counter("reserved_amount", "Money reserved for them.", "model", "currency")
    cost = _counter("cost_amount", "Money they cost, at list price.", "model", "currency")
    running = _gauge("running_requests", "Requests under way.", "model")
    streams = _gauge("open_streams", "Streams under way.", "model")
    ttft = _histogram("ttft_seconds", "From a request to the first part passed on.", "model")
    latency = _histogram("request_seconds", "From a request to the end of its answer.", "model")
    gaps = _histogram("inter_token_seconds", "Between two parts passed on, per event.", "model")
    for model, counts in models.items():
        for outcome, number in counts.outcomes.items():
            requests.add_metric([model, outcome], number)
        for part, number in counts.tokens.items():
            tokens.add_metric([model, part], number)
        estimated.add_metric([model], counts.estimated)
        reserved.add_metric([model], counts.reserved_tokens)
        for currency, amount in counts.reserved.items():
            held.add_metric([model, currency], amount)
            cost.add_metric([model, currency], counts.cost[currency])
        running.add_metric([model], counts.running)
        streams.add_metric([model], counts.streams)
        _add(ttft, [model], counts.ttft)
        _add(latency, [model], counts.latency)
        _add(gaps, [model], counts.gaps)
    times: list[Metric] = [ttft, latency, gaps]
    return [requests, tokens, estimated, reserved, held, cost, running, streams, *times]


def _refusals() -> Metric:
    family = _counter(
        "refusals", "Requests refused, which cost nothing.", "model", "status", "code"
    )
    for (model, status, code), number in METRICS.refusals.items():
        family.add_metric([model, str(status), code], number)
    return family


def _trials() -> Metric:
    family = _counter(
        "trial_requests",
        "Requests of offers with a way on trial: that way's (new), and the others' (usual).",
        "model",
        "server",
        "arm",
        "outcome",
    )
    for labels, number in METRICS.trials.items():
        family.add_metric(list(labels), number)
    return family


def _of_engines(engines: Iterable[Engine]) -> list[Metric]:
    names = ("server", "engine_model")
    asked = _counter("engine_requests", "Requests an engine was asked.", *names)
    failures = _counter("engine_failures", "Of these, failures.", *names, "reason")
    shut = _counter("engine_shut", "How often its circuit breaker opened.", *names)
    running = _gauge("engine_running", "Answers under way.", *names)
    trouble = _gauge("engine_trouble", "Share of its weight lost by failing lately.", *names)
    breaker = _gauge("engine_breaker", "1 for the state of its circuit breaker.", *names, "state")
    now = time.monotonic()
    for (server, model), same in _by_name(engines).items():
        labels, latest = [server, model], max(same, key=lambda engine: engine.seen_at)
        asked.add_metric(labels, sum(each.asked for each in same))
        shut.add_metric(labels, sum(each.times_shut for each in same))
        running.add_metric(labels, sum(each.running for each in same))
        trouble.add_metric(labels, latest.trouble(now))
        for reason in sorted({reason for each in same for reason in each.failed_by}):
            number = sum(each.failed_by.get(reason, 0) for each in same)
            failures.add_metric([*labels, reason], number)
        for state in STATES:
            breaker.add_metric([*labels, state], latest.state(now) == state)
    return [asked, failures, shut, running, trouble, breaker]


def _by_name(engines: Iterable[Engine]) -> dict[tuple[str, str], list[Engine]]:
    """Return the engines by what people call them: a server that moved is still the same."""
    found: dict[tuple[str, str], list[Engine]] = {}
    for engine in engines:
        found.setdefault((engine.server, engine.model), []).append(engine)
    return found


def _of_books(process: Process) -> list[Metric]:
    batches = _histogram("recorder_batch_events", "Events in a batch recorded.")
    flushes = _histogram("recorder_flush_seconds", "How long PostgreSQL took for a batch.")
    _add(batches, [], METRICS.batches)
    _add(flushes, [], METRICS.flushes)
    numbers = (
        (_gauge, "recorder_waiting", "Events not in PostgreSQL yet.", process.waiting),
        (_counter, "recorder_put_off", "Batches PostgreSQL did not take at once.", METRICS.put_off),
        (_gauge, "journal_bytes", "Size of the journal.", process.journal_bytes),
        (_counter, "leases", "Leases taken from wallets.", METRICS.leases),
        (_counter, "recalls_asked", "Times credit was short here.", METRICS.recalls_asked),
        (_counter, "recalls_answered", "Times it was for others.", METRICS.recalls_answered),
        (_counter, "limited_alone", "Requests limited without Redis.", METRICS.limited_alone),
        (_gauge, "draining", "1 while the process ends.", float(process.draining)),
    )
    single: list[Metric] = []
    for make, name, help_text, number in numbers:
        family = make(name, help_text)
        family.add_metric([], number)
        single.append(family)
    return [batches, flushes, *single]
