"""Budgets are held like credit: never beyond their amount, spent once, in the window of the usage."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.utils import timezone

from billing import budgets, funds, windows
from billing.budgets import Wish
from billing.models import Budget, BudgetLease, BudgetWindow
from billing.services import budgeting, leases
from common.database import service
from common.ids import uuid7
from tenants.scope import scope
from tests.billing.conftest import NOON


@pytest.fixture
def allow(acme):
    """Give Acme a budget."""

    def allow(amount, **facts):
        facts = {"name": "Team", "currency": "EUR", "window": "month", **facts}
        with service():
            return Budget.objects.create(organization=acme, amount=Decimal(amount), **facts)

    return allow


@pytest.fixture
def hold(acme):
    """Lease so much of a budget's window."""

    async def hold(conn, budget, quantity, at=NOON, process="p1"):
        several = budget if isinstance(budget, list) else [budget]
        wishes = [Wish(b.pk, windows.containing(b, at), Decimal(quantity)) for b in several]
        leased = await funds.take_within(
            conn,
            process_id=process,
            organization_id=acme.pk,
            token_class_id=None,
            currency="EUR",
            money_needed=Decimal(0),
            tokens_needed=Decimal(0),
            wishes=wishes,
        )
        return leased.budgets

    return hold


def standing():
    """Return what is spent and what is held of each window, oldest first."""
    with service():
        found = BudgetWindow.objects.order_by("starts_at", "id")
        return list(found.values_list("spent", "leased"))


async def test_a_budget_is_never_held_beyond_its_amount(conn, allow, hold):
    budget = allow("10")

    taken = [await hold(conn, budget, "6", process=name) for name in ("a", "b", "c")]

    assert [leased.quantity for (leased,) in taken] == [6, 4, 0]
    assert standing() == [(0, 10)]


async def test_two_hundred_parallel_leases_never_pass_the_amount(connect, allow, hold):
    budget = allow("10")
    connections = [await connect() for _ in range(20)]

    async def many(number):
        conn = connections[number]
        return [await hold(conn, budget, "1", process=f"p{number}") for _ in range(10)]

    taken = [leased for each in await asyncio.gather(*map(many, range(20))) for (leased,) in each]

    assert sum(leased.quantity for leased in taken) == 10
    assert standing() == [(0, 10)]
    for conn in connections:
        await conn.close()


async def test_gateways_that_lease_record_and_give_back_at_once_do_not_block_each_other(
    connect, acme, allow, hold, settled, project
):
    several = [allow("1000"), allow("1000", project=project), allow("1000", window="day")]
    connections = [await connect() for _ in range(8)]

    async def work(number):
        conn, process = connections[number], f"p{number}"
        for turn in range(6):
            # Everyone wants them in another order.
            wished = several[number % 3 :] + several[: number % 3]
            leased = await hold(conn, wished, "2", process=process)
            windows = [each.window_id for each in leased]
            batch = [settled(f"r{number}-{turn}", "1", budgets=windows)]
            await funds.record(conn, process_id=process, batch=batch)
            idle = dict.fromkeys(windows, Decimal(1))
            await funds.give_back(conn, process_id=process, windows=idle)

    await asyncio.gather(*map(work, range(8)))

    assert standing() == [(48, 0)] * 3
    for conn in connections:
        await conn.close()


async def test_what_is_recorded_is_spent_and_no_longer_held(conn, allow, hold, settled):
    budget = allow("10")
    (leased,) = await hold(conn, budget, "6")
    batch = [settled("r1", "2.5", budgets=[leased.window_id])]

    await funds.record(conn, process_id="p1", batch=batch)
    await funds.record(conn, process_id="p1", batch=batch)

    assert standing() == [(Decimal("2.5"), Decimal("3.5"))]


async def test_usage_counts_in_the_window_it_occurred_in(conn, allow, settled):
    allow("10", window="day")
    late = settled("r1", "1", occurred_at=NOON - timedelta(days=1))

    await funds.record(conn, process_id="p1", batch=[settled("r2", "2")])
    await funds.record(conn, process_id="p1", batch=[late])

    assert standing() == [(1, 0), (2, 0)]


async def test_days_are_cut_by_the_organizations_clocks(conn, acme, allow, settled):
    with service():
        type(acme).objects.update(time_zone="Asia/Almaty")
    allow("10", window="day")
    # In Almaty, five hours ahead, the second is of the next day.
    evening = [settled(f"r{h}", "1", occurred_at=NOON.replace(hour=h)) for h in (18, 19)]

    await funds.record(conn, process_id="p1", batch=evening)

    with service():
        starts = list(
            BudgetWindow.objects.order_by("starts_at").values_list("starts_at", flat=True)
        )
    assert starts == [datetime(2026, 11, day, 19, tzinfo=UTC) for day in (19, 20)]


