"""The catalogue over the API: what the pages show, as data; and the calculator without scripts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from common.database import service
from marketplace import calculating, queries, showcase
from marketplace.models import AIModel, Bundle, Measurement, Offer
from marketplace.services import access, pricing, publishing
from tenants.scope import scope
from tests.support.people import signed_in

pytestmark = pytest.mark.usefixtures("catalogue")
API = "/api/v1/models"


def test_a_model_is_told_with_its_price_place_and_limits(client):
    (found,) = client.get(f"{API}?q=mini").json()["results"]

    with service():
        offer = Offer.objects.select_related("model_version__model").get(name="atlas-mini")
        prices = offer.prices.filter(service_tier="standard", effective_until=None)
        expected = {it.token_part: it.per_token for it in prices}
    assert {part: Decimal(it) for part, it in found["unit_amounts"].items()} == expected
    assert found["limits"] == {
        "requests_per_minute": offer.default_rpm,
        "tokens_per_minute": offer.default_tpm,
        "concurrency": offer.default_concurrency,
    }
    assert (found["region"], found["jurisdiction"]) == (offer.region_id, "EU")
    assert (found["slug"], found["status"], found["has_terms"]) == (
        "atlas-mini",
        "published",
        False,
    )


def test_the_api_sorts_and_filters_as_the_page_does(client):
    for query in (
        "?sort=price",
        "?sort=context",
        "?kind=embedding",
        "?features=tools&sort=answers",
    ):
        page = [it.api_name for it in client.get(f"/models/{query}").context["offers"]]
        assert [it["id"] for it in client.get(f"{API}{query}").json()["results"]] == page


@pytest.mark.parametrize(
    ("query", "field"), [("sort=colour", "sort"), ("kind=car", "kind"), ("context=long", "context")]
)
def test_a_filter_that_makes_no_sense_is_named(client, query, field):
    refused = client.get(f"{API}?{query}")

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert list(refused.json()["field_errors"]) == [field]


def test_a_model_tells_its_card_and_what_it_will_cost(client):
    day = timezone.now() + timedelta(days=10)
    with service():
        offer = Offer.objects.get(name="atlas-mini")
        pricing.change(offer, {"input": Decimal("0.33")}, by=None, effective_from=day)

    found = client.get(f"{API}/atlas-mini").json()

    (coming,) = found["coming_prices"]
    assert (coming["unit_amount"], coming["currency"]) == ("0.00000033", "EUR")
    assert found["card"]
    assert [it["id"] for it in found["offers"]] == ["atlas-mini"]


def test_models_are_compared_by_either_name(client):
    found = client.get(f"{API}/compare?m=atlas-mini&m=atlas-large&m=nobody").json()

    assert [it["id"] for it in found["models"]] == ["atlas-mini", "atlas-large"]
    assert found["unknown"] == ["nobody"]
    rows = {it["question"]: it for it in found["rows"]}
    assert rows["Input"]["differs"] is True
    assert rows["Input"]["answers"][0]["value"] == {"amount": "0.15", "currency": "EUR"}
    assert rows["Kind"]["differs"] is False


def test_changes_are_told_since_a_moment(client):
    with service():
        publishing.deprecate(
            AIModel.objects.get(slug="atlas-mini"),
            by=None,
            retires_at=timezone.now() + timedelta(days=40),
            replaced_by=AIModel.objects.get(slug="atlas-large"),
        )

    newest = client.get(f"{API}/changes").json()[0]

    assert (newest["what"], newest["replaced_by"]) == ("deprecated", "atlas-large")
    later = (timezone.now() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert client.get(f"{API}/changes?since={later}").json() == []
    assert client.get(f"{API}/changes?since=soon").json()["code"] == "invalid_request"


def test_a_list_is_read_page_by_page(client):
    whole = client.get(f"{API}?sort=price").json()
    names = [it["id"] for it in whole["results"]]
    assert (whole["next"], whole["previous"]) == (None, None)

    first = client.get(f"{API}?sort=price&limit=2").json()
    second = client.get(first["next"]).json()

    assert first["total"] == whole["total"] == len(names) > 4
    assert [it["id"] for it in first["results"] + second["results"]] == names[:4]
    assert first["previous"] is None
    assert client.get(second["previous"]).json()["results"] == first["results"]
    read, onward = list(second["results"]), second["next"]
    while onward:
        page = client.get(onward).json()
        read, onward = read + page["results"], page["next"]
    assert [it["id"] for it in first["results"] + read] == names


@pytest.mark.parametrize("cursor", ["", "x", "bz0x%FF", "bz0tMQ==", "cD0x", "bz05OTk5OTk5OTk5"])
def test_a_cursor_that_is_none_of_ours_is_not_found(client, cursor):
    assert client.get(f"{API}?cursor={cursor}").status_code == 404


def measured(customers):
    """Let atlas-mini have been measured of so many customers' calls."""
    with service():
        now = timezone.now()
        offer = Offer.objects.get(name="atlas-mini")
        Measurement.objects.update_or_create(
            offer=offer,
            defaults={
                "since": now - timedelta(days=30),
                "until": now,
                "calls": 4_000,
                "customers": customers,
                "ttft_p50_ms": 210,
                "ttft_p95_ms": 640,
                "tokens_per_second": Decimal("71.50"),
                "inter_token_p95_ms": None,
                "availability": Decimal("99.950"),
            },
        )


