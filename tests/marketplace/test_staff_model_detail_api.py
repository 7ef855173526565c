"""One model over the staff's API: what the desk's page and its preview show, from the same services."""

import pytest
from django.db import connections

from common.database import service
from marketplace import desk, showcase
from marketplace.models import AIModel, Route
from tenants.models import Classification, Organization

MODELS = "/api/v1/staff/models"
JSON = {"content_type": "application/json"}


@pytest.fixture
def model(mini):
    return mini.model_version.model


@pytest.fixture
def path(model):
    return f"{MODELS}/{model.slug}"


def propose(client, path, kind, facts):
    changed = client.post(f"{path}/changes", {"kind": kind, "facts": facts}, **JSON)
    assert changed.status_code == 201
    return changed.json()["change"]["id"]


def test_a_model_is_told_of_whole(staff_client, model, path):
    told = staff_client.get(path).json()
    with service():
        shown = desk.whole(showcase.all_models().get(pk=model.pk))
        routes = Route.objects.filter(offer__model_version__model=model).count()

    assert (told["slug"], told["status"], told["shown_to"]) == (
        model.slug, "published", "Everybody",
    )  # fmt: skip
    assert told["steps"] == ["deprecated", "retired"]
    assert [(it["title"], it["is_done"]) for it in told["checklist"]] == [
        (it.title, it.is_done) for it in shown.checks
    ]
    assert [it["offer"]["id"] for it in told["offers"]] == [
        it.entry.api_name for it in shown.offers
    ]
    (offer,) = told["offers"]
    assert offer["offer"]["unit_amounts"]["input"] == f"{shown.offers[0].entry.input.normalize():f}"
    assert len(offer["routes"]) == routes > 0
    assert offer["tokenizer"]["sha256"] == ""
    assert (told["changes"], told["coming_prices"], told["replaced_by"]) == ([], [], None)


def test_what_waits_and_what_a_draft_lacks_is_told(staff_client, form, path):
    draft = staff_client.post(MODELS, {"facts": {**form, "licence": ""}}, **JSON).json()
    change = propose(staff_client, path, "card", {"summary": "Other words."})

    lacks = staff_client.get(f"{MODELS}/{draft['slug']}").json()
    waits = staff_client.get(path).json()

    assert (lacks["status"], lacks["steps"]) == ("draft", ["in_review"])
    assert [it["missing"] for it in lacks["checklist"] if it["title"] == "Licence"] == [
        "The licence is missing."
    ]
    assert [it["id"] for it in waits["changes"]] == [change]


def test_a_preview_shows_what_is_proposed_to_everybody_and_to_one(staff_client, acme, path):
    propose(staff_client, path, "card", {"card": "# New words"})

    everybody = staff_client.get(f"{path}/preview").json()
    one = staff_client.get(f"{path}/preview?customer=acme").json()

    assert (everybody["customer"], everybody["has_proposed_card"]) == (None, True)
    assert everybody["model"]["card"] == "# New words"
    assert (one["customer"], one["hidden"], one["shown_to"]) == ("acme", [], None)
    assert one["model"]["offers"] == everybody["model"]["offers"] != []
    assert staff_client.get(path).json()["card"] != "# New words"


def test_a_preview_says_why_a_customer_sees_nothing(staff_client, acme, model, path):
    with service():
        AIModel.objects.filter(pk=model.pk).update(clearance=Classification.PUBLIC)
        Organization.objects.update(classification=Classification.RESTRICTED)

    seen = staff_client.get(f"{path}/preview?customer=acme").json()

    assert seen["model"]["offers"] == []
    assert len(seen["hidden"]) == 1


def test_a_preview_says_to_whom_it_will_be_shown(staff_client, acme, path):
    propose(staff_client, path, "audience", {"audience": "some", "organizations": ["acme"]})

    assert staff_client.get(f"{path}/preview").json()["shown_to"] == "Acme"
    assert staff_client.get(path).json()["shown_to"] == "Everybody"


@pytest.mark.parametrize(
    ("query", "field"),
    [("customer=nobody", "customer"), ("customer=a%00", "customer"), ("as=acme", "as")],
)
def test_eyes_of_nobody_are_refused_by_name(staff_client, path, query, field):
    refused = staff_client.get(f"{path}/preview?{query}")

    assert refused.status_code == 400
    assert list(refused.json()["field_errors"]) == [field]


def test_a_model_asks_a_bounded_number_of_queries(
    staff_client, path, acme, django_assert_max_num_queries
):
    for page in (path, f"{path}/preview?customer=acme"):
        staff_client.get(page)
        with django_assert_max_num_queries(30, connection=connections["service"]):
            staff_client.get(page)


def test_others_find_none_of_it(staff_client, alice_client, client, path):
    for stranger in (alice_client, client):
        assert stranger.get(path).status_code == 404
        assert stranger.get(f"{path}/preview").status_code == 404
    assert staff_client.get(f"{MODELS}/nothing").status_code == 404
    assert staff_client.get(f"{MODELS}/nothing/preview").status_code == 404
