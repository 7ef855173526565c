"""Each refusal has its status, its code and what to do; none of them costs anything."""

import json
from datetime import timedelta

import httpx2 as httpx
import openai
import pytest
from django.utils import timezone

from common.database import service
from gateway import errors
from gateway.batches.results import FileGone
from gateway.dialects.messages import answer as messages
from gateway.dialects.responses import answer as responses
from marketplace.models import Price
from tenants import keys
from tenants.models import ApiKey, Organization
from tests.gateway.conftest import events, hello, remaining


def refused(client, kind, **facts):
    """Return the error of a call."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**facts)
    return caught.value


def post(gateway, key, body, path="/v1/chat/completions", **headers):
    """Send a body as it is."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
    return httpx.post(gateway.url + path, content=body, headers=headers)


def test_a_mistyped_key_is_refused_without_a_look_up(gateway, model):
    error = refused(
        gateway.client("tsr_live_nonsense"), openai.AuthenticationError, model=model, **hello()
    )

    assert (error.status_code, error.code) == (401, "invalid_api_key")
    assert error.request_id.startswith("req_")


def test_a_well_formed_key_that_nobody_made_is_refused(gateway, model):
    error = refused(gateway.client(keys.mint()), openai.AuthenticationError, model=model, **hello())

    assert error.code == "invalid_api_key"


def test_a_request_without_a_key_is_told_how_to_send_one(gateway, db):
    reply = httpx.get(gateway.url + "/v1/models")

    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "missing_api_key"
    assert "Authorization: Bearer" in reply.json()["error"]["message"]


def test_a_key_that_has_expired_is_refused(gateway, make_key, model):
    key = make_key(expires_at=timezone.now() - timedelta(seconds=1))

    error = refused(gateway.client(key), openai.AuthenticationError, model=model, **hello())

    assert error.code == "expired_api_key"


def test_a_revoked_key_is_refused(gateway, key, model):
    with service():
        ApiKey.objects.update(revoked_at=timezone.now())

    error = refused(gateway.client(key), openai.AuthenticationError, model=model, **hello())

    assert error.code == "invalid_api_key"


def test_a_suspended_organization_is_refused(gateway, key, model):
    with service():
        Organization.objects.update(status="suspended")

    error = refused(gateway.client(key), openai.PermissionDeniedError, model=model, **hello())

    assert error.code == "organization_suspended"


def test_a_key_is_refused_from_elsewhere(gateway, key, model):
    with service():
        ApiKey.objects.update(ip_ranges=["10.0.0.0/8"])

    error = refused(gateway.client(key), openai.PermissionDeniedError, model=model, **hello())

    assert error.code == "ip_not_allowed"


def test_an_unknown_model_is_not_found(client):
    error = refused(client, openai.NotFoundError, model="nothing", **hello())

    assert (error.code, error.param) == ("model_not_found", "model")


def test_a_model_the_key_may_not_use_is_not_found(gateway, make_key, pay, model, make_offer):
    pay("10")
    other = make_offer().name
    client = gateway.client(make_key(allowed_models=[other]))

    error = refused(client, openai.NotFoundError, model=model, **hello())

    assert error.code == "model_not_found"
    assert [each.id for each in client.models.list().data] == [other]


def test_a_model_outside_the_allowed_jurisdictions_is_refused_by_policy(
    gateway, make_key, make_offer
):
    abroad, home = make_offer(jurisdiction="US").name, make_offer(jurisdiction="EU").name
    with service():
        Organization.objects.update(allowed_jurisdictions=["EU"])
    client = gateway.client(make_key())

    error = refused(client, openai.PermissionDeniedError, model=abroad, **hello())

    assert (error.code, error.param) == ("jurisdiction_not_allowed", "model")
    assert "computed in US; your organization allows EU" in error.message
    assert [each.id for each in client.models.list().data] == [home]


def test_a_key_made_for_other_models_is_not_told_what_policy_forbids(gateway, make_key, make_offer):
    abroad, home = make_offer(jurisdiction="US").name, make_offer(jurisdiction="EU").name
    key = make_key(allowed_models=[home])
    with service():
        Organization.objects.update(allowed_jurisdictions=["EU"])

    error = refused(gateway.client(key), openai.NotFoundError, model=abroad, **hello())

    assert error.code == "model_not_found"


