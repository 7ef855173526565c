"""What staff writes of models and services, read, found and changed in several languages."""

import pytest

from common.database import service
from common.languages import said
from marketplace.models import AIModel, Application, ModelChange
from marketplace.services import viewers
from marketplace.viewers import Audience

pytestmark = pytest.mark.usefixtures("catalogue")
ARABIC = "نموذج صغير للأسئلة اليومية."
WORDS = {
    "summary": {"ar": ARABIC, "fr": "Petit et rapide.", "kk": "Шағын әрі жылдам үлгі."},
    "card": {"fr": "## Usage prévu\n\nRésumer des délibérations municipales."},
}
MODEL = "/api/v1/staff/models/atlas-mini/changes"
SERVICES = "/api/v1/staff/services"
JSON = {"content_type": "application/json"}


@pytest.fixture
def spoken(catalogue):
    """The demo's smallest model, described in other languages too."""
    with service():
        model = AIModel.objects.get(slug="atlas-mini")
        model.translations = WORDS
        model.save()
    return model


def read(client, address, language):
    return client.get(address, headers={"accept-language": language})


def found(client, words, language="en"):
    page = client.get(
        "/models/", {"q": words}, headers={"accept-language": language, "HX-Request": "true"}
    )
    return {entry.slug for entry in page.context["offers"]}


@pytest.mark.parametrize("address", ["/models/", "/models/atlas-mini/"])
def test_a_model_is_read_in_the_readers_language(client, spoken, address):
    page = read(client, address, "ar").content.decode()

    assert f"<bdi >{ARABIC}</bdi>" in page
    assert f">{spoken.summary}</bdi></p>" not in page


def test_the_card_is_read_in_the_readers_language(client, spoken):
    page = read(client, "/models/atlas-mini/", "fr").content.decode()

    assert "<h3><bdi>Usage prévu</bdi></h3>" in page
    assert "Résumer des délibérations municipales." in page


def test_what_is_not_written_in_a_language_is_marked_as_what_it_is(client, spoken):
    page = read(client, "/models/atlas-mini/", "ru").content.decode()
    card = read(client, "/models/atlas-mini/", "ar").content.decode()

    assert f'<bdi lang="en" dir="ltr">{spoken.summary}</bdi>' in page
    assert '<div class="model-card" lang="en" dir="ltr">' in card


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("اليومية", "ar"),
        ("délibération", "fr"),
        ("municipales", "en"),
        ("жылдам", "kk"),
    ],
)
def test_a_model_is_found_by_what_is_written_in_any_language(client, spoken, words, language):
    assert found(client, words, language) == {"atlas-mini"}


def test_what_is_not_written_any_more_is_not_found(client, spoken):
    with service():
        AIModel.objects.filter(pk=spoken.pk).update(translations={})

    assert found(client, "délibération", "fr") == set()


def test_a_model_for_some_is_found_by_them_alone(client, alice_client, acme, spoken, staff_client):
    with service():
        audience = Audience(organizations=frozenset({acme.pk}))
        viewers.show_to(spoken, audience, by=None)

    assert found(alice_client, "délibérations", "fr") == {"atlas-mini"}
    assert found(client, "délibérations", "fr") == set()


def test_the_api_says_in_which_language_it_answers(client, spoken):
    answer = read(client, "/api/v1/models/atlas-mini", "ar").json()

    offer = answer["offers"][0]
    assert (offer["summary"], offer["summary_language"]) == (ARABIC, "ar")
    assert answer["card_language"] == "en"
    assert answer["card"].startswith(spoken.summary)


def propose(client, translations):
    facts = {"translations": translations}
    return client.post(MODEL, {"kind": "card", "facts": facts}, **JSON)


