"""A model that is shown to some alone does not exist for the others, at /v1 either; within seconds."""

import time
from datetime import timedelta

import openai
import pytest
from django.utils import timezone

from common.database import service
from gateway.offers import MISSED
from marketplace.models import AIModel
from marketplace.services import books, publishing, viewers
from marketplace.viewers import Audience
from tenants.services import api_keys, organizations
from tests.gateway.conftest import hello, wait_for

#: Keys and offers are read anew within five seconds.
SECONDS = 5


@pytest.fixture
def card(model):
    """The model that is on sale."""
    return AIModel.objects.get(slug=model)


@pytest.fixture
def strangers(gateway, charlie):
    """OpenAI's client with a key of an organization that nothing is shown to."""
    other = organizations.found(name="Elsewhere", owner=charlie, country="FR")
    with service():
        return gateway.client(api_keys.create(other, name="test", by=charlie).text)


def show_to(card, *, groups=(), organizations=()):
    audience = Audience(frozenset(groups), frozenset(organizations))
    with service():
        return viewers.show_to(card, audience, by=None)


def state(client, model):
    """Return how a call, the list and the look at the model answer, which must agree."""
    listed = model in {it.id for it in client.models.list()}
    try:
        client.models.retrieve(model)
        found = ""
    except openai.NotFoundError as error:
        found = error.code
    try:
        client.chat.completions.create(model=model, **hello())
        called = ""
    except openai.NotFoundError as error:
        called = error.code
    except openai.APIStatusError as error:
        # Who has no money has at least been let in to the model.
        called = "" if error.status_code == 402 else error.code
    return listed, found, called


HIDDEN = (False, "model_not_found", "model_not_found")
SHOWN = (True, "", "")


def test_what_is_shown_to_one_customer_is_hidden_from_others_within_seconds(
    gateway, make_key, pay, model, card, strangers, acme, engine
):
    pay("10")
    ours = gateway.client(make_key())
    wait_for(lambda: state(ours, model) == state(strangers, model) == SHOWN, SECONDS)

    show_to(card, organizations=[acme.pk])
    wait_for(lambda: state(strangers, model) == HIDDEN, SECONDS)
    assert state(ours, model) == SHOWN
    before = len(engine.requests)
    assert state(strangers, model) == HIDDEN
    assert len(engine.requests) == before

    show_to(card)
    wait_for(lambda: state(strangers, model) == SHOWN, SECONDS)


def test_who_joins_or_leaves_a_group_sees_what_it_is_shown(
    gateway, make_key, pay, model, card, acme, strangers
):
    pay("10")
    ours = gateway.client(make_key())
    with service():
        group = books.open_group(code="public", name="Public bodies", by=None)
    show_to(card, groups=[group.pk])
    wait_for(lambda: state(ours, model) == HIDDEN, SECONDS)

    with service():
        books.join(acme, group, by=None)
    wait_for(lambda: state(ours, model) == SHOWN, SECONDS)
    assert state(strangers, model) == HIDDEN

    with service():
        books.join(acme, None, by=None)
    wait_for(lambda: state(ours, model) == HIDDEN, SECONDS)


def test_a_key_that_names_a_hidden_model_does_not_open_it(
    gateway, make_key, pay, model, card, charlie
):
    pay("10")
    ours = gateway.client(make_key(allowed_models=[model]))
    other = organizations.found(name="Elsewhere", owner=charlie, country="FR")

    show_to(card, organizations=[other.pk])

    wait_for(lambda: state(ours, model) == HIDDEN, SECONDS)


def test_a_hidden_model_is_refused_no_sooner_than_none(
    gateway, make_key, pay, model, card, strangers, acme
):
    """Whoever guesses names does not learn from the time it takes that one of them is taken."""
    show_to(card, organizations=[acme.pk])
    wait_for(lambda: state(strangers, model) == HIDDEN, SECONDS)

    def seconds(name):
        began = time.monotonic()
        with pytest.raises(openai.NotFoundError):
            strangers.models.retrieve(name)
        return time.monotonic() - began

    assert min(seconds(model) for _ in range(3)) > MISSED
    assert min(seconds("no-such-model") for _ in range(3)) > MISSED


