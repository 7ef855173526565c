"""What a model asks for before it is called holds within seconds, in both directions."""

from datetime import timedelta

import openai
import pytest
from django.utils import timezone

from common.database import service
from marketplace.models import AccessGrace, AIModel
from marketplace.services import access
from tenants.scope import scope
from tests.gateway.conftest import hello, wait_for

#: Keys and offers are read anew within five seconds.
SECONDS = 15


def ask_for(text="", needs_approval=False):
    with service():
        model = AIModel.objects.get()
        return access.ask_for(model, text=text, needs_approval=needs_approval, by=None)


def code(client, model):
    """Return the error code of a call, empty when it is answered."""
    try:
        client.chat.completions.create(model=model, **hello())
    except openai.PermissionDeniedError as error:
        return error.code
    return ""


def test_terms_are_accepted_before_a_call_and_again_when_they_change(
    gateway, make_key, pay, model, engine, acme, alice
):
    pay("10")
    card = ask_for("Be kind.")
    client = gateway.client(make_key())
    wait_for(lambda: code(client, model) == "terms_not_accepted", SECONDS)
    before = len(engine.requests)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model=model, **hello())
    assert f"/o/acme/models/{card.slug}/access/" in caught.value.message
    assert client.models.list().data == []
    assert len(engine.requests) == before

    with scope(acme):
        access.accept(acme, card, version=1, by=alice)
    wait_for(lambda: code(client, model) == "", SECONDS)

    ask_for("Be kinder.")
    wait_for(lambda: code(client, model) == "terms_not_accepted", SECONDS)


def test_who_had_agreed_goes_on_until_their_time_is_over(
    gateway, make_key, pay, model, acme, alice, settings
):
    settings.PRICE_NOTICE = timedelta(days=30)
    pay("10")
    card = ask_for("Be kind.")
    with scope(acme):
        access.accept(acme, card, version=1, by=alice)
    ask_for("Be kinder.")
    client = gateway.client(make_key())

    wait_for(lambda: code(client, model) == "", SECONDS)
    with service():
        AccessGrace.objects.update(until=timezone.now())
    wait_for(lambda: code(client, model) == "terms_not_accepted", SECONDS)


def test_access_is_granted_and_taken_back_within_seconds(
    gateway, make_key, pay, model, acme, alice, sam
):
    pay("10")
    card = ask_for(needs_approval=True)
    client = gateway.client(make_key())
    wait_for(lambda: code(client, model) == "access_not_granted", SECONDS)

    with scope(acme):
        asked = access.request(acme, card, reason="Summaries", by=alice)
    assert code(client, model) == "access_not_granted"
    with service():
        access.decide(asked, "approved", by=sam)
    wait_for(lambda: code(client, model) == "", SECONDS)

    with service():
        access.decide(asked, "revoked", by=sam)
    wait_for(lambda: code(client, model) == "access_not_granted", SECONDS)


@pytest.fixture
def sam(person):
    """A member of the operator's staff."""
    return person("sam@operator.example", is_staff=True)
