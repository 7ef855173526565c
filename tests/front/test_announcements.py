"""Announcements: for whom they are, from when until when, and until they are put away."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connections

from common.database import service
from common.errors import Conflict, DomainError
from front.models import Announcement, Audience, Dismissal
from front.services import announcements
from marketplace.models import CustomerGroup, GroupMember
from tenants.models import AuditEntry
from tests.support.people import signed_in

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
TEXT = "Atlas Vision comes in May."


@pytest.fixture
def staff(person):
    return person("kim@operator.example", is_staff=True)


def announced(by, audience=Audience.EVERYONE, **facts):
    told = {"texts": {"en": TEXT, "fr": "Bientôt Atlas Vision."}, "tone": "note", **facts}
    with service():
        return announcements.announce(audience=audience, by=by, **told)


def reads(client, address="/"):
    return TEXT in client.get(address).content.decode()


def test_everyone_reads_it_in_their_language(staff, client, alice_client):
    announced(staff, link="/models/")

    page = client.get("/pricing/").content.decode()
    client.cookies["django_language"] = "fr"

    assert TEXT in page
    assert '<a href="/models/">Read more</a>' in page
    assert "Bientôt Atlas Vision." in client.get("/").content.decode()
    assert reads(alice_client, "/o/acme/")


@pytest.mark.parametrize(
    ("audience", "seen"),
    [
        (Audience.EVERYONE, (True, True, True)),
        (Audience.MEMBERS, (False, True, True)),
        (Audience.STAFF, (False, False, True)),
    ],
)
def test_it_is_read_by_its_audience_alone(staff, client, alice_client, audience, seen):
    announced(staff, audience)

    assert (reads(client), reads(alice_client), reads(signed_in(staff))) == seen


def test_named_organizations_read_it_on_their_pages(staff, acme, alice_client, client):
    announced(staff, Audience.CUSTOMERS, organizations=[acme])

    assert reads(alice_client, "/o/acme/")
    assert not reads(client)
    assert not reads(alice_client, "/")


def test_a_group_reads_it_and_others_do_not(staff, acme, alice_client):
    with service():
        own, other = (CustomerGroup.objects.create(code=it, name=it) for it in ("own", "other"))
        GroupMember.objects.create(organization=acme, group=own)
    announced(staff, Audience.CUSTOMERS, groups=[other], texts={"en": "Not for Acme."})
    announced(staff, Audience.CUSTOMERS, groups=[own])

    page = alice_client.get("/o/acme/").content.decode()

    assert TEXT in page
    assert "Not for Acme." not in page


def test_strangers_do_not_read_what_is_for_an_organization(staff, acme, charlie_client):
    announced(staff, Audience.CUSTOMERS, organizations=[acme])

    assert not reads(charlie_client, "/o/acme/")


def test_it_stands_from_its_moment_until_its_end(staff, client, clock):
    announced(staff, starts_at=NOON + timedelta(seconds=30), ends_at=NOON + timedelta(seconds=90))

    seen = [reads(client)]
    clock.shift(30)
    seen.append(reads(client))
    clock.shift(60)
    seen.append(reads(client))

    assert seen == [False, True, False]


def test_who_puts_it_away_reads_it_no_more_in_any_browser(staff, alice, alice_client, client):
    told = announced(staff)

    answer = alice_client.post(f"/announcements/{told.pk}/dismiss/", {"next": "/o/acme/"})
    alice_client.post(f"/announcements/{told.pk}/dismiss/")

    assert answer["Location"] == "/o/acme/"
    assert not reads(alice_client, "/o/acme/")
    assert not reads(signed_in(alice))
    assert reads(client)
    with service():
        assert Dismissal.objects.count() == 1


def test_a_visitor_puts_it_away_in_this_browser(staff, client):
    told = announced(staff)

    client.post(f"/announcements/{told.pk}/dismiss/")

    assert not reads(client)
    with service():
        assert not Dismissal.objects.exists()


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_putting_it_away_leads_nowhere_else(staff, client, onward):
    told = announced(staff)

    answer = client.post(f"/announcements/{told.pk}/dismiss/", {"next": onward})

    assert answer["Location"] == "/"


def test_what_must_be_read_cannot_be_put_away(staff, client):
    told = announced(staff, is_dismissible=False)

    answer = client.post(f"/announcements/{told.pk}/dismiss/")

    assert answer.status_code == 404
    client.cookies["put_away"] = str(told.pk)
    assert reads(client)


def test_what_is_taken_back_is_gone_and_stays_in_the_record(staff, client):
    told = announced(staff)
    with service():
        announcements.withdraw(told, by=staff)
    with pytest.raises(Conflict), service():
        announcements.withdraw(told, by=staff)

    assert not reads(client)
    with service():
        acts = list(AuditEntry.objects.order_by("occurred_at").values_list("action", flat=True))
    assert acts == ["announcement.made", "announcement.withdrawn"]


def test_pages_ask_nothing_for_what_visitors_read(staff, client, django_assert_num_queries):
    announced(staff)
    client.get("/docs/")

    with django_assert_num_queries(0, connection=connections["service"]):
        client.get("/docs/")


def test_programs_are_told_what_everyone_is(staff, client):
    announced(staff, Audience.STAFF, texts={"en": "Inside."})
    told = announced(staff)

    found = client.get("/api/v1/announcements").json()

    assert [(it["id"], it["text"]) for it in found] == [(str(told.pk), TEXT)]


@pytest.mark.parametrize(
    "facts",
    [
        {"audience": Audience.CUSTOMERS},
        {"ends_at": NOON},
        {"starts_at": NOON + timedelta(days=2), "ends_at": NOON + timedelta(days=1)},
    ],
)
def test_what_nobody_would_read_is_refused(staff, clock, facts):
    with pytest.raises(DomainError):
        announced(staff, **facts)

    with service():
        assert not Announcement.objects.exists()


def test_organizations_are_named_for_their_audience_alone(staff, acme):
    with pytest.raises(DomainError):
        announced(staff, Audience.EVERYONE, organizations=[acme])


def test_the_database_takes_no_end_before_the_beginning(staff):
    told = announced(staff)

    with pytest.raises(IntegrityError), service():
        Announcement.objects.filter(pk=told.pk).update(ends_at=told.starts_at)


def sent(**facts):
    return {"tone": "warn", "audience": "everyone", "text_en": TEXT, **facts}


def test_staff_announce_and_take_back_in_the_browser(staff_client, client):
    staff_client.post("/staff/announcements/new/", sent())
    seen = reads(client)
    with service():
        told = Announcement.objects.get()
    staff_client.post(f"/staff/announcements/{told.pk}/withdraw/")

    assert (seen, reads(client)) == (True, False)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"text_en": ""}, "text_en"),
        ({"tone": "loud"}, "tone"),
        ({"audience": "customers"}, "audience"),
        ({"audience": "customers", "organizations": "nobody"}, "organizations"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"ends_at": "2020-01-01T00:00"}, "ends_at"),
    ],
)
def test_what_is_wrong_is_said(staff_client, facts, field):
    response = staff_client.post("/staff/announcements/new/", sent(**facts))

    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_customers_announce_nothing(alice_client, staff):
    told = announced(staff)

    assert alice_client.post("/staff/announcements/new/", sent()).status_code == 404
    assert alice_client.post(f"/staff/announcements/{told.pk}/withdraw/").status_code == 404
