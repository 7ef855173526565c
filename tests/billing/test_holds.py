"""Money set aside for work that takes long: whole or not at all, once, and nobody else's."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from billing import funds, holds, queries
from billing.funds import Settled
from billing.holds import Asked, Shortage
from billing.models import Budget, BudgetLease, BudgetWindow, CreditGrant, Lease, RatedUsage
from billing.services import leases
from common.database import service
from common.ids import uuid7
from metering.models import UsageEvent
from tenants.scope import scope
from tests.billing.conftest import NOON

PRICE = uuid7()


@pytest.fixture
def asked(acme, project):
    """Ask for so much of Acme's money, for one piece of work."""

    def asked(amount, key="work-1"):
        return Asked(key, acme.pk, project.pk, None, acme.currency, Decimal(amount))

    return asked


@pytest.fixture
def worth(acme, project):
    """What the work has used in the end."""

    def worth(amount, **facts):
        facts = {"event_id": "work-1", "occurred_at": NOON, **facts}
        return Settled(
            organization_id=acme.pk, project_id=project.pk, api_key_id=None, source="studio",
            offer_id=uuid7(), offer_name="base", region="eu-paris", parts={"trained": 10},
            price_ids={"trained": PRICE}, amounts={"trained": Decimal(amount)},
            currency=acme.currency, **facts,
        )  # fmt: skip

    return worth


@pytest.fixture
def balance(acme):
    """Return what Acme has: live, and set aside."""

    def balance():
        with scope(acme):
            found = queries.balance(acme)
        return found.live.amount, found.held.amount

    return balance


def test_what_is_set_aside_is_no_longer_live(asked, give, balance, acme):
    give(30)

    assert holds.place(asked(20)) is None

    assert balance() == (Decimal(10), Decimal(20))
    with service():
        assert queries.balances([acme])[acme.pk].amount == Decimal(10)


def test_a_hold_is_placed_once_whoever_asks_again(asked, give, balance):
    give(30)
    holds.place(asked(20))

    assert holds.place(asked(20)) is None

    assert balance() == (Decimal(10), Decimal(20))


def test_ten_workers_place_it_once(asked, give, balance):
    give(100)

    def place(_worker):
        try:
            return holds.place(asked(30))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(place, range(10))) == {None}

    assert balance() == (Decimal(70), Decimal(30))


def test_where_it_is_not_all_there_nothing_is_held(asked, give, balance):
    give(30)

    assert holds.place(asked(31)) == Shortage(Decimal(30))

    assert balance() == (Decimal(30), Decimal(0))


def test_tokens_of_a_bundle_are_not_held(asked, give, token_class):
    give(1_000, token_class=token_class)

    assert holds.place(asked(1)) == Shortage(Decimal(0))


def test_it_is_settled_once_and_the_rest_goes_back(asked, worth, give, balance, acme):
    give(30)
    holds.place(asked(20))

    holds.settle("work-1", worth(12))
    holds.settle("work-1", worth(12))

    assert balance() == (Decimal(18), Decimal(0))
    with scope(acme):
        assert UsageEvent.objects.get().trained_tokens == 10
        rated = RatedUsage.objects.get()
        assert (rated.amount, rated.uncovered) == (Decimal(12), Decimal(0))
        assert not Lease.objects.filter(quantity__gt=0).exists()


def test_whoever_dies_between_recording_and_returning_has_returned_it_the_next_time(
    asked, worth, give, balance, monkeypatch
):
    give(30)
    holds.place(asked(20))

    async def dies(*_conn, **_facts):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(funds, "reclaim", dies)
        with suppress(SystemExit):
            holds.settle("work-1", worth(12))
    assert balance() == (Decimal(10), Decimal(8))

    holds.settle("work-1", worth(12))

    assert balance() == (Decimal(18), Decimal(0))


def test_a_hold_that_is_released_goes_back_whole_and_twice_is_once(asked, give, balance):
    give(30)
    holds.place(asked(20))

    holds.release("work-1")
    holds.release("work-1")

    assert balance() == (Decimal(30), Decimal(0))


def test_no_sweep_takes_it_for_a_dead_process(asked, give, balance):
    give(30)
    holds.place(asked(20))
    with service():
        Lease.objects.update(heartbeat_at=timezone.now() - timedelta(days=9))

    assert leases.reclaim_dead() == 0

    assert balance() == (Decimal(10), Decimal(20))


def test_credit_that_expires_meanwhile_still_pays(asked, worth, give, acme):
    give(30)
    holds.place(asked(20))
    with service():
        CreditGrant.objects.update(expires_at=timezone.now())

    holds.settle("work-1", worth(20))

    with scope(acme):
        assert RatedUsage.objects.get().uncovered == 0


async def test_no_process_is_asked_for_it(conn, asked, give, acme):
    give(30)
    await asyncio.to_thread(holds.place, asked(30))

    leased = await funds.take_within(
        conn, process_id="gateway-1", organization_id=acme.pk, token_class_id=None,
        currency=acme.currency, money_needed=Decimal(1), tokens_needed=Decimal(0),
    )  # fmt: skip

    assert (leased.grants, leased.elsewhere) == ([], {})


def test_a_hard_budget_stops_it_and_holds_what_it_allows(asked, worth, give, acme):
    give(100)
    facts = {"name": "Team", "currency": "EUR", "window": "month", "amount": Decimal(25)}
    with service():
        Budget.objects.create(organization=acme, **facts)

    assert holds.place(asked(26)) == Shortage(Decimal(25), "Team")
    assert holds.place(asked(20)) is None
    with service():
        assert BudgetLease.objects.get(quantity__gt=0).quantity == 20

    holds.settle("work-1", worth(12, occurred_at=timezone.now()))

    with service():
        assert not BudgetLease.objects.filter(quantity__gt=0).exists()
        window = BudgetWindow.objects.get()
    assert (window.spent, window.leased) == (Decimal(12), Decimal(0))
