"""The parts of a request's tokens, from the engine's words to the client, the receipt and the sums."""

import base64
import io

import anthropic
import httpx2 as httpx
import pytest
from PIL import Image

from common.database import service
from metering.models import UsageBucket
from tests.gateway.conftest import hello, recorded

PRICES = {
    "input": "0.000001",
    "cached_input": "0.0000005",
    "cache_write": "0.00000125",
    "image_input": "0.000002",
    "output": "0.00001",
}
DETAILS = {"cached_tokens": 30, "cache_write_tokens": 20, "image_tokens": 40}


@pytest.fixture
def sees(make_offer, pay):
    """A model that sees, a hundred tokens for every image."""
    pay("10")
    return make_offer(prices=PRICES, image_rule="fixed", image_base=100).name


@pytest.fixture
def picture():
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def shown(picture):
    """Return the arguments of a call with an image."""
    url = {"url": f"data:image/png;base64,{picture}"}
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": url}]
    return {"messages": [{"role": "user", "content": content}]}


def test_openais_client_pays_each_part_at_its_price(gateway, key, sees, engine, picture):
    engine.usage = {"prompt_tokens": 100, "prompt_tokens_details": DETAILS}

    answer = gateway.client(key).chat.completions.with_raw_response.create(
        model=sees, **shown(picture)
    )

    assert answer.parse().usage.prompt_tokens_details.cached_tokens == 30
    recorded()
    path = f"{gateway.url}/v1/receipts/{answer.headers['x-request-id']}"
    receipt = httpx.get(path, headers={"authorization": f"Bearer {key}"}).json()
    assert {line["part"]: (line["tokens"], line["amount"]) for line in receipt["lines"]} == {
        "input": (10, "0.00001"),
        "cached_input": (30, "0.000015"),
        "cache_write": (20, "0.000025"),
        "image_input": (40, "0.00008"),
        "output": (5, "0.00005"),
    }
    assert (receipt["amount"], receipt["estimated"]) == ("0.00018", False)
    with service():
        (bucket,) = UsageBucket.objects.all()
    assert (bucket.cache_write_tokens, bucket.image_input_tokens) == (20, 40)
    assert bucket.total_tokens == 105


def test_anthropics_client_reads_what_the_cache_had_and_got(gateway, key, sees, engine):
    engine.usage = {"prompt_tokens": 60, "prompt_tokens_details": {**DETAILS, "image_tokens": 0}}
    claude = anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0)
    asked = {
        "model": sees,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hello " * 9}],
    }

    usage = claude.messages.create(**asked).usage
    with claude.messages.stream(**asked) as stream:
        streamed = stream.get_final_message().usage

    for found in (usage, streamed):
        assert (found.input_tokens, found.output_tokens) == (10, 5)
        assert (found.cache_read_input_tokens, found.cache_creation_input_tokens) == (30, 20)


def test_pictures_that_were_not_sent_are_not_paid_for(gateway, key, sees, engine):
    engine.usage = {"prompt_tokens": 25, "prompt_tokens_details": {"image_tokens": 20}}

    gateway.client(key).chat.completions.create(model=sees, **hello())

    (event,) = recorded()
    assert event.policy["estimated"]
    assert event.image_input_tokens == 0


def test_what_pictures_can_cost_is_reserved(gateway, key, make_offer, pay, engine, picture):
    dear = {**PRICES, "image_input": "0.01"}
    pay("0.5")
    model = make_offer(prices=dear, image_rule="fixed", image_base=100).name

    reply = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": model, **shown(picture)},
        headers={"authorization": f"Bearer {key}"},
    )

    assert (reply.status_code, engine.requests) == (402, [])
