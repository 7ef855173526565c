"""Finding models by words, in several languages."""

import pytest
from django.utils import translation

from common.database import service
from marketplace import finding
from marketplace.models import AIModel, ModelWords, Publisher

pytestmark = pytest.mark.usefixtures("catalogue")


def names(response):
    return [entry.api_name for entry in response.context["offers"]]


def rewrite(slug, **facts):
    with service():
        AIModel.objects.filter(slug=slug).update(**facts)


@pytest.mark.parametrize(
    "words",
    [
        "mini",  # its name
        "ATLAS min",  # how words begin, in any case
        "extracted",  # the stem of a word of its summary
        "the answers that are short",  # words that say nothing are left out
        "FRUGÁL",  # another accent than the text's
    ],
)
def test_a_model_is_found_by_its_words(client, words):
    assert "atlas-mini" in names(client.get("/models/", {"q": words}))


@pytest.mark.parametrize(
    ("language", "card", "words"),
    [
        ("fr", "Des résumés de réunions administratives.", "resume reunion administratif"),
        ("fr", "Des résumés de réunions administratives.", "RÉSUMÉS"),
        ("ar", "نموذج للترجمة والتلخيص", "الترجمة"),
        ("ar", "نَموذَج لِلتَرجَمة", "نموذج"),
        ("ru", "Пишет протоколы заседаний", "протоколами заседание"),
        ("kk", "Құжаттарды аударады", "құжат"),
    ],
)
def test_a_card_is_searched_in_the_readers_language(language, card, words):
    rewrite("atlas-reason", card=card)

    with translation.override(language):
        found = finding.search(words)

    assert set(found.ranks) == {AIModel.objects.get(slug="atlas-reason").pk}


@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "Kazakh"), ("fr", "kazakh"), ("ar", "الكازاخية"), ("en", "kazak")],
)
def test_a_language_is_found_by_its_name_in_any_language(client, language, word):
    with translation.override(language):
        found = finding.search(word)

    slugs = set(AIModel.objects.filter(pk__in=found.ranks).values_list("slug", flat=True))
    assert slugs == {"atlas-embed", "atlas-large", "atlas-rerank"}


def test_a_feature_is_found_by_its_name(client):
    assert names(client.get("/models/?q=vision")) == ["atlas-large"]


def test_the_name_weighs_more_than_the_card(client):
    rewrite("atlas-embed", card="Goes well with atlas mini.")

    assert names(client.get("/models/?q=mini"))[0] == "atlas-mini"
    assert names(client.get("/models/?q=mini&sort=name")) == ["atlas-embed", "atlas-mini"]


def test_a_publisher_who_changes_the_name_is_found_by_the_new_one(client):
    with service():
        Publisher.objects.filter(slug="atlas").update(name="Cartographers")

    assert len(names(client.get("/models/?q=cartog"))) == 5


@pytest.mark.parametrize("words", ["' | 'x", "a:* & b", "!!", "\\", "%_", "0", "<->", "ن" * 90])
def test_no_text_breaks_the_search(client, words):
    assert client.get("/models/", {"q": words}).status_code == 200


def test_the_words_of_a_private_model_are_not_kept(acme):
    rewrite("atlas-mini", owner=acme)
    rewrite("atlas-mini", summary="Secret")

    assert not ModelWords.objects.filter(model__slug="atlas-mini").exists()
