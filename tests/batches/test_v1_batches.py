"""`/v1/batches`, driven by OpenAI's own client."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import openai
import pytest
from openai.types import Batch as OpenAIBatch

from billing import periods
from billing.services import invoicing
from common.database import service
from gateway.models import Batch, BatchLine
from tenants.models import AuditEntry
from tenants.scope import scope
from tenants.services import organizations
from tests.batches.conftest import events, jsonl, leased, line, remaining, results, start
from tests.gateway.contract import faults

#: Ten tokens in and five out, at half of 0.000001 and 0.00001.
HALF = Decimal("0.00003")


def test_a_batch_is_answered_at_half_the_price(client, model, engine, acme):
    lines = [line(f"name-{number}", model) for number in range(3)]

    batch = start(client, *lines, metadata={"purpose": "evening"})

    assert OpenAIBatch.model_validate(batch.to_dict())
    assert (batch.status, batch.errors, batch.error_file_id) == ("completed", None, None)
    assert batch.request_counts.to_dict() == {"total": 3, "completed": 3, "failed": 0}
    assert batch.metadata == {"purpose": "evening"}
    assert batch.model == model
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == (30, 15)
    answers = results(client, batch.output_file_id)
    assert list(answers) == ["name-0", "name-1", "name-2"]
    answer = answers["name-1"]["response"]
    assert (answer["status_code"], answers["name-1"]["error"]) == (200, None)
    assert answer["body"]["choices"][0]["message"]["content"] == "word " * 5
    assert answer["body"]["model"] == model
    assert remaining() == Decimal(10) - 3 * HALF
    assert leased() == 0
    assert {event.event_id for event in events()} == {
        each["response"]["request_id"] for each in answers.values()
    }


def test_the_same_operation_is_one_batch(client, model):
    file = client.files.create(file=jsonl(line("a", model)), purpose="batch")
    facts = {"input_file_id": file.id, "endpoint": "/v1/chat/completions"}
    facts |= {"completion_window": "24h", "extra_headers": {"Idempotency-Key": "k1"}}

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: client.batches.create(**facts), range(4)))

    assert len({batch.id for batch in made}) == 1
    with pytest.raises(openai.ConflictError) as caught:
        client.batches.create(**facts, metadata={"purpose": "other"})
    assert caught.value.code == "idempotency_key_reused"
    with pytest.raises(openai.BadRequestError):
        client.batches.create(**facts | {"extra_headers": {"Idempotency-Key": "k" * 256}})
    with service():
        assert Batch.objects.count() == 1
        assert AuditEntry.objects.filter(action="batch.created").count() == 1


def test_an_operation_asked_for_again_is_answered_though_its_file_is_gone(client, model):
    file = client.files.create(file=jsonl(line("a", model)), purpose="batch")
    facts = {"input_file_id": file.id, "endpoint": "/v1/chat/completions"}
    facts |= {"completion_window": "24h"}
    key = {"extra_headers": {"Idempotency-Key": "k1"}}
    first = client.batches.create(**facts, **key)
    client.files.delete(file.id)

    assert client.batches.create(**facts, **key).id == first.id
    with pytest.raises(openai.ConflictError):
        client.batches.create(**facts, **key, metadata={"purpose": "other"})
    for other in ({}, {"extra_headers": {"Idempotency-Key": "k2"}}):
        with pytest.raises(openai.APIStatusError) as caught:
            client.batches.create(**facts, **other)
        assert caught.value.code == "invalid_input_file"
    with service():
        assert Batch.objects.count() == 1


def test_the_invoice_is_what_its_events_rate_to(client, model, acme):
    start(client, *[line(f"name-{number}", model) for number in range(7)])

    with scope(acme):
        month = periods.containing(events_at(acme), acme.time_zone)
        draft, rerated = invoicing.draft(acme, month), invoicing.rerated(acme, month)
    assert draft == rerated
    assert draft.usage == 7 * HALF
    assert {item.description: item.unit_amount for item in draft.lines if item.kind == "usage"} == {
        f"{model} · input · batch": Decimal("0.0000005"),
        f"{model} · output · batch": Decimal("0.000005"),
    }


def events_at(acme):
    return Batch.objects.get().created_at


def test_embeddings_and_completions_are_answered_too(client, priced, model):
    vectors = priced(kind="embedding", prices={"input": "0.000001"}).name
    embedding = line("a", vectors, "/v1/embeddings", input=["one", "two"])
    completion = line("b", model, "/v1/completions", prompt="Once upon")

    first = start(client, embedding, endpoint="/v1/embeddings")
    second = start(client, completion, endpoint="/v1/completions")

    assert (first.status, second.status) == ("completed", "completed")
    answered = results(client, first.output_file_id)["a"]["response"]["body"]
    assert [each["embedding"] for each in answered["data"]] == [[0.5, 0.25], [0.5, 0.25]]
    assert (first.usage.input_tokens, first.usage.output_tokens) == (8, 0)
    answered = results(client, second.output_file_id)["b"]["response"]["body"]
    assert answered["choices"][0]["text"] == "word " * 5


def test_responses_are_answered_and_refused_in_their_own_shape(client, model):
    url = "/v1/responses"
    good = line("good", model, url, input="Say five words.")

    batch = start(client, good, line("bad", model, url, input=7), endpoint=url)

    answered = results(client, batch.output_file_id)["good"]["response"]["body"]
    assert (answered["object"], answered["status"]) == ("response", "completed")
    assert answered["usage"]["output_tokens"] == 5
    refused = results(client, batch.error_file_id)["bad"]["response"]
    assert (refused["status_code"], refused["body"]["error"]["param"]) == (400, "input")
    assert len(events()) == 1


def test_a_line_that_is_refused_stands_in_the_error_file(client, model):
    bad = line("bad", model, messages="no list")
    forbidden = line("forbidden", model, api_base="http://elsewhere")

    batch = start(client, line("good", model), bad, forbidden)

    assert batch.status == "completed"
    assert batch.request_counts.to_dict() == {"total": 3, "completed": 1, "failed": 2}
    assert list(results(client, batch.output_file_id)) == ["good"]
    refused = results(client, batch.error_file_id)
    assert {name: each["response"]["status_code"] for name, each in refused.items()} == {
        "bad": 400,
        "forbidden": 400,
    }
    assert refused["bad"]["response"]["body"]["error"]["param"] == "messages"
    assert len(events()) == 1


def test_an_answer_over_several_lines_is_one_line(client, model, engine):
    engine.raw = (
        b'{"id": "x",\r\n "choices": [{"index": 0, "message": {"content": "a\\nb"}}],\n'
        b'"usage": {"prompt_tokens": 9, "completion_tokens": 3}}'
    )

    batch = start(client, line("a", model))

    body = results(client, batch.output_file_id)["a"]["response"]["body"]
    assert body["choices"][0]["message"]["content"] == "a\nb"


WRONG = {
    "not JSON": (b"{oops", "invalid_json_line", None),
    "no object": (b"[1]", "invalid_json_line", None),
    "no name": ({"custom_id": None}, "missing_required_parameter", "custom_id"),
    "a name that is a number": ({"custom_id": 7}, "invalid_value", "custom_id"),
    "a name that is too long": ({"custom_id": "x" * 513}, "invalid_custom_id", "custom_id"),
    "a name with a zero": ({"custom_id": "a\0b"}, "invalid_custom_id", "custom_id"),
    "a name twice": ({"custom_id": "good"}, "duplicate_custom_id", "custom_id"),
    "another method": ({"method": "GET"}, "invalid_method", "method"),
    "another endpoint": ({"url": "/v1/embeddings"}, "invalid_url", "url"),
    "no body": ({"body": "text"}, "invalid_body", "body"),
    "no model": ({"body": {}}, "missing_required_parameter", "body.model"),
    "an unknown model": ({"body": {"model": "gpt-9"}}, "model_not_found", "body.model"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_with_a_bad_line_fails_as_a_whole(client, model, engine, name):
    wrong, code, param = WRONG[name]
    bad = wrong if isinstance(wrong, bytes) else line("bad", model) | wrong

    batch = start(client, line("good", model), b"", bad)

    assert batch.status == "failed"
    (error,) = batch.errors.data
    assert (error.code, error.line, error.param) == (code, 3, param)
    assert error.message
    assert (batch.output_file_id, batch.failed_at is None) == (None, False)
    assert engine.requests == []
    with service():
        assert BatchLine.objects.count() == 0


def test_a_stream_is_no_line_of_a_batch(client, model):
    (error,) = start(client, line("a", model, stream=True)).errors.data

    assert (error.code, error.param) == ("invalid_body", "body.stream")


def test_a_model_for_another_endpoint_is_refused(client, priced):
    vectors = priced(kind="embedding", prices={"input": "0.000001"}).name

    (error,) = start(client, line("a", vectors)).errors.data

    assert error.code == "model_not_supported"


def test_a_model_without_a_price_for_batches_is_refused(client, make_offer):
    (error,) = start(client, line("a", make_offer().name)).errors.data

    assert error.code == "model_unpriced"


def test_a_hundred_problems_are_told(client, model):
    batch = start(client, *[b"{"] * 120)

    assert len(batch.errors.data) == 100
    assert batch.errors.data[-1].line == 100


def test_a_file_of_blank_lines_is_empty(client, db):
    (error,) = start(client, b"", b"").errors.data

    assert error.code == "empty_file"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"endpoint": "/v1/moderations"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"input_file_id": "file-1"}, "input_file_id"),
        ({"metadata": {"x": "y" * 513}}, "metadata.x"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, None),
    ],
)
def test_a_bad_wish_is_named(client, model, wrong, param):
    file = client.files.create(file=jsonl(line("a", model)), purpose="batch")
    facts = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}

    with pytest.raises(openai.BadRequestError) as refusal:
        client.batches.create(**({"input_file_id": file.id, **facts} | wrong))

    assert refusal.value.param == (param or "output_expires_after.seconds")
    with service():
        assert Batch.objects.count() == 0


def test_a_file_for_something_else_is_refused(client, model):
    file = client.files.create(file=jsonl(line("a", model)), purpose="user_data")

    with pytest.raises(openai.BadRequestError) as refusal:
        client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )

    assert refusal.value.code == "invalid_input_file"


def test_results_expire_when_they_were_told_to(client, model):
    kept = {"anchor": "created_at", "seconds": 3600}

    batch = start(client, line("a", model), output_expires_after=kept)

    file = client.files.retrieve(batch.output_file_id)
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert file.expires_at - file.created_at in (3600, 3601)


def test_batches_have_the_shape_that_openai_published(client, model, portal, key):
    start(client, line("good", model), line("bad", model, messages=7), metadata={"a": "b"})
    start(client, b"{")

    found = portal.request("GET", "/v1/batches", key).json()

    assert faults("ListBatchesResponse", found) == []
    assert [batch["status"] for batch in found["data"]] == ["failed", "completed"]
    for batch in found["data"]:
        assert faults("Batch", batch) == []
        assert (
            faults("Batch", portal.request("GET", f"/v1/batches/{batch['id']}", key).json()) == []
        )


def test_the_list_goes_page_by_page_newest_first(client, model):
    made = [start(client, line("a", model)).id for _number in range(3)]

    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]


def test_a_stranger_cannot_tell_that_a_batch_exists(client, model, portal, key_of, charlie):
    batch = start(client, line("a", model))
    rival = organizations.found(name="Rival", owner=charlie, country="FR")
    stranger = portal.client(key_of(rival, charlie))

    with pytest.raises(openai.NotFoundError):
        stranger.batches.retrieve(batch.id)
    with pytest.raises(openai.NotFoundError):
        stranger.batches.cancel(batch.id)
    with pytest.raises(openai.NotFoundError):
        stranger.files.content(batch.output_file_id)
    assert stranger.batches.list().data == []
    with pytest.raises(openai.BadRequestError):
        stranger.batches.create(
            input_file_id=batch.input_file_id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
        )


def test_who_asked_for_a_batch_and_how_it_ended_is_audited(client, model, acme):
    start(client, line("a", model))

    with scope(acme):
        entries = AuditEntry.objects.filter(target_kind="gateway.batch").order_by("id")
        acts = [(entry.action, entry.actor_kind) for entry in entries]
    assert acts == [
        ("batch.created", "key"),
        ("batch.checked", "system"),
        ("batch.ended", "system"),
    ]


def test_the_answers_lie_in_the_customers_file_alone(client, model):
    start(client, line("a", model))

    with service():
        assert BatchLine.objects.count() == 0
