"""The playground's page, the code it shows, and what people keep of it."""

import json
from decimal import Decimal

import pytest

from common.database import service
from common.ids import uuid7
from marketplace import chats, demo, playground
from marketplace.models import SavedChat
from marketplace.services import chats as keeping
from tenants.models import ApiKey, Membership, Organization, Project, Role
from tenants.scope import scope

PAGE = "/o/acme/playground/"
HELLO = {
    "panes": [{"model": "atlas-mini", "turns": [{"role": "user", "content": "Hello\n there"}]}],
    "settings": {"temperature": "0.2"},
}


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


@pytest.fixture
def keep(bob_client):
    """Keep a conversation as Bob."""

    def keep(chat, chat_id=None, client=bob_client):
        address = f"{PAGE}chats/{chat_id or uuid7()}/"
        return client.post(address, chat, content_type="application/json")

    return keep


def test_chat_models_are_offered_with_the_prices_that_hold_here(acme, bob_client):
    with scope(acme):
        offered = {it.name: it for it in playground.choices(acme)}

    assert offered["atlas-mini"].input == Decimal("0.00000015")
    assert "atlas-embed" not in offered
    page = bob_client.get(f"{PAGE}?model=atlas-large&model=atlas-mini").content.decode()
    assert page.count('data-input="0.00000015"') == 2


def test_a_model_outside_the_policy_is_not_offered(acme, bob_client):
    with service():
        Organization.objects.update(allowed_jurisdictions=["US"])

    page = bob_client.get(f"{PAGE}?model=atlas-mini").content.decode()

    assert "There is no model to talk with" in page
    assert "You cannot talk with “atlas-mini”" in page


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.BILLING])
def test_who_may_not_call_models_does_not_get_in(bob, bob_client, role):
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    answers = [
        bob_client.get(PAGE),
        bob_client.post(f"{PAGE}pass/"),
        bob_client.post(f"{PAGE}code/"),
        bob_client.post(f"{PAGE}chats/{uuid7()}/"),
    ]

    assert [it.status_code for it in answers] == [403] * 4


def test_the_browser_is_given_a_pass_of_the_project(acme, bob_client):
    with service():
        Project.objects.create(organization=acme, name="Research", slug="research")

    answer = bob_client.post(f"{PAGE}pass/", {"project": "research"})

    assert answer.status_code == 201
    assert answer["cache-control"].count("no-store") == 1
    with service():
        made = ApiKey.objects.select_related("project").get()
    assert (made.project.slug, made.is_pass) == ("research", True)
    assert made.last_four == answer.json()["key"][-4:]
    assert bob_client.post(f"{PAGE}pass/", {"project": "nowhere"}).status_code == 404


def test_the_code_is_that_of_the_settings_in_each_language(bob_client):
    asked = {
        "model": "atlas-mini",
        "messages": [{"role": "user", "content": "What's <new>?"}],
        "temperature": 0.2,
        "tools": [{"type": "function", "function": {"name": "look", "strict": True}}],
    }

    page = bob_client.post(f"{PAGE}code/", {"request": json.dumps(asked)}).content.decode()

    assert "temperature=0.2," in page
    assert "&quot;strict&quot;: True" in page
    assert "&quot;strict&quot;: true" in page
    # The shell takes the apostrophe of the question as a sign, not as the end of it.
    assert "What&#x27;\\&#x27;&#x27;s &lt;new&gt;?" in page


@pytest.mark.parametrize("text", ["", "[]", "{", '{"messages": 1}', "[" * 5000])
def test_what_is_no_request_is_not_shown_as_code(bob_client, text):
    answer = bob_client.post(f"{PAGE}code/", {"request": text})

    assert answer.status_code == 422
    assert "The settings cannot be shown as code." in answer.content.decode()


def test_a_conversation_is_kept_and_opened_again(bob, bob_client, keep):
    chat_id = uuid7()

    told = keep(HELLO, chat_id).json()
    again = keep(HELLO | {"settings": {}}, chat_id).json()

    assert told == again == {"title": "Hello there", "url": f"{PAGE}?chat={chat_id}"}
    with service():
        assert SavedChat.objects.get().content == HELLO | {"settings": {}}
    assert '"role": "user"' in bob_client.get(told["url"]).content.decode()


def test_nobody_else_reads_replaces_or_deletes_it(alice_client, bob_client, keep):
    chat_id = uuid7()
    keep(HELLO, chat_id)

    page = alice_client.get(f"{PAGE}?chat={chat_id}").content.decode()

    assert "Hello" not in page
    assert keep(HELLO, chat_id, alice_client).status_code == 409
    assert alice_client.post(f"{PAGE}chats/{chat_id}/delete/").status_code == 404
    assert bob_client.post(f"{PAGE}chats/{chat_id}/delete/").status_code == 302
    with service():
        assert not SavedChat.objects.exists()


@pytest.mark.parametrize(
    "chat",
    [
        {},
        [],
        HELLO | {"panes": []},
        HELLO | {"panes": HELLO["panes"] * 3},
        HELLO | {"more": 1},
        HELLO | {"panes": [{"model": "m", "turns": [{"role": "system", "content": "x"}]}]},
        HELLO | {"settings": {"nul": "\0"}},
    ],
)
def test_what_is_no_conversation_is_not_kept(keep, chat):
    answer = keep(chat)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "chat_invalid"


def test_a_conversation_has_an_end(monkeypatch, keep):
    long = HELLO | {"settings": {"system": "x" * chats.LARGEST}}
    assert keep(long).status_code == 413

    monkeypatch.setattr(keeping, "MOST", 2)
    assert [keep(HELLO).status_code for _chat in range(3)] == [200, 200, 409]
