"""A model that begins to ask for more: who calls it goes on for a time, is told, and then is asked."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.utils import timezone

from common.database import service
from marketplace.models import AccessGrace
from marketplace.services import access
from metering.models import UsageDay
from tenants.models import Organization
from tenants.scope import scope
from tests.marketplace.test_access import accept, ask_for, callable_names, decide, model

pytestmark = pytest.mark.usefixtures("catalogue")
PAGE = "/o/acme/models/atlas-mini/access/"


@pytest.fixture(autouse=True)
def notice(settings):
    """As operators have it; elsewhere the tests have none."""
    settings.PRICE_NOTICE = timedelta(days=30)


@pytest.fixture
def used(acme):
    """Acme called the model yesterday, as far as days tell."""
    with service():
        UsageDay.objects.create(
            organization=acme,
            offer_name="atlas-mini",
            day=timezone.now().date() - timedelta(days=1),
            requests=3,
        )


def graces():
    with service():
        return list(AccessGrace.objects.values_list("organization__slug", "until"))


def is_listed(organization):
    return "atlas-mini" in callable_names(organization)


def test_who_had_agreed_goes_on_is_told_and_agrees_in_time(acme, alice, alice_client):
    ask_for("Be kind.")
    accept(acme, alice)
    assert graces() == []
    mail.outbox.clear()

    ask_for("Be kinder.")

    [(slug, until)] = graces()
    assert (slug, is_listed(acme)) == ("acme", True)
    assert abs(until - timezone.now() - settings.PRICE_NOTICE) < timedelta(minutes=1)
    [message] = mail.outbox
    assert message.to == [alice.email]
    assert "Atlas Mini asks for more from" in message.subject
    assert "go on as before until" in alice_client.get(PAGE).content.decode()
    accept(acme, alice, version=2)
    assert "may call it" in alice_client.get(PAGE).content.decode()


def test_after_its_time_it_is_asked_for_like_anybody(acme, alice):
    ask_for("Be kind.")
    accept(acme, alice)
    ask_for("Be kinder.")

    with time_machine.travel(timezone.now() + settings.PRICE_NOTICE + timedelta(seconds=5)):
        assert not is_listed(acme)


def test_who_used_what_asked_for_nothing_goes_on(acme, used):
    ask_for("Be kind.", needs_approval=True)

    assert [slug for slug, _until in graces()] == ["acme"]
    assert is_listed(acme)


def test_who_never_called_it_is_asked_at_once(acme):
    ask_for("Be kind.")

    assert graces() == []
    assert not is_listed(acme)


def test_who_did_not_agree_in_time_gets_no_more_of_it_by_another_wording(acme, alice):
    ask_for("Be kind.")
    accept(acme, alice)
    ask_for("Be kinder.")
    [(_slug, until)] = graces()

    ask_for("Be kindest.")

    assert graces() == [("acme", until)]


def test_who_agreed_to_the_last_wording_has_time_anew(acme, alice):
    ask_for("Be kind.")
    accept(acme, alice)
    ask_for("Be kinder.")
    [(_slug, first)] = graces()
    accept(acme, alice, version=2)

    ask_for("Be kindest.")

    [(_slug, second)] = graces()
    assert second > first


def test_what_asks_for_less_gives_no_time(acme, alice):
    ask_for("Be kind.", needs_approval=True)
    accept(acme, alice)

    ask_for("Be kind.")
    ask_for("")

    assert graces() == []


def test_taken_back_is_at_once(acme, alice):
    gated = ask_for(needs_approval=True)
    with scope(acme):
        asked = access.request(acme, gated, reason="Files", by=alice)
    decide(asked, "approved")
    ask_for("Be kind.", needs_approval=True)
    assert is_listed(acme)

    decide(asked, "revoked")

    assert graces() == []
    assert not is_listed(acme)


def test_where_no_notice_is_given_it_is_asked_for_at_once(acme, alice, settings):
    settings.PRICE_NOTICE = timedelta(0)
    ask_for("Be kind.")
    accept(acme, alice)
    mail.outbox.clear()

    ask_for("Be kinder.")

    assert (graces(), mail.outbox, is_listed(acme)) == ([], [], False)


def test_a_draft_gives_nobody_time(acme, used):
    with service():
        type(model()).objects.filter(pk=model().pk).update(status="draft", published_at=None)

    ask_for("Be kind.")

    assert graces() == []


def test_the_overview_says_until_when(acme, alice, alice_client, used):
    ask_for("Be kind.")

    page = alice_client.get("/o/acme/").content.decode()

    assert "Atlas Mini asks for more from" in page
    accept(acme, alice)
    assert "asks for more from" not in alice_client.get("/o/acme/").content.decode()


def test_another_organization_reads_nothing_of_it(acme, charlie, used):
    ask_for("Be kind.")
    with service():
        other = Organization.objects.create(name="Globex", slug="globex", country="FR")

    with scope(other):
        assert not AccessGrace.objects.exists()