async def test_what_was_really_spent_is_counted_above_the_amount_too(conn, allow, hold, settled):
    budget = allow("1")

    await funds.record(conn, process_id="p1", batch=[settled("r1", "5")])

    assert standing() == [(5, 0)]
    (leased,) = await hold(conn, budget, "1")
    assert (leased.quantity, leased.unspent) == (0, 0)


async def test_a_budget_made_later_counts_what_its_window_has_seen(conn, allow, hold, settled):
    await funds.record(conn, process_id="p1", batch=[settled("r1", "4")])
    budget = allow("10")

    (leased,) = await hold(conn, budget, "10")

    assert leased.quantity == 6


async def test_budgets_of_other_keys_and_projects_count_nothing(
    conn, acme, allow, settled, project
):
    with service():
        other = acme.projects.create(name="Other", slug="other")
    allow("10", project=project)
    allow("10", project=other)

    await funds.record(conn, process_id="p1", batch=[settled("r1", "4")])

    with service():
        counted = list(BudgetWindow.objects.values_list("budget__project__slug", "spent"))
    assert counted == [("default", 4)]


async def test_a_closed_budget_stops_nothing(conn, allow, hold):
    budget = allow("1", closed_at=timezone.now())

    assert await hold(conn, budget, "5") == []


async def test_what_an_ended_process_held_comes_back(conn, allow, hold):
    budget = allow("10")
    await hold(conn, budget, "6")
    await hold(conn, budget, "1", process="alive")

    await funds.reclaim(conn, process_id="p1")

    assert standing() == [(0, 1)]
    with service():
        assert [lease.process_id for lease in BudgetLease.objects.all()] == ["alive"]


async def test_what_a_silent_process_held_comes_back(conn, allow, hold):
    await hold(conn, allow("10"), "6")
    await conn.execute("UPDATE billing_budgetlease SET heartbeat_at = now() - interval '1 hour'")

    assert leases.reclaim_dead() == 1

    assert standing() == [(0, 0)]


async def test_only_what_is_held_is_given_back(conn, allow, hold):
    (leased,) = await hold(conn, allow("10"), "6")

    for _time in range(2):
        await funds.give_back(conn, process_id="p1", windows={leased.window_id: Decimal(4)})

    assert standing() == [(0, 0)]


async def test_the_database_itself_refuses_a_lease_beyond_the_amount(conn, allow, hold):
    await hold(conn, allow("10"), "6")

    with pytest.raises(psycopg.errors.CheckViolation, match="more of a budget would be held"):
        await conn.execute("UPDATE billing_budgetwindow SET leased = 11")


@pytest.mark.parametrize(
    ("window", "zone", "start", "end"),
    [
        ("day", "UTC", "2026-03-29T00:00Z", "2026-03-30T00:00Z"),
        # The day on which clocks go forward has 23 hours.
        ("day", "Europe/Paris", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("week", "UTC", "2026-03-23T00:00Z", "2026-03-30T00:00Z"),
        ("month", "America/New_York", "2026-03-01T05:00Z", "2026-04-01T04:00Z"),
    ],
)
def test_windows_begin_and_end_with_the_calendar(window, zone, start, end):
    terms = budgets.Terms(uuid7(), "b", "key", Decimal(1), "EUR", window, zone)

    span = windows.containing(terms, datetime(2026, 3, 29, 12, tzinfo=UTC))

    expected = [datetime.fromisoformat(each) for each in (start, end)]
    assert [span.starts_at, span.ends_at] == expected


def test_a_fixed_window_holds_its_beginning_and_not_its_end():
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
    terms = budgets.Terms(uuid7(), "b", "key", Decimal(1), "EUR", "fixed", "UTC", start, end)

    found = [windows.containing(terms, at) for at in (start, end - timedelta.resolution, end)]

    assert [span is not None for span in found] == [True, True, False]


async def test_a_budget_made_while_usage_is_being_recorded_counts_it(
    connect, acme, alice, settled, hold
):
    conn, holder, watcher = [await connect() for _ in range(3)]
    await funds.record(conn, process_id="p1", batch=[settled("r1", "1")])

    async def waiting(kind):
        """Wait until somebody waits for a lock of this kind."""
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = %s"
        for _ in range(500):
            count = await (await watcher.execute(query, [kind])).fetchone()
            if count[0] or standing():
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(kind)

    def make():
        with scope(acme):
            terms = {"name": "Team", "amount": Decimal(10), "window": "month", "is_hard": True}
            return budgeting.create(acme, by=alice, **terms)

    async def make_and_hold():
        return await hold(holder, await asyncio.to_thread(make), "1")

    # The second batch has read which budgets there are, and waits for its bucket.
    async with watcher.transaction():
        await watcher.execute("SELECT FROM metering_usagebucket FOR UPDATE")
        recording = asyncio.create_task(
            funds.record(conn, process_id="p1", batch=[settled("r2", "2")])
        )
        await waiting("transactionid")
        making = asyncio.create_task(make_and_hold())
        await waiting("advisory")
    await asyncio.gather(recording, making)

    assert standing() == [(3, 1)]
    for each in (conn, holder, watcher):
        await each.close()