def message(client, model):
    """Return what a call of the model and a look at it are refused with; empty while they differ."""
    with pytest.raises(openai.NotFoundError) as called:
        client.chat.completions.create(model=model, **hello())
    with pytest.raises(openai.NotFoundError) as looked:
        client.models.retrieve(model)
    assert called.value.code == looked.value.code == "model_not_found"
    return called.value.message if called.value.message == looked.value.message else ""


def retire(model, successor):
    with service():
        AIModel.objects.filter(slug=model).update(published_at=timezone.now())
        gone = AIModel.objects.get(slug=model)
        publishing.deprecate(gone, by=None, replaced_by=AIModel.objects.get(slug=successor))
        publishing.retire(gone, by=None, reason="Recalled")


def test_a_retired_model_names_its_replacement(gateway, make_key, pay, model, make_offer):
    pay("10")
    client, successor = gateway.client(make_key()), make_offer().name
    wait_for(lambda: state(client, model) == SHOWN, SECONDS)

    retire(model, successor)

    wait_for(lambda: state(client, model) == HIDDEN, SECONDS)
    today = f"{timezone.now():%Y-%m-%d}"
    wait_for(
        lambda: f"was retired on {today}. Use '{successor}' instead." in message(client, model)
    )


def test_neither_a_hidden_replacement_nor_a_hidden_past_is_told(
    gateway, make_key, model, card, make_offer, strangers, acme
):
    ours, successor = gateway.client(make_key()), make_offer().name
    other = make_offer().name
    show_to(AIModel.objects.get(slug=successor), organizations=[acme.pk])
    show_to(AIModel.objects.get(slug=other), organizations=[acme.pk])
    retire(model, successor)
    retire(other, successor)

    wait_for(lambda: f"Use '{successor}'" in message(ours, model), SECONDS)
    wait_for(lambda: f"Use '{successor}'" in message(ours, other), SECONDS)
    wait_for(lambda: "was retired on" in message(strangers, model), SECONDS)
    assert successor not in message(strangers, model)
    assert "does not exist" in message(strangers, other)


def test_models_tell_prices_limits_lifecycle_and_regions(gateway, make_key, make_offer):
    successor = make_offer(jurisdiction="KZ").name
    offer = make_offer(
        features=["tools", "json"], modalities=["text"], default_rpm=90, default_concurrency=8
    )
    client = gateway.client(make_key(rpm_limit=30, tpm_limit=5000, concurrency_limit=20))
    goes = timezone.now() + timedelta(days=40)
    with service():
        publishing.deprecate(
            AIModel.objects.get(slug=offer.name),
            by=None,
            retires_at=goes,
            replaced_by=AIModel.objects.get(slug=successor),
        )

    told = wait_for(
        lambda: (it := client.models.retrieve(offer.name).tessera)["replaced_by"] and it, SECONDS
    )

    assert told["status"] == "deprecated"
    assert (told["replaced_by"], told["retires_at"][:10]) == (successor, f"{goes:%Y-%m-%d}")
    # The least of the model's and the key's.
    assert told["limits"] == {
        "requests_per_minute": 30,
        "tokens_per_minute": 5000,
        "concurrency": 8,
    }
    assert told["regions"] == [{"model": offer.name, "region": "region-eu", "jurisdiction": "EU"}]
    assert (told["context_window"], told["max_output"]) == (8192, 1000)
    assert (told["features"], told["modalities"]) == (["tools", "json"], ["text"])
    assert told["unit_amounts"]["input"] == "0.000001"
    listed = {it.id: it.tessera for it in client.models.list()}
    assert listed[offer.name] == told
