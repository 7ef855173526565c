"""What is known of a model beyond its card."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from common.database import service
from marketplace import readiness
from marketplace.models import AIModel, Dossier, ModelChange
from marketplace.services import curation

LINE = "KazMMLU | kk | 61.2 % | 2026-03-31 | our own run"
FACTS = {
    "evaluations": LINE,
    "energy": "410.5",
    "energy_source": "wall plug",
    "red_team": "Gives in to flattery.",
}


@pytest.fixture
def model(mini):
    """A model on sale."""
    return mini.model_version.model


def post(client, model, **facts):
    return client.post(f"/staff/models/{model.pk}/dossier/", {**FACTS, **facts})


def test_customers_read_it_once_a_colleague_agrees(staff_client, colleague_client, client, model):
    proposed = post(staff_client, model)
    assert "KazMMLU" not in client.get("/models/atlas-mini/").content.decode()

    shown = colleague_client.get(proposed["Location"]).content.decode()
    colleague_client.post(f"{proposed['Location']}approve/")

    assert "KazMMLU" in shown
    page = client.get("/models/atlas-mini/").content.decode()
    assert "KazMMLU" in page
    assert "410.5 Wh" in page
    assert "flattery" not in page


def test_notes_on_attacks_hold_at_once_and_the_app_role_cannot_read_them(staff_client, model):
    post(staff_client, model, evaluations="", energy="", energy_source="")

    with service():
        assert Dossier.objects.get(model=model).red_team == "Gives in to flattery."
        assert not ModelChange.objects.exists()
    with pytest.raises(DatabaseError), transaction.atomic():
        Dossier.objects.values_list("red_team").get()


def test_a_draft_is_its_authors_alone(staff_client, form):
    staff_client.post("/staff/models/new/", form)
    draft = AIModel.objects.get(name="Nova")

    post(staff_client, draft)

    with service():
        assert Dossier.objects.get(model=draft).energy == Decimal("410.5")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("KazMMLU", "write name | language"),
        ("KazMMLU | tlh | 61 | 2026-03-31 | x", "the language is one of"),
        ("KazMMLU | kk | 61 | yesterday | x", "write the date"),
        ("KazMMLU | kk |  | 2026-03-31 | x", "write name | language"),
        ("x" * 500, "write name | language"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(staff_client, model, line, fault):
    response = post(staff_client, model, evaluations=f"{LINE}\n{line}")

    assert response.status_code == 422
    assert fault in response.context["form"].errors["evaluations"][0]
    assert "Line 2" in response.context["form"].errors["evaluations"][0]


def test_no_model_is_ready_without_an_evaluation(sam, kim, model, settings):
    settings.EVALUATION_NEEDED = True
    with service():
        assert "No evaluation is attached." in readiness.missing_for(model)
        facts = {"evaluations": [dict(zip(("name", "language", "score", "date", "source"),
                 ("MMLU", "en", "60", "2026-03-31", "own"), strict=True))]}  # fmt: skip
        change = curation.propose(model, ModelChange.Kind.DOSSIER, facts, by=sam)

        curation.approve(change, by=kim)

        assert readiness.missing_for(model) == []
