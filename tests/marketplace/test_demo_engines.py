"""What the demo sells follows the engine: its address, and the models it lists."""

import pytest

from common.database import service
from marketplace import demo, queries
from marketplace.models import AIModel, Bundle, Kind, Upstream
from marketplace.served import read
from metering.models import PROMPT_PARTS, REQUEST_PARTS

LISTED = [
    {"id": "meta-llama/Llama-3.1-8B-Instruct", "object": "model", "max_model_len": 4096},
    {"id": "qwen2.5:0.5b", "object": "model"},
    {"id": "BAAI/bge-m3", "object": "model", "max_model_len": 8192},
]
SIMULATED = ["atlas-embed", "atlas-large", "atlas-mini", "atlas-reason", "atlas-rerank"]


@pytest.fixture(autouse=True)
def engine(settings):
    """An engine of the operator's own."""
    settings.ENGINE_URL = "http://engine.example/v1"
    settings.ENGINE_API_KEY = "sesame"


def sold():
    """Return what can be called, by name."""
    with service():
        return {offer.name: offer for offer in queries.snapshot()}


def routed(offer):
    """Return where an offer's calls go."""
    return [(way.base_url, way.credential, way.upstream_model) for way in offer.routes]


def test_the_models_an_engine_lists_are_sold_under_their_names(db):
    demo.seed(LISTED)

    llama, qwen, vectors = (sold()[row["id"]] for row in LISTED)
    assert (llama.publisher, llama.context_window, llama.max_output) == ("meta-llama", 4096, 1024)
    assert (qwen.kind, qwen.context_window, qwen.max_output) == (Kind.CHAT, 8192, 2048)
    assert (vectors.kind, vectors.max_output) == (Kind.EMBEDDING, 0)
    assert routed(qwen) == [("http://engine.example/v1", "sesame", "qwen2.5:0.5b")]
    # What has no price of its own costs what it follows does.
    assert set(qwen.prices) == {*REQUEST_PARTS}
    assert set(vectors.prices) == {*PROMPT_PARTS}
    with service():
        assert AIModel.objects.get(slug="qwen2-5-0-5b").card.startswith("Found on the engine")
        assert Bundle.objects.get(slug="tokens-10m").summary == "A fixed quantity for all models."


def test_a_second_seed_adds_what_the_engine_lists_by_now_and_changes_nothing_else(db):
    demo.seed(LISTED[:1])
    with service():
        AIModel.objects.update(summary="Ours, checked.", context_window=2048)

    demo.seed(LISTED)

    assert sorted(sold()) == sorted(row["id"] for row in LISTED)
    with service():
        first = AIModel.objects.get(name=LISTED[0]["id"])
    assert (first.summary, first.context_window) == ("Ours, checked.", 2048)


def test_the_address_follows_its_variables(db, settings):
    demo.seed(LISTED)
    settings.ENGINE_URL, settings.ENGINE_API_KEY = "http://other.example/v1", ""

    demo.seed(LISTED)

    assert routed(sold()["qwen2.5:0.5b"]) == [("http://other.example/v1", "", "qwen2.5:0.5b")]


def test_the_simulated_models_leave_when_an_engine_comes_and_return_when_it_goes(db, settings):
    settings.ENGINE_URL = "http://localhost:8003/v1"
    demo.seed()
    settings.ENGINE_URL = "http://engine.example/v1"

    demo.seed(LISTED[:1])
    with_engine = sorted(sold())
    settings.ENGINE_URL = "http://localhost:9003/v1"
    demo.seed()

    assert with_engine == [LISTED[0]["id"]]
    assert sorted(sold()) == sorted([*SIMULATED, LISTED[0]["id"]])
    assert routed(sold()["atlas-mini"]) == [("http://localhost:9003/v1", "", "atlas-mini")]
    with service():
        assert Upstream.objects.get(slug="engine").base_url == "http://engine.example/v1"


def test_a_model_that_staff_retired_stays_retired(db):
    demo.seed()
    with service():
        AIModel.objects.filter(slug="atlas-large").update(status="deprecated")

    demo.seed()

    with service():
        assert AIModel.objects.get(slug="atlas-large").status == "deprecated"


def test_an_engine_that_serves_a_simulated_model_takes_it_over(db):
    demo.seed()

    demo.seed([{"id": "atlas-mini"}])

    assert sorted(sold()) == ["atlas-mini"]
    assert routed(sold()["atlas-mini"]) == [("http://engine.example/v1", "sesame", "atlas-mini")]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": ""},
        {"id": 7},
        {"id": "x" * 101},
        {"id": "???"},
        {"id": "openai/whisper-large-v3"},
    ],
)
def test_what_cannot_be_called_is_not_sold(row):
    assert read([row]) == []


@pytest.mark.parametrize("length", [None, 0, -1, "4096", True])
def test_a_context_that_is_no_length_is_taken_for_the_usual(length):
    assert read([{"id": "tiny", "max_model_len": length}])[0].context == 8192


def test_a_model_that_is_listed_twice_is_sold_once():
    assert len(read([{"id": "tiny:latest"}, {"id": "tiny:latest"}, {"id": "tiny-latest"}])) == 1
