"""New drafts over the staff's API: the page's form and service."""

import pytest

from common.database import service
from marketplace.models import AIModel, Offer, TokenClass

MODELS = "/api/v1/staff/models"
JSON = {"content_type": "application/json"}


def send(client, facts, path=MODELS, **headers):
    return client.post(path, {"facts": facts}, headers=headers, **JSON)


def drafts():
    with service():
        return AIModel.objects.filter(name="Nova").count()


def test_a_draft_is_added_once_a_key_and_nobody_sees_it(staff_client, client, form):
    facts = form | {"token_class": TokenClass.objects.get().code}
    first, again = (send(staff_client, facts, **{"Idempotency-Key": "one"}) for _ in "12")

    assert (first.status_code, first.json(), drafts()) == (201, again.json(), 1)
    told = first.json()
    assert (told["slug"], told["status"], told["offers"]) == ("nova-1-5", "draft", ["nova-1.5"])
    assert client.get("/models/nova-1-5/").status_code == 404
    with service():
        assert Offer.objects.get(name="nova-1.5").token_class is not None
    listed = staff_client.get(f"{MODELS}?q=nova&status=draft").json()["results"]
    assert listed == [told]
    assert send(staff_client, form).status_code == 422


def test_a_draft_is_edited_at_once(staff_client, form):
    send(staff_client, form)

    changes = f"{MODELS}/nova-1-5/changes"
    body = {"kind": "card", "facts": {"summary": "Other words."}}
    edited = staff_client.post(changes, body, **JSON)
    terms = {"kind": "terms", "facts": {"offer": "nova-1.5", "default_rpm": 7}}
    limited = staff_client.post(changes, terms, **JSON)

    assert (edited.json()["is_done"], limited.json()["is_done"]) == (True, True)
    with service():
        assert AIModel.objects.get(slug="nova-1-5").summary == "Other words."
        assert Offer.objects.get(name="nova-1.5").default_rpm == 7


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"upstream": "00000000-0000-0000-0000-000000000000"}, "upstream"),
        ({"upstream": None}, "upstream"),
        ({"offer_name": "no name"}, "offer_name"),
        ({"offer_name": "atlas-mini"}, "offer_name"),
        ({"token_class": "none"}, "token_class"),
        ({"price_input": "-1"}, "price_input"),
        ({"price_output": None}, "price_output"),
        ({"default_rpm": 0}, "default_rpm"),
        ({"context_window": "many"}, "context_window"),
        ({"status": "live"}, "status"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(staff_client, catalogue, form, facts, field):
    answer = send(staff_client, form | facts)

    assert answer.status_code == 422
    assert list(answer.json()["field_errors"]) == [field]
    assert drafts() == 0


def test_others_find_none_of_it(alice_client, client, form):
    for stranger in (alice_client, client):
        assert stranger.get(MODELS).status_code == 404
        assert send(stranger, form).status_code == 404
    assert drafts() == 0
