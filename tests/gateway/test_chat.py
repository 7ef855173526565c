"""Chat, as OpenAI's own client sees it."""

from decimal import Decimal

from tests.gateway.conftest import hello, leased, recorded, remaining, wait_for

# Ten tokens in, five out: 10 * 0.000001 + 5 * 0.00001.
WORTH = Decimal("0.00006")


def test_the_models_a_key_may_call_are_listed(client, model):
    # The list is at most five seconds old, so an offer of the test before may still stand in it.
    wait_for(lambda: [each.id for each in client.models.list()] == [model], seconds=10)

    assert client.models.retrieve(model).owned_by == "lab"


def test_a_call_is_answered_and_billed_to_the_last_digit(client, model, engine):
    answer = client.chat.completions.create(model=model, **hello())

    assert answer.choices[0].message.content == "word " * 5
    assert answer.usage.completion_tokens == 5
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens) == (10, 5)
    assert event.outcome == "completed"
    assert remaining() == 10 - WORTH
    (request,) = engine.requests
    assert request["model"] == "engine-model"
    assert request["max_tokens"] == 1000
    assert request["headers"][b"authorization"] == b"Bearer engine-secret"


def test_a_stream_without_usage_hides_the_chunk_that_billing_asked_for(client, model, engine):
    chunks = list(client.chat.completions.create(model=model, stream=True, **hello()))

    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "word " * 5
    assert all(chunk.usage is None for chunk in chunks)
    assert engine.requests[0]["stream_options"] == {"include_usage": True}
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens, event.streamed) == (10, 5, True)
    assert event.ttft_ms is not None


def test_a_stream_with_usage_passes_the_chunk_on(client, model):
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model=model, stream=True, stream_options=options, **hello()
    )

    *_words, last = list(stream)

    assert last.usage.completion_tokens == 5
    assert last.choices == []


def test_what_is_asked_reaches_the_engine_untouched(client, model, engine):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    schema = {"name": "city", "schema": {"type": "object"}, "strict": True}
    function = {"name": "weather", "parameters": {"type": "object", "title": "api_key"}}
    asked = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_schema", "json_schema": schema},
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "auto",
        "seed": 7,
    }

    answer = client.chat.completions.create(model=model, **asked, extra_body={"top_k": 5})

    assert [choice.index for choice in answer.choices] == [0, 1]
    got = engine.requests[0]
    assert {name: got[name] for name in [*asked, "top_k"]} == {**asked, "top_k": 5}


def test_idle_credit_goes_back_to_the_wallet(client, model):
    client.chat.completions.create(model=model, **hello())
    recorded()

    assert wait_for(lambda: leased() == 0, seconds=8)
    assert remaining() == 10 - WORTH
