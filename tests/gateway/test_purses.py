"""Credit that a process holds: in burn order, never lost, never given away twice."""

import asyncio
import os
import random
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
import redis.asyncio as redis
from django.utils import timezone

from billing import funds
from billing.burning import burn_key
from billing.models import Lease
from common.database import service
from common.ids import uuid7
from gateway import purse, recalls
from gateway.errors import CreditUnclear
from gateway.purse import Ask, Purse, Reservation
from gateway.purses import Purses
from gateway.recalls import CHANNEL, Recalled, Recalls
from gateway.worth import Need, Rates, Slice
from tests.support import servers

NOTHING = Need(Decimal(0), Decimal(0))
RATES = Rates(prices={"input": Decimal(1), "output": Decimal(1)}, price_ids={}, weights=None)


def ask(cap):
    """Ask for so many tokens at 1 € each."""
    return Ask(RATES, 0, cap, cap, 1)


def piece(priority, quantity):
    rank = burn_key(
        unit="money",
        priority=priority,
        expires_at=None,
        created_at=timezone.now(),
        grant_id=uuid7(),
    )
    return Slice(rank[-1], "money", Decimal(quantity), rank)


def test_credit_that_comes_back_burns_in_its_old_order():
    first, second = piece(1, 5), piece(2, 5)
    purse = Purse((uuid7(), None, "EUR"))
    purse.add([first, second])
    of_first, of_second = purse.reserve(ask(5)), purse.reserve(ask(5))

    of_first.purse.settle(of_first, NOTHING)
    of_second.purse.settle(of_second, NOTHING)

    assert [each.rank for each in purse.slices] == [first.rank, second.rank]


def test_a_later_lease_of_earlier_credit_burns_first():
    first, second = piece(1, 5), piece(2, 5)
    purse = Purse((uuid7(), None, "EUR"))

    purse.add([second])
    purse.add([first])

    assert [each.rank for each in purse.slices] == [first.rank, second.rank]


