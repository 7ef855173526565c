"""Leasing credit: never more than there is, in one order, and back again."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.utils import timezone

from billing import funds
from billing.models import Lease
from common.database import service


async def test_a_lease_holds_what_is_needed(conn, give, take, left):
    grant = give("10")

    leased = await take(conn, "2.5")

    assert [(lease.grant_id, lease.quantity) for lease in leased] == [(grant.pk, Decimal("2.5"))]
    assert left() == [(Decimal(10), Decimal("2.5"))]


async def test_a_lease_never_holds_more_than_there_is(conn, give, take):
    give("10")

    first, second, third = [await take(conn, "6", process=name) for name in ("a", "b", "c")]

    assert [lease.quantity for lease in first + second] == [Decimal(6), Decimal(4)]
    assert third == []


async def test_two_hundred_parallel_takes_never_overspend(connect, give, take, left):
    give("10")
    connections = [await connect() for _ in range(20)]

    async def many(number):
        conn = connections[number]
        return [await take(conn, "1", process=f"p{number}") for _ in range(10)]

    taken = [t for ts in await asyncio.gather(*map(many, range(20))) for t in ts]

    assert sum(1 for t in taken if t) == 10
    assert left() == [(Decimal(10), Decimal(10))]
    for conn in connections:
        await conn.close()


async def test_tokens_of_the_class_go_before_money(conn, give, take, token_class):
    money = give("10")
    tokens = give("300", token_class=token_class, cost="3")

    leased = await take(conn, "4", tokens="400", token_class=token_class)

    assert [(lease.grant_id, lease.quantity) for lease in leased] == [
        (tokens.pk, Decimal(300)),
        (money.pk, Decimal(1)),
    ]


async def test_tokens_of_another_class_pay_nothing(conn, give, take, token_class):
    give("300", token_class=token_class)

    assert await take(conn, "4", tokens="400") == []


async def test_credit_that_expires_first_is_burnt_first(conn, give, take):
    tomorrow = timezone.now() + timedelta(days=1)
    never = give("1")
    late = give("1", expires_at=tomorrow + timedelta(days=1))
    soon = give("1", expires_at=tomorrow)
    first = give("1", priority=-1)

    leased = await take(conn, "4")

    assert [lease.grant_id for lease in leased] == [first.pk, soon.pk, late.pk, never.pk]


async def test_expired_credit_pays_nothing(conn, give, take):
    give("1", expires_at=timezone.now() - timedelta(seconds=1))

    assert await take(conn, "1") == []


async def test_what_is_given_back_is_free_again(conn, give, take, left):
    give("10")
    leased = await take(conn, "6")

    await funds.give_back(conn, process_id="p1", allocations=leased)
    await funds.give_back(conn, process_id="p1", allocations=leased)

    assert left() == [(Decimal(10), Decimal(0))]


async def test_a_process_gives_back_only_its_own(conn, give, take, left):
    give("10")
    leased = await take(conn, "6")

    await funds.give_back(conn, process_id="another", allocations=leased)

    assert left() == [(Decimal(10), Decimal(6))]


async def test_reclaiming_frees_all_a_process_held(conn, give, take, left):
    give("10")
    give("10")
    await take(conn, "15")
    await take(conn, "2", process="alive")

    await funds.reclaim(conn, process_id="p1")
    await funds.reclaim(conn, process_id="p1")

    assert left() == [(Decimal(10), Decimal(0)), (Decimal(10), Decimal(2))]
    with service():
        assert list(Lease.objects.values_list("process_id", "quantity")) == [("alive", Decimal(2))]


async def test_a_heartbeat_keeps_leases_young(conn, give, take):
    give("10")
    await take(conn, "1")
    await conn.execute("UPDATE billing_lease SET heartbeat_at = now() - interval '1 hour'")

    await funds.heartbeat(conn, process_id="p1")

    cursor = await conn.execute("SELECT now() - heartbeat_at < '1 minute' FROM billing_lease")
    assert await cursor.fetchone() == (True,)


async def test_the_database_itself_refuses_an_overdrawn_grant(conn, give):
    give("10")

    with pytest.raises(psycopg.errors.CheckViolation, match="wallet_never_overdrawn"):
        await conn.execute("UPDATE billing_creditgrant SET leased = 11")
