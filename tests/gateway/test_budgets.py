"""A hard budget is never passed, at any concurrency; an alert-only one stops nothing."""

import asyncio
import signal
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import openai
import pytest
from psycopg_pool import AsyncConnectionPool

from billing.budgets import Terms
from billing.models import Budget, BudgetLease, BudgetWindow
from common.database import service
from common.ids import uuid7
from gateway.allowances import LIFTED_FOR
from gateway.keys import Caller
from gateway.purse import Ask, Purse
from gateway.purses import Purses
from gateway.worth import Need, Rates
from tenants.models import ApiKey, Project
from tests.gateway.conftest import hello, recorded, wait_for
from tests.gateway.test_funds import WORTH, many
from tests.support import servers


@pytest.fixture
def allow(acme):
    """Give Acme a budget."""

    def allow(amount, **facts):
        facts = {"name": "Team", "currency": "EUR", "window": "month", **facts}
        with service():
            return Budget.objects.create(organization=acme, amount=Decimal(amount), **facts)

    return allow


def spent():
    """Return what was spent of all budgets."""
    with service():
        return sum(window.spent for window in BudgetWindow.objects.all())


def held():
    """Return what processes hold of budgets."""
    with service():
        return sum(lease.quantity for lease in BudgetLease.objects.all())


def test_200_parallel_calls_on_a_budget_for_ten_let_ten_through_at_most(
    gateway, start_gateway, make_key, pay, allow, make_offer, engine
):
    pay("100")
    budget = allow(WORTH * 10)
    engine.words, engine.pause = 20, 0.3
    name = make_offer(default_concurrency=500, max_output=20).name

    statuses = asyncio.run(many([gateway, start_gateway()], make_key(), name, 200, max_tokens=20))

    # Where a gateway took too long to say what it holds, 503 says that nobody knows.
    assert {20} < set(statuses) <= {20, 402, 503}
    assert 5 <= statuses[20] <= 10
    recorded(statuses[20])
    wait_for(lambda: held() == 0, seconds=10)
    assert spent() == WORTH * statuses[20] <= budget.amount


def test_what_another_gateway_holds_idle_of_a_budget_is_recalled(
    gateway, start_gateway, make_key, pay, allow, model, engine
):
    pay("10")
    allow("0.012")
    engine.words = 20
    key, other, facts = make_key(), start_gateway(), hello(model=model, max_tokens=20)
    # Quick calls make the first gateway take a lease for more than one ahead.
    for _number in range(3):
        gateway.client(key).chat.completions.create(**facts)
    assert held() > 0

    raw = other.client(key).chat.completions.with_raw_response
    answer = raw.create(**{**facts, "max_tokens": 1000})

    assert answer.parse().usage.completion_tokens == 20
    assert "x-tessera-max-tokens" not in answer.headers


def test_a_refusal_names_the_budget_its_end_and_whom_to_ask(
    gateway, make_key, pay, allow, model, acme
):
    pay("10")
    allow("0.0005", name="Research")
    client = gateway.client(make_key())

    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, **hello())

    error = caught.value
    assert (error.status_code, error.code) == (402, "budget_exceeded")
    assert error.response.headers["x-should-retry"] == "false"
    assert "The organization's budget 'Research'" in error.message
    assert "0.0005 EUR (a month), of which 0.0005 is not spent" in error.message
    assert "It begins anew at 20" in error.message
    assert f"/o/{acme.slug}/billing/budgets/" in error.message


def test_the_cap_is_lowered_to_what_the_budget_allows(gateway, make_key, pay, allow, model, engine):
    pay("10")
    allow("0.005")
    engine.words = 700

    raw = gateway.client(make_key()).chat.completions.with_raw_response
    answer = raw.create(model=model, **hello())

    cap = int(answer.headers["x-tessera-max-tokens"])
    assert 400 < cap < 500
    assert answer.parse().usage.completion_tokens == cap
    wait_for(lambda: 0 < spent() <= Decimal("0.005"))


def test_a_budget_that_only_tells_stops_nothing(gateway, make_key, pay, allow, model):
    pay("10")
    allow("0.00001", is_hard=False)

    gateway.client(make_key()).chat.completions.create(model=model, **hello())

    wait_for(lambda: spent() == Decimal("0.00006"))


def test_budgets_of_others_stop_nobody(gateway, acme, make_key, pay, allow, model):
    pay("10")
    with service():
        other = Project.objects.create(organization=acme, name="Other", slug="other")
    allow("0.00001", project=other)
    keys = [make_key(), make_key()]
    with service():
        first = ApiKey.objects.earliest("created_at")
    allow("0.00001", api_key=first)

    with pytest.raises(openai.APIStatusError) as caught:
        gateway.client(keys[0]).chat.completions.create(model=model, **hello())
    answer = gateway.client(keys[1]).chat.completions.create(model=model, **hello())

    assert "The key's budget" in caught.value.message
    assert answer.usage.completion_tokens == 5


