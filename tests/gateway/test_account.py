"""What a key may read of itself."""

import httpx2 as httpx

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


def test_a_receipt_of_another_organization_does_not_exist(gateway, key):
    assert get(gateway, key, "/v1/receipts/req_0123456789abcdef").status_code == 404


def test_a_key_reads_its_own_spend_and_what_is_left(gateway, key, client, model):
    client.chat.completions.create(model=model, **hello())
    wait_for(lambda: get(gateway, key, "/v1/usage").json()["key"]["requests_today"] == 1)

    found = get(gateway, key, "/v1/usage").json()

    assert (found["key"]["today"], found["key"]["this_month"]) == ("0.00006", "0.00006")
    assert found["balance"] == [{"unit": "money", "remaining": "9.99994"}]


def test_prices_are_written_out(gateway, key, model):
    found = get(gateway, key, f"/v1/models/{model}").json()

    assert found["tessera"]["unit_amounts"] == {
        "input": "0.000001",
        "cached_input": "0.0000005",
        "output": "0.00001",
        "reasoning": "0.00001",
    }
