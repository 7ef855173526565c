"""What a prompt may hold, and that its bound is never below what the engine counts."""

import json
from decimal import Decimal

import pytest

from tests.gateway.conftest import hello, recorded, remaining
from tests.gateway.test_errors import post

IMAGE = {"url": "data:image/png;base64,iVBORw0KGgo="}


def parts(*content):
    """Return the arguments of a chat call whose message has these parts."""
    return {"messages": [{"role": "user", "content": list(content)}]}


def test_each_prompt_of_a_list_has_its_own_answer_and_all_are_billed(client, model, engine):
    engine.words, engine.usage = 20, {"prompt_tokens": 40, "completion_tokens": 80}

    client.completions.create(model=model, prompt=["one"] * 4, max_tokens=20)

    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens) == (40, 80)
    assert event.policy["estimated"] is False


def test_a_list_of_prompts_reserves_for_each_of_them(gateway, key, pay, model, engine):
    # Enough for one answer of twenty tokens, not for a hundred of them.
    pay("0.01")
    body = json.dumps({"model": model, "prompt": ["one"] * 100, "max_tokens": 20})

    reply = post(gateway, key, body, "/v1/completions")

    assert reply.status_code == 402
    assert engine.requests == []


def test_text_after_the_answer_is_part_of_the_prompt(client, model, engine):
    engine.usage = {"prompt_tokens": 500}

    client.completions.create(model=model, prompt="one", suffix="word " * 500, max_tokens=20)

    (event,) = recorded()
    assert (event.input_tokens, event.policy["estimated"]) == (500, False)


def test_a_prompt_that_is_echoed_is_not_billed_as_an_answer(client, model, engine):
    engine.usage = {"prompt_tokens": 1000}

    client.completions.create(model=model, prompt="word " * 1000, echo=True, max_tokens=900)

    (event,) = recorded()
    assert event.output_tokens == 5


def test_an_image_beside_a_text_in_one_part_is_counted(client, model, engine):
    engine.usage = {"prompt_tokens": 1000}
    part = {"type": "image_url", "text": "x", "image_url": IMAGE}

    client.chat.completions.create(model=model, **parts(part))

    (event,) = recorded()
    assert (event.input_tokens, event.policy["estimated"]) == (1000, False)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url", "image_url": {"url": "http://10.0.0.1/x"}}, "image_url"),
        ({"type": "image_url", "image_url": {"url": "HTTPS://example.com/x"}}, "image_url"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "image_url"),
        ({"type": "image_url", "image_url": "http://10.0.0.1/x"}, "image_url"),
        ({"type": "image_url", "image_url": {"url": 5}}, "image_url"),
        ({"type": "text", "text": "x", "image_url": {"url": "http://10.0.0.1/"}}, "image_url"),
        ({"type": "video_url", "video_url": {"url": "http://10.0.0.1/x"}}, "video_url"),
        ({"type": "audio_url", "audio_url": {"url": "http://10.0.0.1/x"}}, "audio_url"),
        ({"type": "text", "text": 5}, "text"),
        ({"type": "text"}, "text"),
    ],
)
def test_an_engine_is_never_sent_to_fetch_an_address(gateway, key, pay, model, part, param):
    pay("10")

    reply = post(gateway, key, json.dumps({"model": model, **parts(part)}))

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == f"messages[0].content[0].{param}"


def test_an_image_inside_the_request_is_passed_on(client, model, engine):
    part = {"type": "image_url", "image_url": IMAGE}

    client.chat.completions.create(model=model, **parts({"type": "text", "text": "x"}, part))

    assert engine.requests[0]["messages"][0]["content"][1]["image_url"] == IMAGE


def test_a_prompt_is_never_bounded_above_what_the_model_can_read(gateway, key, pay, make_offer):
    # 8192 tokens of context cost 0.008192 at most, however many bytes the prompt has.
    pay("0.0093")
    model = make_offer(max_output=100).name
    long = {"messages": [{"role": "user", "content": "word " * 8000}]}

    reply = post(gateway, key, json.dumps({"model": model, "max_tokens": 100, **long}))

    assert reply.status_code == 200
    assert "x-tessera-max-tokens" not in reply.headers


@pytest.mark.parametrize(
    "name",
    [
        "n_predict",
        "max_new_tokens",
        "num_predict",
        "chat_template",
        "kv_transfer_params",
        "bootstrap_host",
        "lora_path",
        "custom_logit_processor",
        "priority",
        "prompt_embeds",
    ],
)
def test_an_engines_own_switches_are_not_for_callers(gateway, key, pay, model, engine, name):
    pay("10")

    plain = post(gateway, key, json.dumps({"model": model, name: 5, **hello()}))
    nested = post(gateway, key, json.dumps({"model": model, "x": {name: 5}, **hello()}))

    assert (plain.status_code, plain.json()["error"]["param"]) == (400, name)
    assert nested.status_code == 400
    assert engine.requests == []


@pytest.mark.parametrize(
    ("text", "status"),
    [(r"\ud800", 400), (r"\u0000", 200), (r"\ud83d\ude00", 200), ("\N{BOM}", 200)],
)
def test_strange_characters_are_passed_on_or_refused(gateway, key, pay, model, text, status):
    pay("10")
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "{text}"}}]}}'

    assert post(gateway, key, body.encode()).status_code == status


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5000])
def test_numbers_that_are_none_are_refused(gateway, key, pay, model, number):
    pay("10")
    body = json.dumps({"model": model, **hello()})[:-1] + f', "temperature": {number}}}'

    assert post(gateway, key, body).status_code == 400


def test_of_a_parameter_that_stands_twice_one_value_reaches_everybody(
    gateway, key, pay, model, engine
):
    pay("10")
    body = json.dumps({"model": model, **hello()})[:-1] + ', "max_tokens": 900, "max_tokens": 2}'

    reply = post(gateway, key, body)

    assert reply.status_code == 200
    assert engine.requests[0]["max_tokens"] == 2
    recorded()
    assert remaining() == 10 - Decimal("0.00003")


def test_unknown_parameters_are_passed_on(client, model, engine):
    client.chat.completions.create(
        model=model, temperature=0.5, extra_body={"top_k": 7, "seed": "x"}, **hello()
    )

    assert (engine.requests[0]["top_k"], engine.requests[0]["seed"]) == (7, "x")