@pytest.fixture(autouse=True)
def _rows_are_read_beside_the_loop(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def purses(pool):
    return Purses(pool, "p1")


def held():
    """Return what the wallet shows as held by processes."""
    with service():
        return sum(lease.quantity for lease in Lease.objects.all())


async def break_a_move(purses, key, grant, owner_connection):
    """Let the connection be lost while credit is taken."""
    keywords = servers.database(servers.SERVICE_ROLE).keywords()
    async with await psycopg.AsyncConnection.connect(**keywords) as blocker:
        await blocker.execute("SELECT FROM billing_creditgrant WHERE id = %s FOR UPDATE", [grant])
        move = asyncio.create_task(purses.reserve(key, ask(1)))
        await asyncio.sleep(0.3)
        owner_connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with pytest.raises(psycopg.OperationalError):
            await move


async def test_a_stray_comes_back_while_the_process_is_busy(
    purses, pool, pay, acme, owner_connection
):
    grant = pay("10")
    key, busy = (acme.pk, None, "EUR"), (acme.pk, uuid7(), "EUR")
    reserved = await purses.reserve(busy, ask(3))
    await break_a_move(purses, key, grant.pk, owner_connection)
    # The server took this lease, and the answer was lost.
    async with pool.connection() as connection:
        await funds.take(
            connection,
            process_id="p1",
            organization_id=acme.pk,
            token_class_id=None,
            currency="EUR",
            money_needed=Decimal(4),
            tokens_needed=Decimal(0),
        )

    await purses.reclaim_strays([])

    assert held() == 3
    reserved.purse.settle(reserved, NOTHING)
    assert await purses.give_back() == 1
    assert held() == 0


async def test_credit_on_its_way_back_is_no_stray(purses, pay, acme, owner_connection):
    grant = pay("10")
    key, other = (acme.pk, None, "EUR"), (acme.pk, uuid7(), "EUR")
    idle = await purses.reserve(other, ask(2))
    reserved = await purses.reserve(key, ask(3))
    idle.purse.settle(idle, NOTHING)
    await break_a_move(purses, (acme.pk, uuid7(), "EUR"), grant.pk, owner_connection)

    await asyncio.gather(purses.reclaim_strays([]), purses.give_back(), purses.reclaim_strays([]))

    assert held() == sum(each.quantity for each in reserved.slices) == 3


async def test_a_refused_request_leaves_no_credit_behind(purses, pay, acme):
    pay("10")

    assert await purses.reserve((acme.pk, None, "EUR"), ask(11)) is None
    await purses.give_back()

    assert held() == 0


async def test_credit_that_expires_first_is_reserved_first(purses, pay, acme):
    late = pay("5")
    soon = pay("5", expires_at=timezone.now() + timedelta(hours=1))

    reserved = await purses.reserve((acme.pk, None, "EUR"), ask(7))

    taken = [(each.grant_id, each.quantity) for each in reserved.slices]
    assert taken == [(soon.pk, Decimal(5)), (late.pk, Decimal(2))]


@pytest.fixture
async def client(valkey):
    async with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


async def test_a_recall_that_cannot_be_read_is_passed_over(client):
    heard = asyncio.Queue()
    listening = asyncio.create_task(Recalls(client, "p1").listen(heard.put))
    organization = uuid7()
    await until(client.pubsub_numsub, CHANNEL)

    for message in (b"", b"p2", b"p2 nonsense", b"\xff \xff", f"p1 {organization}".encode()):
        await client.publish(CHANNEL, message)
    await Recalls(client, "p2").ask(organization, [])

    assert await asyncio.wait_for(heard.get(), 2) == organization
    assert heard.empty()
    listening.cancel()


async def nothing(of):
    """Give back nothing."""
    return 0


@pytest.fixture
async def listen(client):
    """Start processes that answer recalls in the given ways, by name."""
    listening = []

    async def listen(**answers):
        for name, answer in answers.items():
            asking = Recalls(client, name)
            listening.append(asyncio.create_task(asking.listen(answer)))
        await until(client.pubsub_numsub, CHANNEL, listeners=len(listening))
        return asking

    yield listen
    for each in listening:
        each.cancel()


async def test_who_asks_waits_until_the_slowest_that_holds_some_has_given_back(listen):
    given, organization = [], uuid7()

    async def slowly(of):
        await asyncio.sleep(0.5)
        given.append(of)
        return 1

    asking = await listen(p2=slowly, p3=slowly, p1=nothing)

    assert await asking.ask(organization, {"p2", "p3"}) == Recalled(moved=True, complete=True)
    assert given == [organization] * 2


async def test_who_holds_nothing_idle_says_so(listen):
    asking = await listen(p2=nothing, p1=nothing)

    assert await asking.ask(uuid7(), {"p2"}) == Recalled(moved=False, complete=True)


async def test_who_holds_some_and_does_not_answer_is_missed(listen, monkeypatch):
    monkeypatch.setattr(recalls, "PATIENCE", 0.2)
    asking = await listen(p2=nothing, p1=nothing)

    assert await asking.ask(uuid7(), {"p2", "p9"}) == Recalled(moved=False, complete=False)


async def until(numbers, channel, listeners=1):
    """Wait until so many listen."""
    while (await numbers(channel))[0][1] < listeners:  # noqa: ASYNC110 - Redis is asked, it does not tell
        await asyncio.sleep(0.01)


@pytest.fixture
def process(pool, listen):
    """Start a process with purses, which hears the recalls of the others."""

    async def process(name):
        async def answer(organization_id):
            return await purses.give_back(organization_id)

        purses = Purses(pool, name, await listen(**{name: answer}))
        return purses

    return process


async def test_nothing_is_refused_while_the_money_is_there(process, pay, acme):
    pay("60")
    gateways = [await process(f"p{number}") for number in range(3)]
    keys = [(acme.pk, None, "EUR"), (acme.pk, uuid7(), "EUR")]
    dice = random.Random(1)  # noqa: S311 - no secret

    # What is left of each round lies idle here and there when the next begins.
    for _round in range(25):
        asked = [(dice.choice(gateways), dice.choice(keys)) for _turn in range(6)]
        reserving = (gateway.reserve(key, ask(10)) for gateway, key in asked)
        reserved = await asyncio.gather(*reserving, return_exceptions=True)
        assert [type(each) for each in reserved] == [Reservation] * 6
        for each in reserved:
            each.purse.settle(each, NOTHING)


async def test_a_lease_lasts_for_the_traffic_of_a_second(purses, pay, acme, monkeypatch):
    monkeypatch.setattr(purse, "RECENT", 60)
    pay("100000")
    key = (acme.pk, None, "EUR")

    reserved = [await purses.reserve(key, ask(1)) for _number in range(300)]

    # For one, then each for four times what had come: 1, 4, 20, 100, 500.
    assert held() == 625
    assert reserved[0].purse.ahead == 512


async def test_a_busy_purse_is_filled_before_a_request_waits(purses, pay, acme, monkeypatch):
    monkeypatch.setattr(purse, "RECENT", 60)
    pay("100000")
    key = (acme.pk, None, "EUR")
    reserved = [await purses.reserve(key, ask(1)) for _number in range(12)]
    before = held()

    assert all(purses.reserve_at_once(key, ask(1)) for _number in range(4))
    await reserved[0].purse.filling

    assert (before, held()) == (25, 25 + 4 * 16)


async def test_what_there_is_not_is_not_fetched_ahead_again_and_again(
    purses, pay, acme, monkeypatch
):
    monkeypatch.setattr(purse, "RECENT", 60)
    monkeypatch.setattr(purse, "SCARCE_FOR", 60)
    pay("28")
    key = (acme.pk, None, "EUR")
    reserved = [await purses.reserve(key, ask(1)) for _number in range(12)]
    assert all(purses.reserve_at_once(key, ask(1)) for _number in range(4))
    filling = reserved[0].purse.filling
    await filling

    assert all(purses.reserve_at_once(key, ask(1)) for _number in range(8))

    assert reserved[0].purse.filling is filling
    assert held() == 28


async def test_what_was_asked_back_is_leased_anew_for_few(purses, pay, acme, monkeypatch):
    monkeypatch.setattr(purse, "RECENT", 60)
    monkeypatch.setattr(purse, "SCARCE_FOR", 60)
    pay("100000")
    key = (acme.pk, None, "EUR")
    reserved = [await purses.reserve(key, ask(1)) for _number in range(300)]

    await purses.give_back(acme.pk)

    assert held() == 300
    assert reserved[0].purse.ahead == 1
    assert [await purses.reserve(key, ask(1)) for _number in range(300)]
    assert reserved[0].purse.ahead == 32


@asynccontextmanager
async def held_up(grant):
    """Let whatever moves credit of this grant wait."""
    keywords = servers.database(servers.SERVICE_ROLE).keywords()
    async with await psycopg.AsyncConnection.connect(**keywords) as blocker:
        await blocker.execute("SELECT FROM billing_creditgrant WHERE id = %s FOR UPDATE", [grant])
        yield


async def hold_idle(purses, key, quantity):
    """Let a purse hold so much that it does not need."""
    reserved = await purses.reserve(key, ask(quantity))
    reserved.purse.settle(reserved, NOTHING)


async def test_credit_on_its_way_back_is_not_missed_by_another_class(purses, pay, acme):
    grant = pay("100")
    key, other = (acme.pk, None, "EUR"), (acme.pk, uuid7(), "EUR")
    await hold_idle(purses, key, 100)

    async with held_up(grant.pk):
        # For its sake the credit of the first is on its way back …
        first = asyncio.create_task(purses.reserve(other, ask(5)))
        await asyncio.sleep(0.3)
        # … when that needs it again.
        second = asyncio.create_task(purses.reserve(key, ask(5)))
        await asyncio.sleep(0.3)

    assert [each.cap for each in await asyncio.gather(first, second)] == [5, 5]


async def test_credit_on_its_way_back_is_not_missed_by_another_process(process, pay, acme):
    grant, key = pay("100"), (acme.pk, None, "EUR")
    holding, *starving = [await process(f"p{number}") for number in range(3)]
    await hold_idle(holding, key, 100)

    async with held_up(grant.pk):
        asked = []
        for each in starving:
            asked.append(asyncio.create_task(each.reserve(key, ask(5))))
            await asyncio.sleep(0.3)

    assert [each.cap for each in await asyncio.gather(*asked)] == [5, 5]


async def test_who_waits_looks_again_when_the_purse_was_emptied_meanwhile(purses, pay, acme):
    pay("5")
    key = (acme.pk, None, "EUR")
    await hold_idle(purses, key, 5)
    (purse,) = purses._purses.values()
    async with purse.lock:
        waiting = asyncio.create_task(purses.reserve(key, ask(5)))
        # Too little for one that came before; then another process asks for what is left.
        assert purse.reserve(ask(5)) is not None
        await asyncio.sleep(0)
        purse.dry_at = time.monotonic()
        (reservation,) = purse.outstanding.values()
        purse.settle(reservation, NOTHING)
        await purses.give_back(acme.pk)

    assert (await waiting).cap == 5


async def test_a_move_goes_on_when_nobody_waits_for_it_any_more(purses, pay, acme, monkeypatch):
    monkeypatch.setattr("gateway.purses.LONGEST", 0.3)
    grant, key = pay("10"), (acme.pk, None, "EUR")

    async with held_up(grant.pk):
        for _turn in "ab":
            with pytest.raises(TimeoutError):
                await purses.reserve(key, ask(5))
        await purses.give_back_idle()

    assert (await purses.reserve(key, ask(5))).cap == 5
    assert held() == 5


async def test_whoever_holds_credit_and_is_silent_makes_no_refusal_for_funds(process, pay, acme):
    pay("10")
    gateway = await process("p1")
    silent = Purses(gateway._pool, "p9")
    assert await silent.reserve((acme.pk, None, "EUR"), ask(10))

    with pytest.raises(CreditUnclear):
        await gateway.reserve((acme.pk, None, "EUR"), ask(10))


async def test_what_others_need_themselves_is_a_refusal_for_funds(process, pay, acme):
    pay("10")
    one, other = await process("p1"), await process("p2")
    assert await one.reserve((acme.pk, None, "EUR"), ask(10))

    assert await other.reserve((acme.pk, None, "EUR"), ask(10)) is None
