"""No balance below zero at any concurrency, and nothing refused while the money is there."""

import asyncio
from collections import Counter
from decimal import Decimal

import openai
import pytest

from billing.models import CreditGrant, LedgerEntry
from common.database import service
from marketplace.models import TokenClass, TokenWeight
from tests.gateway.conftest import hello, leased, recorded, remaining, wait_for

# Ten tokens in, twenty out.
WORTH = Decimal("0.00021")
# At most 39 tokens in: fifteen bytes, and what a template adds; twenty out.
WORST = Decimal("0.000239")


async def many(gateways, key, model, count, **facts):
    """Call in parallel, spread over the gateways; return how many got which status."""
    clients = [
        openai.AsyncOpenAI(base_url=each.url + "/v1", api_key=key, max_retries=0, timeout=60)
        for each in gateways
    ]

    async def call(number):
        client = clients[number % len(clients)]
        try:
            answer = await client.chat.completions.create(model=model, **hello(**facts))
        except openai.APIStatusError as error:
            return error.status_code
        return answer.usage.completion_tokens

    return Counter(await asyncio.gather(*(call(number) for number in range(count))))


def ledger_sum():
    """Return what all entries of the ledger sum up to."""
    with service():
        return sum(entry.amount for entry in LedgerEntry.objects.all())


@pytest.mark.parametrize("processes", [2, 4])
def test_200_parallel_calls_on_money_for_ten_let_ten_through_at_most(
    gateway, start_gateway, key, pay, make_offer, engine, processes
):
    pay(WORTH * 10)
    engine.words, engine.pause = 20, 0.3
    name = make_offer(default_concurrency=500, max_output=20).name
    gateways = [gateway, *(start_gateway() for _ in range(processes - 1))]

    statuses = asyncio.run(many(gateways, key, name, 200, max_tokens=20))

    # Where a gateway took too long to say what it holds, 503 says that nobody knows.
    assert set(statuses) <= {20, 402, 503}
    assert 5 <= statuses[20] <= 10
    assert statuses[402] >= 150
    assert statuses[402] + statuses[503] == 200 - statuses[20]
    recorded(statuses[20])
    wait_for(lambda: leased() == 0, seconds=10)
    assert remaining() == WORTH * (10 - statuses[20])
    assert ledger_sum() == 0


def test_one_after_the_other_the_money_is_spent_to_the_last_call(client_of_money, engine):
    client, model = client_of_money(WORTH * 10)
    engine.words = 20

    answers = [
        client.chat.completions.create(model=model, max_tokens=20, **hello()) for _ in range(9)
    ]

    assert [answer.usage.completion_tokens for answer in answers] == [20] * 9


def test_credit_that_another_gateway_holds_idle_is_recalled(
    gateway, start_gateway, key, pay, model, engine
):
    engine.words = 20
    pay("0.012")
    other = start_gateway()
    facts = hello(model=model, max_tokens=20)
    # Two quick calls make the first gateway take a lease for more than one ahead.
    for _number in range(3):
        gateway.client(key).chat.completions.create(**facts)
    assert leased() > 0
    wish = {**facts, "max_tokens": 1000}

    answer = other.client(key).chat.completions.with_raw_response.create(**wish)

    assert answer.parse().usage.completion_tokens == 20
    assert "x-tessera-max-tokens" not in answer.headers


def test_the_cap_is_lowered_to_what_the_balance_can_pay(client_of_money, engine):
    client, model = client_of_money("0.005")
    engine.words = 700

    answer = client.chat.completions.with_raw_response.create(model=model, **hello())

    cap = int(answer.headers["x-tessera-max-tokens"])
    assert 400 < cap < 500
    assert engine.requests[0]["max_tokens"] == cap
    assert answer.parse().usage.completion_tokens == cap
    recorded()
    assert 0 <= remaining() < Decimal("0.0001")


def test_a_cap_below_what_is_useful_is_402(client_of_money):
    client, model = client_of_money("0.0005")

    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, **hello())

    assert caught.value.status_code == 402
    assert remaining() == Decimal("0.0005")


@pytest.fixture
def client_of_money(gateway, key, pay, model):
    """A client whose organization has so much money, and a model."""

    def make(amount):
        pay(amount)
        return gateway.client(key), model

    return make


@pytest.fixture
def token_class(db):
    """Tokens that count threefold when they are written."""
    with service():
        made = TokenClass.objects.create(code="standard", name="Standard")
        for part, weight in (("input", 1), ("cached_input", 1), ("output", 3), ("reasoning", 3)):
            TokenWeight.objects.create(token_class=made, token_part=part, weight=weight)
    return made


def test_tokens_burn_before_money(gateway, key, pay, make_offer, token_class):
    tokens = {"unit": "tokens", "token_class": token_class, "cost_basis": Decimal("1")}
    pay("100000", **tokens)
    pay("10")
    name = make_offer(token_class=token_class).name

    gateway.client(key).chat.completions.create(model=name, **hello())

    recorded()
    with service():
        left = {grant.unit: grant.remaining for grant in CreditGrant.objects.all()}
    # Ten in, five out, each of those three.
    assert left == {"tokens": Decimal(100000 - 25), "money": Decimal(10)}
    assert ledger_sum() == 0


def test_money_pays_what_tokens_do_not_cover(gateway, key, pay, make_offer, token_class):
    pay("10", unit="tokens", token_class=token_class, cost_basis=Decimal("1"))
    pay("10")
    name = make_offer(token_class=token_class).name

    gateway.client(key).chat.completions.create(model=name, **hello())

    recorded()
    with service():
        left = {grant.unit: grant.remaining for grant in CreditGrant.objects.all()}
    # 15 of the 25 weighted tokens remain to be paid in money.
    worth = Decimal("0.00006") * 15 / 25
    assert left == {"tokens": Decimal(0), "money": 10 - worth}


def test_no_call_is_refused_while_its_worst_case_can_be_paid(
    gateway, start_gateway, key, pay, make_offer, engine
):
    pay(WORST * 200)
    engine.words, engine.pause = 20, 0.3
    name = make_offer(default_concurrency=500, max_output=20).name
    gateways = [gateway, *(start_gateway() for _ in range(3))]

    statuses = asyncio.run(many(gateways, key, name, 200, max_tokens=20))

    assert statuses == {20: 200}
    recorded(200)
    wait_for(lambda: leased() == 0, seconds=10)
    assert remaining() == (WORST - WORTH) * 200
    assert ledger_sum() == 0
