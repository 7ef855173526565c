"""What workers did, as counts that Prometheus reads: tasks by name and outcome, queues, beat.

A worker's children do the tasks and its parent is asked, so the counts stand in Redis, each worker's
under its own name. They can be lost without harm, and no task fails because they cannot be written.
"""

import json
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import redis
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Celery, signals
from django.conf import settings
from kombu.exceptions import OperationalError
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)
QUEUES = ("tessera", "batches")
OUTCOMES = {"SUCCESS": "done", "FAILURE": "failed", "RETRY": "put_off"}
#: A task that a killed process, or its time limit, cut off.
LOST = (WorkerLostError, TimeLimitExceeded)
PATIENCE = 0.5
BEAT = "tasks:beat"
SENT_AT = "sent_at"
#: Counts of workers that do not come back are forgotten.
KEPT = 7 * 86_400


class _Process:
    """What this process is: which worker's, or the one that rings when it is time."""

    worker = ""
    is_beat = False
    began: dict[str, float] = {}


@cache
def _store() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


def _key() -> str:
    return f"tasks:counts:{_Process.worker}"


@signals.celeryd_init.connect
def _name_worker(sender: str, **_rest: Any) -> None:
    """Begin at nothing, as Prometheus expects of what is started anew."""
    _Process.worker = sender
    with suppress(RedisError):
        _store().delete(_key())


@signals.beat_init.connect
def _name_beat(**_rest: Any) -> None:
    _Process.is_beat = True


@signals.before_task_publish.connect
def _stamp(headers: dict[str, Any], **_rest: Any) -> None:
    """Write on the message when it was sent: so the age of what waits can be told."""
    headers.setdefault(SENT_AT, time.time())


@signals.after_task_publish.connect
def _note_beat(sender: str, **_rest: Any) -> None:
    if _Process.is_beat:
        with suppress(RedisError):
            _store().hset(BEAT, sender, str(time.time()))


@signals.task_prerun.connect
def _begin(task_id: str, **_rest: Any) -> None:
    _Process.began[task_id] = time.monotonic()


@signals.task_postrun.connect
def _end(task_id: str, task: Any, state: str | None = None, **_rest: Any) -> None:
    began = _Process.began.pop(task_id, None)
    if began is not None and _Process.worker:
        _count(task.name, OUTCOMES.get(state or "", "ignored"), time.monotonic() - began)


@signals.task_failure.connect
def _lose(sender: Any, exception: BaseException, **_rest: Any) -> None:
    # Told by the parent: the process that had the task is no more.
    if isinstance(exception, LOST) and _Process.worker:
        _count(sender.name, "lost", None)


def _count(task: str, outcome: str, seconds: float | None) -> None:
    with suppress(RedisError), _store().pipeline(transaction=False) as batch:
        batch.hincrby(_key(), json.dumps(["outcome", task, outcome]), 1)
        if seconds is not None:
            place = bisect_left(BUCKETS, seconds)
            batch.hincrby(_key(), json.dumps(["bucket", task, place]), 1)
            batch.hincrbyfloat(_key(), json.dumps(["seconds", task]), seconds)
        batch.expire(_key(), KEPT)
        batch.execute()


class Counts(Collector):
    """The counts of this worker, and what waits for any."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Yield what can be told; without Redis, nothing."""
        with suppress(RedisError):
            yield from _of_tasks(_counted())
            yield _of_beat()
        with suppress(RedisError, OperationalError):
            yield from _of_queues(self._app)


def _counted() -> dict[tuple[Any, ...], float]:
    found: dict[bytes, bytes] = _store().hgetall(_key())  # type: ignore[assignment]
    return {tuple(json.loads(name)): float(value) for name, value in found.items()}


def _of_tasks(counted: dict[tuple[Any, ...], float]) -> Iterator[Metric]:
    outcomes = CounterMetricFamily("tessera_tasks", "Tasks that ended.", labels=("task", "outcome"))
    seconds = HistogramMetricFamily("tessera_task_seconds", "How long they ran.", labels=("task",))
    for (kind, task, *rest), value in counted.items():
        if kind == "outcome":
            outcomes.add_metric((task, *rest), value)
    for task in sorted(name[1] for name in counted if name[0] == "seconds"):
        seconds.add_metric((task,), _buckets(counted, task), counted["seconds", task])
    yield outcomes
    yield seconds


def _buckets(counted: dict[tuple[Any, ...], float], task: str) -> list[tuple[str, float]]:
    found, total = [], 0.0
    for place, bound in enumerate([*(str(it) for it in BUCKETS), "+Inf"]):
        total += counted.get(("bucket", task, place), 0)
        found.append((bound, total))
    return found


def _of_beat() -> Metric:
    last = GaugeMetricFamily(
        "tessera_beat_last_run_timestamp_seconds", "When beat last rang.", labels=("task",)
    )
    rung: dict[bytes, bytes] = _store().hgetall(BEAT)  # type: ignore[assignment]
    for task, at in sorted(rung.items()):
        last.add_metric((task.decode(),), float(at))
    return last


def _of_queues(app: Celery) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("tessera_queue_messages", "What waits.", labels=("queue",))
    oldest = GaugeMetricFamily(
        "tessera_queue_oldest_seconds", "How long the first has waited.", labels=("queue",)
    )
    with app.connection_for_read() as connection:
        # Of each broker another one.
        channel: Any = connection.default_channel
        for queue in QUEUES:
            found = channel.queue_declare(queue=queue, durable=True)
            waiting.add_metric((queue,), found.message_count)
            oldest.add_metric((queue,), _age(channel, queue) if found.message_count else 0.0)
    yield waiting
    yield oldest


def _age(channel: Any, queue: str) -> float:
    """Return how long the next message has waited; zero where the broker does not let us look."""
    client = getattr(channel, "client", None)
    if client is None:
        return 0.0
    first = client.lindex(queue, -1)
    sent_at = json.loads(first)["headers"].get(SENT_AT) if first else None
    return max(0.0, time.time() - sent_at) if sent_at else 0.0
