"""Models side by side, models alike, and marks."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from common.database import service
from marketplace import showcase, similar
from marketplace.models import AIModel
from marketplace.services import publishing

pytestmark = pytest.mark.usefixtures("catalogue")
FOUR = "m=atlas-mini&m=atlas-large&m=atlas-reason&m=atlas-embed"


def compared(response):
    return response.context["chosen"].names


def test_models_stand_beside_each_other_in_the_order_asked_for(client):
    response = client.get("/models/compare/?m=atlas-reason&m=atlas-mini")

    rows = {str(row.label): row for row in response.context["rows"]}
    assert compared(response) == ["atlas-reason", "atlas-mini"]
    assert [str(cell.value.amount.normalize()) for cell in rows["Input"].cells] == ["2", "0.15"]
    assert rows["Input"].differs
    assert not rows["Licence"].differs


def test_what_differs_is_said_in_words(client):
    page = client.get("/models/compare/?m=atlas-reason&m=atlas-mini").content.decode()

    assert re.search(r"Context window\s*<span[^>]*>differs", page)
    assert not re.search(r"Licence\s*<span[^>]*>differs", page)


def test_what_is_the_same_can_be_left_out(client):
    response = client.get("/models/compare/?m=atlas-reason&m=atlas-mini&only=differences")

    assert all(row.differs for row in response.context["rows"])


def test_a_fifth_is_refused_with_a_sentence(client):
    response = client.get(f"/models/compare/?{FOUR}&m=atlas-rerank")

    assert compared(response) == ["atlas-mini", "atlas-large", "atlas-reason", "atlas-embed"]
    assert "Left out: Atlas Rerank" in response.content.decode()
    assert (
        "Left out: Atlas Rerank" in client.get(f"/models/?{FOUR}&m=atlas-rerank").content.decode()
    )


def test_an_unknown_model_is_named_and_stays_text(client):
    response = client.get("/models/compare/", {"m": ["atlas-mini", "<b>none</b>", "\x00"]})

    assert compared(response) == ["atlas-mini"]
    assert "&lt;b&gt;none&lt;/b&gt;" in response.content.decode()


def test_the_catalogue_takes_models_in_and_out_and_keeps_its_filters(client):
    page = client.get("/models/?kind=chat&m=atlas-mini").content.decode()

    assert 'href="/models/?kind=chat&amp;m=atlas-mini&amp;m=atlas-large"' in page
    assert 'href="/models/?kind=chat"' in page
    assert 'href="/models/compare/?m=atlas-mini"' in page
    assert '<input type="hidden" name="m" value="atlas-mini">' in page


def test_a_model_is_added_without_scripts(client):
    page = client.get("/models/compare/?m=atlas-mini").content.decode()

    assert '<option value="atlas-large">' in page
    assert '<option value="atlas-mini">' not in page


def test_similar_models_are_of_the_same_kind_nearest_first(client):
    entries = {it.api_name: it for it in showcase.offers()}

    found = similar.to([entries["atlas-reason"]], entries.values())

    assert [it.api_name for it in found] == ["atlas-mini", "atlas-large"]
    assert similar.to([entries["atlas-embed"]], entries.values()) == []


def test_the_points_of_similar_models_follow_the_rule():
    entries = {it.api_name: it for it in showcase.offers()}

    points = similar.score(entries["atlas-mini"], entries["atlas-large"])

    # one of two modalities, the family, three of four features, an eighth of the price
    assert points == pytest.approx(3 / 2 + 2 + 3 * 3 / 4 + 2 / 8)
    assert similar.score(entries["atlas-mini"], entries["atlas-mini"]) == 10


def test_a_model_page_proposes_and_compares_similar_ones(client):
    page = client.get("/models/atlas-mini/").content.decode()

    assert "Similar models" in page
    assert "/models/compare/?m=atlas-mini&amp;m=atlas-reason&amp;m=atlas-large" in page


def test_a_new_model_is_marked_for_a_month(client):
    assert "badge-note" in client.get("/models/?q=mini").content.decode()
    with service():
        old = timezone.now() - timedelta(days=31)
        AIModel.objects.filter(slug="atlas-mini").update(published_at=old)

    assert "badge-note" not in client.get("/models/?q=mini").content.decode()


def test_a_model_that_goes_is_marked_with_its_day(client):
    day = timezone.now() + timedelta(days=40)
    with service():
        publishing.deprecate(AIModel.objects.get(slug="atlas-mini"), by=None, retires_at=day)

    page = client.get("/models/?q=mini").content.decode()

    assert f"Retires on {day.day} {day:%B %Y}" in page
