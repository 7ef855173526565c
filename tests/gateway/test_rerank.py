"""`/v1/rerank`, in the shape that Cohere, Jina and vLLM share."""

import json
from decimal import Decimal

import httpx2 as httpx
import pytest

from tests.gateway.conftest import events, leased, recorded, remaining, wait_for

DOCUMENTS = ["Pasta.", {"text": "A tile of a mosaic."}, "A coin."]


@pytest.fixture
def ranker(make_offer):
    """The name of a model that ranks."""
    return make_offer(kind="rerank", max_output=0, prices={"input": "0.000001"}).name


@pytest.fixture
def post(gateway, key, pay, ranker):
    """Rank the documents."""
    pay("10")
    headers = {"authorization": f"Bearer {key}"}

    def post(**facts):
        body = {"model": ranker, "query": "What is a tessera?", "documents": DOCUMENTS, **facts}
        return httpx.post(gateway.url + "/v1/rerank", json=body, headers=headers)

    return post


def ranking(*scores, **facts):
    """Return an engine's answer: an index and a score each."""
    results = [
        {"index": index, "relevance_score": score, "document": {"text": "engine's"}}
        for index, score in scores
    ]
    usage = {"total_tokens": 30}
    return json.dumps({"id": "x", "results": results, "usage": usage, **facts}).encode()


def test_documents_are_ranked_and_billed_to_the_last_digit(post, ranker, engine):
    engine.raw = ranking((0, 0.1), (1, 0.9), (2, 0.5))

    reply = post()

    assert reply.status_code == 200
    assert reply.json() == {
        "id": "rerank-" + reply.headers["x-request-id"].removeprefix("req_"),
        "model": ranker,
        "results": [
            {"index": 1, "relevance_score": 0.9},
            {"index": 2, "relevance_score": 0.5},
            {"index": 0, "relevance_score": 0.1},
        ],
        "usage": {"prompt_tokens": 30, "total_tokens": 30},
    }
    (event,) = recorded()
    assert (event.input_tokens, event.output_tokens, event.outcome) == (30, 0, "completed")
    assert event.policy["estimated"] is False
    assert remaining() == 10 - 30 * Decimal("0.000001")
    (request,) = engine.requests
    assert (request["path"], request["model"]) == ("/v1/rerank", "engine-model")
    assert request["documents"] == ["Pasta.", "A tile of a mosaic.", "A coin."]


def test_the_best_are_told_with_their_texts(post, engine):
    engine.raw = ranking((0, 0.1), (1, 0.9), (2, 0.5))

    results = post(top_n=2, return_documents=True).json()["results"]

    assert [(it["index"], it["document"]["text"]) for it in results] == [
        (1, "A tile of a mosaic."),
        (2, "A coin."),
    ]
    assert engine.requests[0]["top_n"] == 2


def test_openais_client_posts_to_it(client, ranker, engine):
    engine.raw = ranking((0, 0.5))

    body = {"model": ranker, "query": "x", "documents": ["y"]}
    answer = client.post("/rerank", cast_to=object, body=body)

    assert answer["results"][0]["relevance_score"] == 0.5


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": 10**9}, {"total_tokens": "30"}]
)
def test_a_lie_about_usage_is_replaced_by_our_own_count(post, engine, usage):
    engine.raw = ranking((0, 0.5), usage=usage)

    told = post().json()["usage"]["prompt_tokens"]

    (event,) = recorded()
    assert event.policy["estimated"] is True
    # The query three times and the documents are 86 bytes.
    assert told == event.input_tokens == 22


def test_the_query_counts_once_for_every_document(post, engine):
    # Of 2,000 documents an honest engine reads the query 2,000 times.
    engine.raw = ranking((0, 0.5), usage={"prompt_tokens": 40_000})

    post(documents=["x"] * 2_000)

    (event,) = recorded()
    assert (event.input_tokens, event.policy["estimated"]) == (40_000, False)


@pytest.mark.parametrize(
    "raw",
    [
        ranking(),
        ranking((7, 0.5)),
        ranking((-1, 0.5)),
        b'{"results": [{"index": 0}]}',
        b'{"results": [{"index": 0, "relevance_score": "high"}]}',
        b'{"error": "out of memory"}',
        b"[]",
    ],
)
def test_an_answer_that_is_no_ranking_is_502_and_costs_nothing(post, engine, raw):
    engine.raw = raw

    reply = post()

    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_error")
    wait_for(lambda: leased() == 0, seconds=8)
    assert events() == []


@pytest.mark.parametrize(
    ("facts", "param"),
    [
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": ["x"]}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "x"}, "documents"),
        ({"documents": ["x"] * 2_049}, "documents"),
        ({"documents": ["x", 5]}, "documents[1]"),
        ({"documents": [{"title": "x"}]}, "documents[0].text"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "2"}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"api_base": "http://elsewhere"}, "api_base"),
    ],
)
def test_what_is_malformed_is_refused_by_name(post, engine, facts, param):
    reply = post(**facts)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert engine.requests == []


def test_a_chat_model_ranks_nothing_and_a_ranker_does_not_chat(client, ranker, model, engine):
    body = {"query": "x", "documents": ["y"]}
    paths = {"/rerank": {"model": model, **body}, "/embeddings": {"model": ranker, "input": "x"}}

    replies = [
        httpx.post(f"{client.base_url}{path[1:]}", json=body, headers=client.auth_headers)
        for path, body in paths.items()
    ]

    assert {reply.json()["error"]["code"] for reply in replies} == {"model_not_supported"}
    assert engine.requests == []
