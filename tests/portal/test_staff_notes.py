"""Notes of staff about a customer, and the customer's timeline."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connections
from django.utils import timezone

from common.database import service
from marketplace import demo
from portal import timeline
from tenants.models import AuditEntry, CustomerNote
from tenants.scope import scope
from tenants.services import notes, organizations, restrictions

PAGE = "/staff/customers/acme/"


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


@pytest.fixture
def sam(person):
    return person("robin@operator.example", is_staff=True)


def written(acme, by, *texts):
    with service():
        return [notes.write(acme, text=text, by=by) for text in texts]


def test_a_note_stands_with_its_author_and_not_in_the_customers_log(staff_client, acme):
    response = staff_client.post(f"{PAGE}notes/", {"text": "Calls on Mondays"}, follow=True)

    page = response.content.decode()
    assert "Calls on Mondays" in page
    assert "sam@operator.example" in page
    with service():
        assert not AuditEntry.objects.filter(organization=acme, action="note.written").exists()
        entry = AuditEntry.objects.get(action="note.written")
    assert (entry.organization_id, entry.target_label) == (None, "acme")
    assert "Mondays" not in str(entry.after)


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_note_without_words_or_with_too_many_is_refused(staff_client, acme, text):
    response = staff_client.post(f"{PAGE}notes/", {"text": text})

    assert response.status_code == 422
    with service():
        assert not CustomerNote.objects.exists()


def test_what_is_pinned_comes_first_until_it_is_unpinned(staff_client, acme, person):
    kim = person("kim@operator.example", is_staff=True)
    old, _new = written(acme, kim, "Old", "New")

    staff_client.post(f"{PAGE}notes/{old.pk}/pin/")
    staff_client.post(f"{PAGE}notes/{old.pk}/pin/")
    pinned = [it.text for it in staff_client.get(PAGE).context["it"].notes]
    staff_client.post(f"{PAGE}notes/{old.pk}/pin/", {"pinned": "no"})
    unpinned = [it.text for it in staff_client.get(PAGE).context["it"].notes]

    assert (pinned, unpinned) == (["Old", "New"], ["New", "Old"])
    with service():
        assert AuditEntry.objects.filter(action="note.pinned").count() == 1


def test_a_note_of_another_customer_is_not_pinned_from_here(staff_client, acme, alice, person):
    other = organizations.found(name="Other", owner=alice, country="FR")
    (note,) = written(other, person("kim@operator.example", is_staff=True), "Theirs")

    assert staff_client.post(f"{PAGE}notes/{note.pk}/pin/").status_code == 404


def test_the_customers_role_cannot_read_notes(acme, sam):
    written(acme, sam, "Secret")

    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        CustomerNote.objects.count()


@pytest.mark.parametrize(
    "change",
    ["UPDATE {} SET text = 'Kinder'", "DELETE FROM {}", "TRUNCATE {}"],
)
def test_nobody_changes_the_words(acme, sam, change):
    written(acme, sam, "As it was")

    with (
        pytest.raises(IntegrityError, match="history is appended"),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute(change.format("tenants_customernote"))


def test_the_timeline_tells_all_kinds_in_one_order(staff_client, acme, sam):
    written(acme, sam, "A note")
    with service():
        restrictions.impose(acme, level="warn", reason="Unpaid", by=sam)

    found = staff_client.get(f"{PAGE}timeline/").context["leaf"].happenings

    assert [it.kind for it in found if it.kind != "acts"] == ["restrictions", "notes"]
    assert {it.kind for it in found} == {"acts", "restrictions", "notes"}
    assert [it.at for it in found] == sorted((it.at for it in found), reverse=True)


def test_the_timeline_is_narrowed_and_paged(staff_client, acme, sam, monkeypatch):
    monkeypatch.setattr(timeline, "PAGE", 2)
    written(acme, sam, "One", "Two", "Three")

    first = staff_client.get(f"{PAGE}timeline/?kind=notes&kind=moon")
    rest = staff_client.get(
        f"{PAGE}timeline/", {"kind": "notes", "before": str(first.context["leaf"].older)}
    )

    assert [it.about for it in first.context["leaf"].happenings] == ["Three", "Two"]
    assert [it.about for it in rest.context["leaf"].happenings] == ["One"]
    assert rest.context["leaf"].older is None


@pytest.mark.parametrize("before", ["never", "2026-03-15", "%00"])
def test_a_moment_that_is_none_shows_the_newest(staff_client, acme, before):
    assert staff_client.get(f"{PAGE}timeline/?before={before}").status_code == 200


def test_orders_and_invoices_stand_in_the_timeline(acme):
    long_ago = timezone.now() - timedelta(days=400)

    with service():
        assert timeline.leaf(acme, [], timeline.Mark(long_ago, "order", uuid4())).happenings == []
