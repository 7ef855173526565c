"""Whatever is wrong with a request, it hears of the earliest thing in the order of admission."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import Budget
from common.database import service
from tenants.models import ApiKey, Organization
from tests.gateway.conftest import hello
from tests.gateway.test_edges import speak
from tests.gateway.test_errors import post
from tests.support import processes

#: What is wrong, in the order of admission, and the status and code that tell it.
STAGES = (
    ("expired", 401, "expired_api_key"),
    ("address", 403, "ip_not_allowed"),
    ("scope", 403, "scope_missing"),
    ("media", 415, "unsupported_media_type"),
    ("model", 404, "model_not_found"),
    ("policy", 403, "jurisdiction_not_allowed"),
    ("body", 400, "invalid_value"),
    ("rate", 429, "rate_limit_exceeded"),
    ("budget", 402, "budget_exceeded"),
    ("funds", 402, "insufficient_funds"),
    ("route", 503, "service_unavailable"),
)
NAMES = [name for name, _status, _code in STAGES]


def key_facts(wrong):
    """Return what a key has that is wrong in these ways."""
    facts = {
        "expired": {"expires_at": timezone.now() - timedelta(seconds=1)},
        "address": {"ip_ranges": ["10.0.0.0/8"]},
        "scope": {"scopes": ["usage"]},
        "model": {"allowed_models": ["another"]},
        "rate": {"rpm_limit": 1},
    }
    return {k: v for name in wrong for k, v in facts.get(name, {}).items()}


@pytest.fixture
def prepare(acme, make_key, make_offer, pay):
    """Make a world in which these things are wrong; return a key, a body and its media type."""

    def prepare(wrong):
        nowhere = f"http://127.0.0.1:{processes.free_port()}/v1"
        offer = make_offer(jurisdiction="US", base_url=nowhere if "route" in wrong else "")
        if "funds" not in wrong:
            pay("10")
        text = make_key()
        with service():
            ApiKey.objects.update(**key_facts(wrong))
            if "policy" in wrong:
                Organization.objects.update(allowed_jurisdictions=["EU"])
            if "budget" in wrong:
                Budget.objects.create(
                    organization=acme, name="b", amount=Decimal("0.00001"), currency="EUR"
                )
        body = {"model": offer.name, **hello()} | ({"max_tokens": 0} if "body" in wrong else {})
        media = "text/plain" if "media" in wrong else "application/json"
        return text, json.dumps(body), {"content-type": media}

    return prepare


@pytest.mark.parametrize("place", range(len(STAGES)), ids=NAMES)
def test_the_earliest_thing_that_is_wrong_is_told(gateway, prepare, engine, place):
    _name, status, code = STAGES[place]
    key, body, headers = prepare(NAMES[place:])
    # A limit is used up by a request before, whatever becomes of it.
    for _before in range(NAMES[place:].count("rate")):
        reply = post(gateway, key, body, **headers)

    reply = post(gateway, key, body, **headers)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert engine.requests == []


def test_a_request_without_a_fault_is_answered(gateway, prepare):
    key, body, headers = prepare([])

    assert post(gateway, key, body, **headers).status_code == 200


def test_a_body_that_is_too_large_is_refused_while_it_comes(gateway, key):
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    chunk = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"

    answer = speak(gateway, f"{head}transfer-encoding: chunked\r\n\r\n".encode(), *[chunk] * 11)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"request_too_large" in answer