def test_what_a_killed_gateway_held_comes_back(gateway, start_gateway, make_key, pay, allow, model):
    pay("10")
    allow("5")
    other = start_gateway()
    client = other.client(make_key())
    for _number in range(3):
        client.chat.completions.create(model=model, **hello())
    wait_for(lambda: held() > 0)

    other.end(signal.SIGKILL)

    wait_for(lambda: held() == 0, seconds=15)
    assert spent() == Decimal("0.00018")


@pytest.fixture
async def purses(db, monkeypatch):
    """The purses of one gateway."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    keywords = {**servers.database(servers.SERVICE_ROLE).keywords(), "autocommit": True}
    pool = AsyncConnectionPool(kwargs=keywords, min_size=1, max_size=4, open=False, timeout=2)
    await pool.open()
    yield Purses(pool, "p1")
    await pool.close()


NOTHING = Need(Decimal(0), Decimal(0))
RATES = Rates(prices={"input": Decimal(1), "output": Decimal(1)}, price_ids={}, weights=None)
EVENING = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)


@pytest.fixture
def caller(acme):
    """Make a caller with these budgets."""

    def caller(*budgets):
        terms = [
            Terms(b.pk, b.name, "organization", b.amount, "EUR", b.window, "UTC") for b in budgets
        ]
        return Caller(
            id=uuid7(),
            organization_id=acme.pk,
            project_id=uuid7(),
            name="k",
            scopes=[],
            allowed_models=[],
            ip_ranges=[],
            rpm_limit=None,
            tpm_limit=None,
            concurrency_limit=None,
            expires_at=None,
            revoked_at=None,
            organization_slug="acme",
            organization_status="active",
            currency="EUR",
            allowed_jurisdictions=[],
            project_limits=(None, None, None),
            organization_limits=(None, None, None),
            budgets=terms,
        )

    return caller


def ask(purses, caller, cap, at=EVENING):
    """Ask for so many tokens at 1 € each."""
    return Ask(RATES, 0, cap, cap, 1, purses.allowances.of(caller, at))


async def test_a_window_that_is_used_up_gives_way_to_the_next(purses, pay, acme, allow, caller):
    pay("100")
    caller = caller(allow("5", window="day"))
    key = (acme.pk, None, "EUR")

    first = await purses.reserve(key, ask(purses, caller, 5))
    refused = await purses.reserve(key, ask(purses, caller, 5))
    midnight = EVENING + timedelta(minutes=1)
    second = await purses.reserve(key, ask(purses, caller, 5, midnight))

    assert refused is None
    assert first.windows != second.windows
    first.purse.settle(first, NOTHING)
    second.purse.settle(second, NOTHING)
    await purses.give_back()
    assert held() == 0


async def test_every_budget_must_allow_it(purses, pay, acme, allow, caller):
    pay("100")
    wide, narrow = allow("50"), allow("5", window="day")
    caller = caller(wide, narrow)
    wish = ask(purses, caller, 6)

    assert await purses.reserve((acme.pk, None, "EUR"), wish) is None

    assert wish.refused_by().terms.id == narrow.pk


async def test_a_budget_found_short_says_nothing_of_the_balance(purses, pay, acme, allow, caller):
    pay("100")
    key, small = (acme.pk, None, "EUR"), ask(purses, caller(allow("10")), 5)
    purse = purses._purses[key] = Purse(key)

    async with purse.lock:
        waiting = asyncio.create_task(purses.reserve(key, small))
        await asyncio.sleep(0)
        # For a larger one it was too little.
        small.allowances[0].dry_at = time.monotonic()

    assert (await waiting).cap == 5


async def test_a_budget_that_is_lifted_stops_nothing(purses, pay, acme, allow, caller):
    pay("100")
    budget = allow("5", is_hard=False)

    reserved = await purses.reserve((acme.pk, None, "EUR"), ask(purses, caller(budget), 20))

    assert reserved.windows == []
    reserved.purse.settle(reserved, NOTHING)


async def test_a_budget_that_is_hard_again_stops_again(purses, pay, acme, allow, caller):
    pay("100")
    key, caller = (acme.pk, None, "EUR"), caller(allow("5", is_hard=False))
    reserved = await purses.reserve(key, ask(purses, caller, 20))
    reserved.purse.settle(reserved, NOTHING)
    with service():
        Budget.objects.update(is_hard=True)

    await asyncio.sleep(LIFTED_FOR)

    assert await purses.reserve(key, ask(purses, caller, 20)) is None


async def test_a_stray_lease_of_a_budget_comes_back(purses, pay, acme, allow, caller):
    pay("100")
    budget = allow("50")
    reserved = await purses.reserve((acme.pk, None, "EUR"), ask(purses, caller(budget), 5))
    with service():
        BudgetLease.objects.update(quantity=Decimal(9))
        BudgetWindow.objects.update(leased=Decimal(9))
    purses._strays = True

    await purses.reclaim_strays([])

    assert held() == 5
    reserved.purse.settle(reserved, NOTHING)