def test_what_is_written_in_a_language_waits_for_a_second_person(
    client, staff_client, colleague_client
):
    change = propose(staff_client, {"summary": {"fr": "Petit."}, "card": {"fr": "Un.\n\nDeux."}})
    address = f"/api/v1/staff/model-changes/{change.json()['change']['id']}"

    assert change.status_code == 201, change.json()
    told = {it["field"]: it for it in change.json()["change"]["differences"]}
    assert told["Summary (français)"]["after"] == "Petit."
    assert "Model card (français)" in told
    assert "Petit." not in read(client, "/models/atlas-mini/", "fr").content.decode()
    assert staff_client.post(f"{address}/approve", {}, **JSON).status_code == 403
    with service():
        assert AIModel.objects.get(slug="atlas-mini").translations == {}

    assert colleague_client.post(f"{address}/approve", {}, **JSON).status_code == 200

    assert "Petit." in read(client, "/models/atlas-mini/", "fr").content.decode()
    applied = staff_client.get(address).json()["differences"]
    assert "Petit." in [it["after"] for it in applied]


def test_one_language_is_changed_and_the_others_stay(spoken, staff_client, colleague_client):
    change = propose(staff_client, {"summary": {"fr": "", "ru": "Маленькая."}}).json()["change"]
    colleague_client.post(f"/api/v1/staff/model-changes/{change['id']}/approve", {}, **JSON)

    with service():
        kept = AIModel.objects.get(pk=spoken.pk).translations
    assert kept["card"] == WORDS["card"]
    assert kept["summary"] == {
        "ar": ARABIC,
        "kk": WORDS["summary"]["kk"],
        "ru": "Маленькая.",
    }


@pytest.mark.parametrize(
    ("translations", "field"),
    [
        ({"summary": {"de": "Klein."}}, "summary_de"),
        ({"name": {"fr": "Atlas"}}, "name_fr"),
        ({"summary": {"fr": "x" * 251}}, "summary_fr"),
        (["fr"], "translations"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_name(staff_client, translations, field):
    refused = propose(staff_client, translations)

    assert refused.status_code == 422
    assert list(refused.json()["field_errors"]) == [field]
    with service():
        assert not ModelChange.objects.exists()


def test_the_desk_folds_languages_away_but_for_what_is_wrong(staff_client, spoken):
    address = f"/staff/models/{spoken.pk}/edit/"
    page = staff_client.get(f"{address}?language=ar")
    form = page.context["form"]
    sent = {name: form[name].value() for name in form.fields}
    sent |= {"summary_kk": "x" * 251}

    refused = staff_client.post(address, {k: v for k, v in sent.items() if v is not None})

    assert open_folds(page) == ["ar"]
    assert refused.status_code == 422
    assert open_folds(refused) == ["kk"]


def open_folds(page):
    return [
        fold.code
        for filled in page.context["form"].filled_sections()
        for fold in filled.folds
        if fold.is_open
    ]


def test_a_service_is_described_in_several_languages(
    client, alice_client, acme, staff_client, colleague_client
):
    with service():
        slug = Application.objects.live().first().slug
    facts = {"translations": {"summary": {"kk": "Хаттарға жауап."}, "description": {"kk": "Иә."}}}
    change = staff_client.post(
        f"{SERVICES}/{slug}/changes", {"kind": "card", "facts": facts}, **JSON
    )
    assert change.status_code == 201, change.json()
    differences = change.json()["change"]["differences"]
    assert [it["field"] for it in differences] == ["Summary (Қазақ)", "Description (Қазақ)"]
    assert "Хаттарға" not in read(client, f"/services/{slug}/", "kk").content.decode()

    approved = f"/api/v1/staff/service-changes/{change.json()['change']['id']}/approve"
    assert colleague_client.post(approved, {}, **JSON).status_code == 200

    page = read(client, f"/services/{slug}/", "kk").content.decode()
    assert "<bdi >Хаттарға жауап.</bdi>" in page
    listed = read(client, "/services/?q=хаттарға", "kk")
    assert [it.application.slug for it in listed.context["entries"]] == [slug]
    answer = read(alice_client, f"/api/v1/organizations/acme/services/{slug}", "kk").json()
    assert (answer["summary"], answer["description"]) == ("Хаттарға жауап.", "Иә.")


def test_a_text_is_marked_only_where_it_is_foreign():
    assert said("Small.", {"fr": "Petit."}).marked == "<bdi >Small.</bdi>"
    assert said("<b>", {}).marked == "<bdi >&lt;b&gt;</bdi>"