def test_a_model_without_a_price_is_never_free(gateway, key, pay, make_offer, engine):
    pay("10")
    unpriced = make_offer()
    with service():
        Price.objects.filter(offer=unpriced, token_part="output").update(
            effective_until=timezone.now()
        )

    client = gateway.client(key)
    error = refused(client, openai.InternalServerError, model=unpriced.name, **hello())

    assert (error.status_code, error.code) == (503, "model_unpriced")
    assert engine.requests == []


def test_without_money_the_answer_is_402_with_the_way_to_pay(gateway, key, model, acme, engine):
    error = refused(gateway.client(key), openai.APIStatusError, model=model, **hello())

    assert (error.status_code, error.code) == (402, "insufficient_funds")
    assert f"/o/{acme.slug}/billing/" in error.message
    assert engine.requests == []


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"messages": "text"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0]"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 2**63}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": 1001}, "max_completion_tokens"),
        ({"n": 1000}, "n"),
        ({"n": 0}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": []}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"api_base": "http://elsewhere"}, "api_base"),
        ({"extra_headers": {"x": "y"}}, "extra_headers"),
        ({"router": {"deeper": [{"api_key": "x"}]}}, "api_key"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
    ],
)
def test_a_bad_parameter_is_named(gateway, key, pay, model, engine, facts, param):
    pay("10")

    reply = post(gateway, key, json.dumps({"model": model, **hello(), **facts}))

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param
    assert engine.requests == []


def test_a_tool_may_have_an_argument_called_api_key(gateway, key, pay, model):
    pay("10")
    parameters = {"type": "object", "properties": {"api_key": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "call", "parameters": parameters}}

    reply = post(gateway, key, json.dumps({"model": model, "tools": [tool], **hello()}))

    assert reply.status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"NaN", b'{"model": "\xff"}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_refused(gateway, key, body):
    reply = post(gateway, key, body)

    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_json"


def test_a_body_above_ten_megabytes_is_refused_while_it_is_read(gateway, key):
    told = post(gateway, key, b" " * 10_000_001)
    chunks = (b" " * 1_000_000 for _ in range(11))
    untold = post(gateway, key, chunks)

    assert told.status_code == 413
    assert untold.status_code == 413
    assert untold.json()["error"]["code"] == "request_too_large"


def test_a_form_is_refused(gateway, key):
    reply = post(gateway, key, b"a=b", **{"content-type": "application/x-www-form-urlencoded"})

    assert reply.status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/images/generations", 404),
    ],
)
def test_wrong_paths_and_methods_are_told_apart(gateway, key, method, path, status):
    headers = {"authorization": f"Bearer {key}"}

    reply = httpx.request(method, gateway.url + path, headers=headers)

    assert reply.status_code == status
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "shape", [errors, messages, responses], ids=["plain", "messages", "responses"]
)
@pytest.mark.parametrize("kind", [errors.BooksAway, FileGone], ids=["books", "file"])
def test_an_error_with_words_of_its_own_can_be_told_in_every_shape(shape, kind):
    assert kind().message in shape.envelope(kind(), "req_1").decode()


def test_an_engine_that_cannot_be_reached_is_503(gateway, key, pay, make_offer):
    pay("10")
    name = make_offer(base_url="http://127.0.0.1:9/v1").name

    error = refused(gateway.client(key), openai.InternalServerError, model=name, **hello())

    assert (error.status_code, error.code) == (503, "service_unavailable")


@pytest.mark.parametrize(
    ("engine_status", "status"), [(500, 502), (401, 502), (404, 502), (503, 503)]
)
def test_an_engine_that_fails_is_502_or_503_and_costs_nothing(
    client, model, engine, engine_status, status
):
    engine.status = engine_status

    error = refused(client, openai.InternalServerError, model=model, **hello())

    assert error.status_code == status
    assert "engine says no" not in error.message
    assert remaining() == 10
    assert events() == []


def test_an_engines_own_refusal_is_passed_on(client, model, engine):
    engine.status = 400

    error = refused(client, openai.BadRequestError, model=model, **hello())

    assert "engine says no" in error.message


def test_an_answer_that_cannot_be_read_is_502(client, model, engine):
    engine.raw = b"<html>"

    error = refused(client, openai.InternalServerError, model=model, **hello())

    assert error.status_code == 502


def test_an_empty_answer_costs_nothing(client, model, engine):
    engine.words = 0

    answer = client.chat.completions.create(model=model, **hello())

    assert not answer.choices[0].message.content
    assert remaining() == 10
