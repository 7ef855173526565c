"""Killed processes, a Redis that forgets, a PostgreSQL that goes away: nothing lost or doubled."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal

import httpx2 as httpx
import openai
import pytest
from django.db import connections
from django.utils import timezone

from billing.models import LedgerEntry, RatedUsage
from common.database import service
from tenants.models import ApiKey
from tests.gateway.conftest import events, hello, leased, recorded, remaining, wait_for

# Ten tokens in, five out.
WORTH = Decimal("0.00006")
#: Longer than keys and prices are believed without asking; `AWAY=60 pytest …` takes its time.
AWAY = float(os.environ.get("AWAY", "8"))


async def traffic(gateways, key, model, count, **facts):
    """Call in parallel, forty at a time; return the request ids that were answered, and refusals."""
    turn, refused = asyncio.Semaphore(40), Counter()
    clients = [
        openai.AsyncOpenAI(base_url=each.url + "/v1", api_key=key, max_retries=0, timeout=30)
        for each in gateways
    ]

    async def call(number):
        chat = clients[number % len(clients)].chat.completions.with_raw_response
        async with turn:
            try:
                answer = await chat.create(model=model, **hello(**facts))
            except openai.APIStatusError as error:
                refused[error.status_code] += 1
            except openai.APIConnectionError:
                refused["cut"] += 1
            else:
                return answer.headers["x-request-id"]

    answered = await asyncio.gather(*(call(number) for number in range(count)))
    return [each for each in answered if each], refused


@contextmanager
def meanwhile(work, every):
    """Do the work again and again in a thread of its own."""
    ended = threading.Event()

    def repeat():
        while not ended.wait(every):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        # Ours was cut too.
        connections["service"].close()


def books():
    """Return what was billed, and what all entries of the ledger sum up to."""
    with service():
        billed = sum(row.amount for row in RatedUsage.objects.all())
        return billed, sum(entry.amount for entry in LedgerEntry.objects.all())


def assert_each_is_billed_once(answered, paid):
    """Every answered request has its one event, and the wallet paid for exactly these."""
    wait_for(lambda: {event.event_id for event in events()} >= set(answered), seconds=15)
    wait_for(lambda: leased() == 0, seconds=15)
    assert len(events()) == len({event.event_id for event in events()})
    billed, ledger = books()
    assert ledger == 0
    assert remaining() == paid - billed


@pytest.fixture
def funded(pay, make_offer, key):
    """Ten euros, a model without a narrow limit, and a key."""
    pay("10")
    return key, make_offer(default_rpm=100_000, default_concurrency=1000).name


def test_a_killed_gateway_is_billed_for_what_it_had_delivered(
    start_gateway, gateway, key, pay, model, engine
):
    pay("10")
    engine.words, engine.pause = 1000, 0.02
    victim = start_gateway()
    stream = victim.client(key).chat.completions.create(model=model, stream=True, **hello())
    seen = 0
    began = time.monotonic()
    for _chunk in stream:
        seen += 1
        if time.monotonic() - began > 2.5:
            break

    victim.end(signal.SIGKILL)

    (event,) = recorded()
    assert event.outcome == "interrupted"
    # What the last second brought may not stand in the journal yet.
    assert seen * 0.3 < event.output_tokens <= seen * 1.5
    wait_for(lambda: leased() == 0, seconds=15)
    time.sleep(6)
    assert len(events()) == 1
    billed, ledger = books()
    assert (remaining(), ledger) == (10 - billed, 0)


def test_what_came_before_an_engine_fell_silent_survives_a_kill(
    start_gateway, gateway, key, pay, model, engine
):
    pay("10")
    engine.words, engine.pause, engine.stall_after = 9, 0.02, 8
    victim = start_gateway()
    stream = victim.client(key).chat.completions.create(model=model, stream=True, **hello())
    seen = [next(stream) for _number in range(9)]
    time.sleep(1.3)

    victim.end(signal.SIGKILL)

    (event,) = wait_for(events, seconds=15)
    assert (event.outcome, event.output_tokens) == ("interrupted", len(seen) - 1)


def test_a_gateway_killed_under_load_loses_and_doubles_nothing(
    start_gateway, gateway, funded, engine
):
    victim = start_gateway()
    engine.pause = 0.05
    threading.Timer(0.7, victim.process.send_signal, [signal.SIGKILL]).start()

    answered, refused = asyncio.run(traffic([gateway, victim], *funded, 400))

    assert set(refused) == {"cut"}
    assert len(answered) >= 200
    assert_each_is_billed_once(answered, 10)


def test_a_redis_that_forgets_everything_costs_nothing(gateway, funded, engine, valkey):
    with meanwhile(valkey.flushall, every=0.05):
        answered, refused = asyncio.run(traffic([gateway], *funded, 300))

    assert (len(answered), refused) == (300, {})
    assert_each_is_billed_once(answered, 10)
    assert remaining() == 10 - 300 * WORTH


def test_a_postgresql_that_cuts_every_connection_costs_nothing(
    gateway, start_gateway, funded, engine, owner_connection
):
    def cut():
        owner_connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'tessera_service'"
        )

    gateways = [gateway, start_gateway()]
    engine.pause = 0.02
    with meanwhile(cut, every=0.5):
        answered, refused = asyncio.run(traffic(gateways, *funded, 600))

    assert set(refused) <= {503}
    assert len(answered) >= 300
    assert_each_is_billed_once(answered, 10)


def test_while_postgresql_is_away_calls_on_leased_credit_go_on_and_are_billed_later(
    start_gateway, door, key, pay, model, engine
):
    pay("10")
    alone = start_gateway(**door.variables)
    client = alone.client(key)
    for _number in range(5):
        client.chat.completions.create(model=model, **hello())
    recorded(5)
    # The process must know it too: it would say that these wait as well, and send them again.
    wait_for(lambda: httpx.get(alone.url + "/readyz", timeout=10).json()["waiting"] == 0)

    door.shut()
    ends = time.monotonic() + AWAY
    answered, slowest = 5, 0.0
    while (began := time.monotonic()) < ends:
        client.chat.completions.create(model=model, **hello())
        answered, slowest = answered + 1, max(slowest, time.monotonic() - began)
        time.sleep(0.2)

    state = httpx.get(alone.url + "/readyz", timeout=10)
    assert (state.status_code, state.json()["waiting"]) == (503, answered - 5)
    assert slowest < 2
    assert len(events()) == 5
    door.open()
    wait_for(lambda: len(events()) == answered, seconds=20)
    wait_for(lambda: leased() == 0, seconds=20)
    assert remaining() == 10 - answered * WORTH


def test_while_postgresql_is_there_and_does_not_answer_who_is_known_is_served(
    gateway, key, pay, model, owner_connection
):
    pay("10")
    client = gateway.client(key, timeout=4)
    client.chat.completions.create(model=model, **hello())
    time.sleep(5)

    with owner_connection.transaction():
        owner_connection.execute(
            "LOCK TABLE tenants_apikey, marketplace_offer IN ACCESS EXCLUSIVE MODE"
        )
        for _number in range(3):
            client.chat.completions.create(model=model, **hello())

    recorded(4)


def test_a_revoked_key_is_refused_everywhere_within_five_seconds(
    gateway, start_gateway, key, pay, model
):
    pay("10")
    clients = [each.client(key) for each in (gateway, start_gateway())]
    for client in clients:
        client.models.list()
    with service():
        ApiKey.objects.update(revoked_at=timezone.now())
    time.sleep(5)

    for client in clients:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


@pytest.mark.parametrize("stream", [True, False])
def test_with_commit_durability_an_answer_ends_once_postgresql_has_its_usage(
    start_gateway, key, pay, model, stream
):
    pay("10")
    client = start_gateway(METERING_DURABILITY="commit").client(key)

    for number in range(1, 6):
        list(client.chat.completions.create(model=model, stream=stream, **hello()))

        assert len(events()) == number


def test_without_redis_the_gateway_answers_and_bills(start_gateway, key, pay, model):
    pay("10")
    alone = start_gateway(REDIS_URL="unix:///nowhere/valkey.sock?db=0").client(key)

    answer = alone.chat.completions.create(model=model, **hello())

    assert answer.usage.completion_tokens == 5
    recorded()
    assert remaining() == 10 - WORTH


def test_without_its_database_a_gateway_lives_is_not_ready_and_says_when_to_try_again(
    start_gateway, key
):
    names = ("DATABASE_URL", "DATABASE_SERVICE_URL", "DATABASE_ADMIN_URL")
    nowhere = {name: os.environ[name].split("?")[0] + "?host=/nowhere" for name in names}
    alone = start_gateway(path="/healthz", **nowhere)

    ready = httpx.get(alone.url + "/readyz", timeout=10)
    asked = httpx.get(
        alone.url + "/v1/models", headers={"authorization": f"Bearer {key}"}, timeout=10
    )

    assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
    assert ready.json()["status"] == "not ready"
    assert (asked.status_code, asked.headers["retry-after"]) == (503, "5")
    assert asked.headers["x-request-id"].startswith("req_")
    assert asked.json()["error"]["code"] == "books_unavailable"


def test_a_gateway_that_has_just_begun_ends_when_asked(start_gateway):
    codes = [start_gateway(path="/healthz").end() for _number in range(4)]

    assert set(codes) <= {0, -signal.SIGTERM}


def test_a_gateway_that_ends_lets_its_answers_end_first(start_gateway, key, pay, model, engine):
    pay("10")
    engine.words, engine.pause = 30, 0.05
    ending = start_gateway()
    stream = ending.client(key).chat.completions.create(model=model, stream=True, **hello())
    next(stream)

    ending.process.send_signal(signal.SIGTERM)

    assert sum(bool(chunk.choices[0].delta.content) for chunk in stream if chunk.choices) == 30
    assert ending.process.wait(20) in (0, -signal.SIGTERM)
    (event,) = recorded()
    assert (event.outcome, event.output_tokens) == ("completed", 30)
    assert leased() == 0


def test_a_postgresql_that_does_not_answer_keeps_nobody_waiting(
    start_gateway, door, key, pay, model, engine
):
    pay("10")
    alone = start_gateway(**door.variables)
    client = alone.client(key)
    client.chat.completions.create(model=model, **hello(max_tokens=20))

    door.freeze()
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=model, **hello(max_tokens=1000))
    began = time.monotonic()
    ready = httpx.get(alone.url + "/readyz", timeout=10)
    took = time.monotonic() - began

    assert caught.value.status_code == 503
    assert caught.value.code == "books_unavailable"
    assert caught.value.response.headers["retry-after"] == "5"
    assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
    assert took < 2

    door.thaw()
    wait_for(lambda: alone.status("/readyz") == 200, seconds=10)
    assert client.chat.completions.create(model=model, **hello(max_tokens=1000))
    wait_for(lambda: leased() == 0, seconds=15)
