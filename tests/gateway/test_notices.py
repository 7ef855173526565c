"""What answers tell of a model that will go, and /v1/models of prices to come."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

import anthropic
import httpx2 as httpx
import pytest
from django.utils import timezone

from common.database import service
from marketplace.models import AIModel
from marketplace.services import pricing, publishing
from tests.gateway.conftest import hello, wait_for

DAY = timedelta(days=1)
TWO = {"input": Decimal(2)}


@pytest.fixture
def old(make_offer, pay):
    """An offer of a model that goes in a month."""
    pay("10")
    offer = make_offer()
    with service():
        model = AIModel.objects.get(pk=offer.model_version.model_id)
        publishing.deprecate(model, by=None, retires_at=timezone.now() + 30 * DAY)
    return offer


def ask(gateway, key, path="/v1/chat/completions", **facts):
    return httpx.post(
        gateway.url + path, headers={"authorization": f"Bearer {key}"}, json=facts, timeout=10
    )


def told(gateway, key, name):
    found = httpx.get(f"{gateway.url}/v1/models/{name}", headers={"authorization": f"Bearer {key}"})
    return found.json()["tessera"]


@pytest.mark.parametrize("stream", [False, True])
def test_answers_of_a_deprecated_model_say_when_it_goes(gateway, key, old, engine, stream):
    answer = ask(gateway, key, model=old.name, stream=stream, **hello())

    model = AIModel.objects.get(slug=old.name)
    assert answer.status_code == 200
    assert answer.headers["deprecation"] == f"@{int(model.deprecated_at.timestamp())}"
    gone = parsedate_to_datetime(answer.headers["sunset"])
    assert gone == model.retires_at.replace(microsecond=0)
    assert answer.headers["sunset"].endswith(" GMT")
    assert f'/models/{old.name}/>; rel="deprecation"' in answer.headers["link"]


def test_refusals_of_a_deprecated_model_say_it_too(gateway, key, old):
    answer = ask(gateway, key, model=old.name, messages=[])

    assert answer.status_code == 400
    assert "deprecation" in answer.headers


def test_official_clients_do_not_mind(gateway, key, old, engine):
    answer = gateway.client(key).chat.completions.create(model=old.name, **hello())
    claude = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)
    message = claude.messages.create(model=old.name, max_tokens=10, **hello())

    assert answer.usage.completion_tokens == 5
    assert message.usage.output_tokens == 5
    assert old.name in [model.id for model in gateway.client(key).models.list()]


def test_other_models_say_nothing(gateway, key, model, pay, engine):
    pay("1")

    answer = ask(gateway, key, model=model, **hello())

    assert {"deprecation", "sunset", "link"}.isdisjoint(answer.headers)
    assert told(gateway, key, model)["deprecated_at"] is None


def test_changing_the_last_day_keeps_the_first(old):
    with service():
        model = AIModel.objects.get(slug=old.name)
        first = model.deprecated_at
        publishing.deprecate(model, by=None, retires_at=timezone.now() + 60 * DAY)

    model.refresh_from_db()
    assert model.deprecated_at == first


def test_prices_to_come_are_told_beside_those_that_hold(gateway, key, make_offer):
    offer = make_offer()
    begins = (timezone.now() + 3 * DAY).replace(microsecond=0)
    with service():
        prices = {"input": Decimal(2), "output": Decimal(20)}
        pricing.change(offer, prices, by=None, effective_from=begins)

    (coming,) = wait_for(lambda: told(gateway, key, offer.name)["coming_prices"], seconds=10)
    found = told(gateway, key, offer.name)

    assert datetime.fromisoformat(coming["effective_from"]).astimezone(UTC) == begins
    assert (coming["unit_amounts"]["input"], coming["unit_amounts"]["output"]) == (
        "0.000002",
        "0.00002",
    )
    assert coming["batch_unit_amounts"]["input"] == "0.000001"
    assert found["unit_amounts"]["input"] == "0.000001"


def test_a_price_that_was_withdrawn_is_not_told(gateway, key, make_offer):
    offer, other = make_offer(), make_offer()
    begins = timezone.now() + 3 * DAY
    with service():
        pricing.change(offer, TWO, by=None, effective_from=begins)
        pricing.change(other, TWO, by=None, effective_from=begins + DAY)
        pricing.change(offer, {"input": Decimal(1)}, by=None, effective_from=begins)

    wait_for(lambda: told(gateway, key, other.name)["coming_prices"], seconds=10)

    ahead = told(gateway, key, offer.name)["coming_prices"]
    assert "0.000002" not in [coming["unit_amounts"]["input"] for coming in ahead]
