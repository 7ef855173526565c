"""What a key may read of itself."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx2 as httpx

from billing.models import Budget
from billing.services import sealing
from common.database import service
from tenants.models import Organization
from tests.gateway.conftest import hello, recorded, wait_for


def get(gateway, key, path):
    """Return the answer to a GET with this key."""
    return httpx.get(gateway.url + path, headers={"authorization": f"Bearer {key}"})


def test_a_receipt_says_what_a_request_cost_and_what_paid(gateway, key, client, model):
    answer = client.chat.completions.with_raw_response.create(model=model, **hello())
    recorded()

    found = get(gateway, key, f"/v1/receipts/{answer.headers['x-request-id']}").json()

    assert [(line["part"], line["tokens"], line["amount"]) for line in found["lines"]] == [
        ("input", 10, "0.00001"),
        ("output", 5, "0.00005"),
    ]
    assert (found["amount"], found["currency"]) == ("0.00006", "EUR")
    assert [paid["amount"] for paid in found["paid_by"]] == ["0.00006"]
    assert (found["model"], found["jurisdiction"], found["sealed"]) == (model, "EU", False)


def test_a_sealed_receipt_carries_its_proof(gateway, key, client, model):
    answer = client.chat.completions.with_raw_response.create(model=model, **hello())
    recorded()
    with service():
        hour = sealing.next_hour()
    sealing.seal(hour)

    found = get(gateway, key, f"/v1/receipts/{answer.headers['x-request-id']}").json()

    sealed = json.loads(found["proof"]["document"])
    assert found["sealed"] is True
    assert {name: sealed[name] for name in ("request_id", "model", "amount", "paid_by")} == {
        name: found[name] for name in ("request_id", "model", "amount", "paid_by")
    }
    assert json.loads(found["proof"]["seal"]["document"])["number"] == 1


def test_those_who_read_leave_connections_to_those_who_call(
    gateway, key, client, model, owner_connection
):
    with ThreadPoolExecutor(20) as readers, owner_connection.transaction():
        owner_connection.execute("LOCK TABLE billing_spendbucket IN ACCESS EXCLUSIVE MODE")
        for _number in range(20):
            readers.submit(get, gateway, key, "/v1/usage")
        time.sleep(0.5)

        answer = client.with_options(timeout=4).chat.completions.create(model=model, **hello())

    assert answer.usage.completion_tokens == 5
    recorded()


def test_a_receipt_of_another_organization_does_not_exist(gateway, key):
    assert get(gateway, key, "/v1/receipts/req_0123456789abcdef").status_code == 404


def test_a_key_reads_its_own_spend_and_what_is_left(gateway, key, client, model):
    client.chat.completions.create(model=model, **hello())
    wait_for(lambda: get(gateway, key, "/v1/usage").json()["key"]["requests_today"] == 1)

    found = get(gateway, key, "/v1/usage").json()

    assert (found["key"]["today"], found["key"]["this_month"]) == ("0.00006", "0.00006")
    assert found["balance"] == [{"unit": "money", "remaining": "9.99994"}]


def test_a_key_reads_what_is_left_of_its_limits_and_budgets(gateway, make_key, pay, model, acme):
    pay("10")
    key = make_key(rpm_limit=10, concurrency_limit=4)
    with service():
        Organization.objects.update(tpm_limit=1000)
        Budget.objects.create(
            organization=acme, name="Team", amount=Decimal(5), currency="EUR", is_hard=False
        )
    gateway.client(key).chat.completions.create(model=model, max_tokens=5, **hello())
    recorded()

    found = get(gateway, key, "/v1/usage").json()

    of_key, of_all = found["limits"]
    assert (of_key["of"], of_key["requests_per_minute"], of_key["requests_left"]) == ("key", 10, 9)
    assert (of_key["concurrency"], of_key["running"]) == (4, 0)
    assert of_key["requests_reset"].endswith("s")
    assert (of_all["of"], of_all["tokens_per_minute"]) == ("organization", 1000)
    assert 980 <= of_all["tokens_left"] < 1000
    (budget,) = found["budgets"]
    assert (budget["spent"], budget["left"]) == ("0.00006", "4.99994")
    assert (budget["of"], budget["stops_requests"]) == ("organization", False)
    assert budget["resets"].endswith("-01T00:00:00Z")


def test_a_slash_at_the_end_changes_nothing(gateway, key, model):
    with_slash = get(gateway, key, "/v1/models/").json()

    assert with_slash["data"]
    assert with_slash == get(gateway, key, "/v1/models").json()


def test_prices_are_written_out(gateway, key, model):
    found = get(gateway, key, f"/v1/models/{model}").json()

    assert found["tessera"]["unit_amounts"] == {
        "input": "0.000001",
        "cached_input": "0.0000005",
        "cache_write": "0.000001",
        "image_input": "0.000001",
        "audio_input": "0.000001",
        "output": "0.00001",
        "reasoning": "0.00001",
        "audio_output": "0.00001",
    }
