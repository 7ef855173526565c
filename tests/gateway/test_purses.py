"""Credit that a process holds: in burn order, never lost, never given away twice."""

import asyncio
import os
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
import redis.asyncio as redis
from django.utils import timezone
from psycopg_pool import AsyncConnectionPool

from billing import funds
from billing.burning import burn_key
from billing.models import Lease
from common.database import service
from common.ids import uuid7
from gateway.purse import Ask, Purse, Purses
from gateway.recalls import CHANNEL, Recalls
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
async def pool(db):
    """A gateway's connections."""
    keywords = {**servers.database(servers.SERVICE_ROLE).keywords(), "autocommit": True}
    pool = AsyncConnectionPool(kwargs=keywords, min_size=1, max_size=4, open=False, timeout=2)
    await pool.open()
    yield pool
    await pool.close()


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
    await Recalls(client, "p2").ask(organization)

    assert await asyncio.wait_for(heard.get(), 2) == organization
    assert heard.empty()
    listening.cancel()


async def test_who_asks_waits_until_the_slowest_has_given_back(client):
    given, organization = [], uuid7()

    async def slowly(of):
        await asyncio.sleep(0.5)
        given.append(of)

    asking = Recalls(client, "p1")
    others = [Recalls(client, "p2"), Recalls(client, "p3"), asking]
    listening = [asyncio.create_task(each.listen(slowly)) for each in others]
    await until(client.pubsub_numsub, CHANNEL, listeners=3)

    assert await asking.ask(organization)

    assert given == [organization] * 2
    for each in listening:
        each.cancel()


async def until(numbers, channel, listeners=1):
    """Wait until so many listen."""
    while (await numbers(channel))[0][1] < listeners:  # noqa: ASYNC110 - Redis is asked, it does not tell
        await asyncio.sleep(0.01)
