"""How calls were answered: counted as they are recorded, summed up for everybody."""

import asyncio
from datetime import timedelta
from threading import Thread

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from common.database import service
from metering import ports
from metering.histograms import Histogram, place
from metering.models import OfferHour, ServiceBucket
from metering.ports import Window
from metering.services import measuring
from tenants.services import organizations
from tests.support import servers
from tests.support.usage import NOON

STREAM = {"streamed": True, "ttft_ms": 200, "latency_ms": 1200, "parts": {"output": 50}}


def buckets():
    with service():
        return list(ServiceBucket.objects.order_by("starts_at"))


def test_a_call_is_counted_with_how_fast_it_was_answered(used):
    used(**STREAM, inter_token_us=21_000)

    [bucket] = buckets()
    assert (bucket.requests, bucket.failures, bucket.starts_at) == (1, 0, NOON)
    assert bucket.ttft == {str(place(200)): 1}
    assert bucket.speed == {str(place(50)): 1}
    assert bucket.gaps == {str(place(21_000)): 1}


def test_calls_of_a_quarter_add_up_over_batches(used):
    used(**STREAM, times=3)
    used(**STREAM | {"ttft_ms": 900}, outcome="upstream_failed")

    [bucket] = buckets()
    assert (bucket.requests, bucket.failures) == (4, 1)
    assert bucket.ttft == {str(place(200)): 3, str(place(900)): 1}


def test_the_same_event_again_counts_nothing(used):
    used(**STREAM, event_id="once")
    used(**STREAM, event_id="once")

    assert [it.requests for it in buckets()] == [1]


@pytest.mark.parametrize(
    "facts",
    [{"source": "own:proxy"}, {"policy": {"service_tier": "batch"}}],
    ids=["told by another meter", "a line of a batch"],
)
def test_what_nobody_waited_for_is_not_counted(used, facts):
    used(**STREAM, **facts)

    assert buckets() == []


@pytest.mark.parametrize(
    "facts",
    [{"parts": {"output": 15}}, {"latency_ms": 200}, {"streamed": False}],
    ids=["too short", "at once", "whole"],
)
def test_no_speed_is_told_of_an_answer_that_says_nothing_of_it(used, facts):
    used(**STREAM | facts)

    assert [it.speed for it in buckets()] == [{}]


@pytest.fixture
def globex(charlie):
    """Another customer."""
    return organizations.found(name="Globex", owner=charlie, country="DE")


@pytest.fixture
def lately():
    return (timezone.now() - timedelta(hours=3)).replace(minute=50, second=0, microsecond=0)


def hours():
    with service():
        return list(OfferHour.objects.order_by("starts_at"))


def test_hours_are_those_of_all_customers(used, acme, globex, lately):
    used(**STREAM, occurred_at=lately)
    used(
        **STREAM | {"ttft_ms": 800}, occurred_at=lately - timedelta(minutes=40), organization=globex
    )
    measuring.sum_up()

    [hour] = hours()
    assert (hour.requests, hour.starts_at) == (2, lately.replace(minute=0))
    assert Histogram.read(hour.ttft) == Histogram.of([200, 800])


def test_what_comes_late_is_added_and_nothing_twice(used, lately):
    used(**STREAM, occurred_at=lately)
    measuring.sum_up()
    used(**STREAM, occurred_at=lately)
    used(**STREAM, occurred_at=lately - timedelta(days=20))
    measuring.sum_up(since=timezone.now() - timedelta(minutes=1))
    measuring.sum_up()

    assert [it.requests for it in hours()] == [1, 2]


def test_two_sweeps_at_once_tell_what_one_tells(used, lately):
    used(**STREAM, times=4, occurred_at=lately)

    def sweep():
        measuring.sum_up()
        connections.close_all()

    threads = [Thread(target=sweep) for _each in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [it.requests for it in hours()] == [4]


async def noted(calls, process="p1"):
    role = servers.database(servers.SERVICE_ROLE).keywords()
    async with await psycopg.AsyncConnection.connect(**role, autocommit=True) as connection:
        await measuring.note_failed(connection, process, calls)


def test_failed_calls_are_written_as_they_stand(acme, lately):
    key = (acme.pk, lately.replace(minute=45), "small", "eu")
    asyncio.run(noted({key: 2}))
    asyncio.run(noted({key: 5}))
    asyncio.run(noted({key: 1}, process="p2"))
    measuring.sum_up()

    assert [(it.requests, it.unanswered) for it in hours()] == [(0, 6)]


class Announced:
    """Says of one window that it was announced."""

    def __init__(self, window):
        self.window = window

    def windows(self, start, end):
        return [self.window]


@pytest.mark.parametrize(
    ("offer_name", "minutes", "counted"),
    [("", 15, 0), ("atlas-mini", 15, 0), ("another", 15, 1), ("", 14, 1)],
    ids=["all", "this model", "another model", "not the whole quarter"],
)
def test_what_was_announced_is_no_part_of_it(
    used, lately, monkeypatch, offer_name, minutes, counted
):
    used(**STREAM, occurred_at=lately)
    start = lately.replace(minute=45)
    window = Window(start, start + timedelta(minutes=minutes), offer_name)
    monkeypatch.setattr(ports, "maintenance", Announced(window))
    measuring.sum_up()

    assert [it.requests for it in hours()] == [counted]
