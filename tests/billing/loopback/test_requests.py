"""What every request has in common: the key, the form, the envelope."""

import base64
import json

import pytest
import stripe as library

from tests.billing.loopback.driver import API_KEY, client

FORM = "application/x-www-form-urlencoded"


def test_a_wrong_key_is_401(loopback):
    with pytest.raises(library.AuthenticationError) as refusal:
        client(loopback.url, "sk_test_another").v1.customers.list()

    assert refusal.value.http_status == 401
    assert refusal.value.user_message == "Invalid API Key provided: sk_test_****ther"


def test_no_key_is_401(loopback):
    response = loopback.get("/v1/customers")

    assert response.status == 401
    assert json.loads(response.text)["error"]["type"] == "invalid_request_error"


def test_the_key_may_be_sent_as_basic_credentials(loopback):
    credentials = base64.b64encode(f"{API_KEY}:".encode()).decode()

    assert loopback.get("/v1/customers", Authorization=f"Basic {credentials}").status == 200


@pytest.mark.parametrize("value", ["Basic %%%", "Basic /w==", "Bearer ", "Digest x", "Bearer é"])
def test_broken_credentials_are_401(loopback, value):
    headers = {"Authorization": value.encode("latin-1")}

    assert loopback.request("GET", "/v1/customers", None, **headers).status == 401


def test_an_answer_carries_id_and_version(loopback):
    response = loopback.api("GET", "/v1/customers")

    assert response.headers["Request-Id"].startswith("req_")
    assert response.headers["Stripe-Version"] == library.api_version
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("DELETE", "/v1/refunds"), ("GET", "/v1/customers/a/b/c")],
)
def test_an_unknown_address_is_404_in_the_envelope(loopback, method, path):
    response = loopback.api(method, path)

    assert response.status == 404
    assert "Unrecognized request URL" in json.loads(response.text)["error"]["message"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("a[b=1", "Invalid parameter name"),
        ("[a]=1", "Invalid parameter name"),
        ("a=1&a[b]=2", "Invalid object"),
        ("a[b]=2&a=1", "Invalid object"),
        ("a" + "[b]" * 9 + "=1", "nested too deeply"),
        ("name=%ff", "not a valid form"),
        ("a=1&" * 2001, "not a valid form"),
        ("name[x]=1", "Invalid string"),
        ("expand=x", "Invalid array"),
    ],
)
def test_a_malformed_form_is_a_clear_400(loopback, body, sentence):
    response = loopback.api("POST", "/v1/customers", body, Content_Type=FORM)

    assert response.status == 400
    assert sentence in json.loads(response.text)["error"]["message"]


def test_json_is_refused(loopback):
    response = loopback.api("POST", "/v1/customers", "{}", Content_Type="application/json")

    assert response.status == 400


def test_a_body_of_ten_megabytes_is_413(loopback):
    response = loopback.api("POST", "/v1/customers", "n" * 10_000_000, Content_Type=FORM)

    assert response.status == 413


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "1.5", "9" * 400])
def test_a_limit_outside_1_to_100_is_refused(loopback, limit):
    response = loopback.api("GET", f"/v1/customers?limit={limit}")

    assert response.status == 400
    assert json.loads(response.text)["error"]["param"] == "limit"


def test_a_cursor_must_name_an_object_of_the_list(loopback):
    response = loopback.api("GET", "/v1/customers?starting_after=evt_1")

    assert response.status == 400
    assert json.loads(response.text)["error"]["param"] == "starting_after"


def test_lists_can_be_cut_by_time(stripe):
    made = stripe.customers.create({"name": "Ann"})

    assert [c.id for c in stripe.customers.list({"created": {"gte": made.created}}).data] == [
        made.id
    ]
    assert [c.id for c in stripe.customers.list({"created": made.created}).data] == [made.id]
    assert stripe.customers.list({"created": {"gt": made.created}}).data == []
    assert stripe.customers.list({"created": {"lt": made.created}}).data == []


@pytest.mark.parametrize("path", ["name", "nothing", "_secret", "address.city", "a.b.c.d.e"])
def test_expanding_what_cannot_be_expanded_is_refused(stripe, path):
    made = stripe.customers.create({"name": "Ann", "address": {"city": "Lyon"}})

    with pytest.raises(library.InvalidRequestError, match="expand"):
        stripe.customers.retrieve(made.id, {"expand": [path]})


def test_health_says_that_it_is_a_simulation(loopback):
    response = loopback.api("GET", "/healthz")

    assert json.loads(response.text) == {"status": "ok", "simulated": True}