def test_what_was_measured_is_told_unless_it_tells_of_single_customers(client):
    (unmeasured,) = client.get(f"{API}?q=mini").json()["results"]
    measured(customers=2)
    (of_two,) = client.get(f"{API}?q=mini").json()["results"]
    measured(customers=3)

    (listed,) = client.get(f"{API}?q=mini").json()["results"]
    (shown,) = client.get(f"{API}/atlas-mini").json()["offers"]

    assert (unmeasured["measured"], of_two["measured"]) == (None, None)
    assert listed["measured"] == shown["measured"]
    figures = {name: it for name, it in listed["measured"].items() if name != "since"}
    assert figures == {
        "calls": 4_000,
        "ttft_p50_ms": 210,
        "ttft_p95_ms": 640,
        "tokens_per_second": "71.5",
        "availability": "99.95",
    }


def test_the_gateway_reads_what_was_measured_with_the_offers(django_assert_max_num_queries):
    measured(customers=3)
    with service():
        few = queries.snapshot()
        with django_assert_max_num_queries(12):
            found = {it.name: it.measured for it in queries.snapshot()}

    assert found["atlas-mini"].ttft_p95_ms == 640
    assert [name for name, it in found.items() if it] == ["atlas-mini"]
    assert len(few) > 4


def test_what_nobody_has_is_not_found(client):
    for path in ("/nobody", "/nobody/similar"):
        refused = client.get(f"{API}{path}")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_a_wrong_key_is_refused_and_not_taken_for_a_stranger(client):
    assert client.get(API, headers={"authorization": "Bearer tsr_nothing"}).status_code == 401


def test_a_list_asks_few_questions(client, django_assert_max_num_queries):
    # What everybody sees is read whole by whoever comes first.
    client.get(API)
    with django_assert_max_num_queries(8):
        client.get(API)


def test_the_calculator_answers_without_a_script(client):
    page = client.get("/models/atlas-mini/?requests=1000&input=2000&output=500&budget=10")
    found = page.context["calculator"]

    # 2000 tokens at 0.15 and 500 at 0.60 a million.
    assert found.day.amount == Decimal("0.6")
    assert (found.tokens_a_day, found.month.amount) == (2_500_000, Decimal(18))
    assert (found.requests, found.tokens, found.days) == (16_666, 41_665_000, 16)
    content = page.content.decode()
    assert 'data-answer="days">16<' in content
    assert "data-needs-script" not in content.split('id="calculator"')[1].split(">")[0]


def test_the_calculator_says_how_many_days_a_bundle_lasts(client):
    page = client.get("/models/atlas-mini/?requests=1000&input=2000&output=500")
    lasting = {it.bundle.slug: it for it in page.context["calculator"].bundles}

    with service():
        bundles = {it.slug: it for it in Bundle.objects.filter(is_active=True)}
    assert lasting
    for slug, found in lasting.items():
        bundle = bundles[slug]
        a_day = (
            Decimal("0.6")
            if bundle.grant_unit == "money"
            else 1000 * (2000 * found.input_weight + 500 * found.output_weight)
        )
        assert found.days == int(bundle.grant_quantity // a_day)
        assert found.is_cut is (found.days > bundle.validity_days)
        assert f'data-bundle="{slug}"' in page.content.decode()
    assert {it.bundle.grant_unit for it in lasting.values()} == {"money", "tokens"}


def test_nothing_used_lasts_for_ever(client):
    found = client.get("/models/atlas-mini/?requests=0").context["calculator"]

    assert (found.day.amount, found.days) == (0, None)
    assert {it.days for it in found.bundles} == {None}


@pytest.mark.parametrize("wrong", ["requests=many", "input=-1", "budget=1e9", "offer=nobody"])
def test_the_calculator_names_what_it_cannot_read(client, wrong):
    page = client.get(f"/pricing/?{wrong}")

    found = page.context["calculator"]
    assert list(found.form.errors) == [wrong.split("=")[0]]
    assert found.day.amount > 0, "it goes on with what is usual"
    assert page.status_code == 200


def test_a_model_that_makes_no_tokens_is_not_asked_for_them(client):
    found = client.get("/pricing/?offer=atlas-embed&requests=10&input=100&output=5000").context

    assert found["calculator"].tokens_a_day == 1000


def test_without_a_price_there_is_nothing_to_reckon(db):
    assert calculating.reckon([], {}) is None
    with service():
        assert calculating.reckon(showcase.offers("XPF"), {}) is None


def test_who_must_be_let_in_first_is_not_invited_to_try(alice_client, acme, alice):
    def leads_there():
        return "/o/acme/playground/" in alice_client.get("/models/atlas-mini/").context["try_url"]

    assert leads_there()
    with service():
        model = AIModel.objects.get(slug="atlas-mini")
        access.ask_for(model, text="Be kind.", needs_approval=False, by=None)
    assert not leads_there()
    page = alice_client.get("/models/atlas-mini/").content.decode()
    assert "Before you call it: accept its terms" in page

    with scope(acme):
        access.accept(acme, model, version=1, by=alice)

    assert leads_there()


def test_the_price_is_the_readers_own(alice_client, acme, client, charlie):
    assert "These are the prices of Acme." in alice_client.get("/pricing/").content.decode()
    for browser in (client, signed_in(charlie)):
        assert "These are the prices" not in browser.get("/pricing/").content.decode()
