"""The audit log: its search, its words and its files."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from common.database import service
from tenants import audit_words
from tenants.audit_search import Unreadable, parse
from tenants.models import AuditEntry, Membership
from tenants.services import audit

LOG = "/o/acme/audit/"


@pytest.fixture
def entries(acme, alice, bob):
    """Four entries beside the one of the founding."""
    with service():
        facts = {"organization": acme, "target": acme}
        audit.record(actor=alice, action="member.invited", after={"role": "viewer"}, **facts)
        audit.record(actor=bob, action="api_key.created", after={"name": "=cmd()"}, **facts)
        audit.record(actor=None, action="order.paid", before={"status": "pending"}, **facts)
        AuditEntry.objects.create(
            organization=acme,
            actor_kind="person",
            actor_label="old@acme.example",
            action="member.left",
            target_kind="tenants.user",
            target_id="1",
            target_label="old@acme.example",
            occurred_at=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC),
        )


def actions(response):
    return sorted(row.entry.action for row in response.context["rows"])


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("actor:bob", ["api_key.created"]),
        ("actor:system", ["order.paid"]),
        ("action:member", ["member.invited", "member.left"]),
        ("action:member actor:alice", ["member.invited"]),
        ('actor:"bob@acme.example"', ["api_key.created"]),
        ("created:2026-03", ["member.left"]),
        ("created:2026-03-31", ["member.left"]),
        ("created:2026-03-01..2026-03-31", ["member.left"]),
        ("created:..2026-03-30", []),
        ("target:old", ["member.left"]),
        ("paid", ["order.paid"]),
        ("nothing-like-it", []),
    ],
)
def test_the_search_finds(entries, alice_client, search, found):
    response = alice_client.get(LOG, {"q": search})

    assert response.status_code == 200
    assert actions(response) == found


@pytest.mark.parametrize(
    ("search", "sentence"),
    [
        ("who:alice", "“who:” cannot be searched for"),
        ("created:yesterday", "“yesterday” is no day"),
        ("created:2026-13", "“2026-13” is no day"),
        ("created:9999-12", "“9999-12” is no day"),
        ("x" * 201, "at most 200 characters"),
    ],
)
def test_a_search_that_means_nothing_is_named(entries, alice_client, search, sentence):
    response = alice_client.get(LOG, {"q": search})

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert response.context["rows"] == []


def test_a_day_ends_with_its_last_instant():
    found = parse("created:2026-03-01..2026-03-31")

    assert found.start == datetime(2026, 3, 1, tzinfo=UTC)
    assert found.end == datetime(2026, 4, 1, tzinfo=UTC)


def test_an_unknown_word_is_refused():
    with pytest.raises(Unreadable):
        parse("ip:127.0.0.1")


def test_what_was_chosen_reads_as_in_its_form():
    changes = audit_words.changes(
        {"overage": "credit_only", "credit_limit": "0E-12"},
        {"overage": "invoice", "credit_limit": "1E+3"},
        of="billing.contract",
    )
    (country, street) = audit_words.changes(
        {"country": "FR", "line1": "1 rue A"},
        {"country": "KZ", "line1": "2 rue B"},
        of="billing.billingprofile",
    )

    assert [(it.field, it.before, it.after) for it in changes] == [
        ("When the balance is used up", "Stop: credit only", "invoice"),
        ("Credit limit", "0", "1\N{NARROW NO-BREAK SPACE}000"),
    ]
    assert (country.field, country.before, country.after) == ("Country", "France", "Kazakhstan")
    assert street.field == "Address"


def test_each_of_a_list_reads_as_in_its_form():
    (scopes,) = audit_words.changes(None, {"scopes": ["metering", "gone"]}, of="tenants.apikey")

    assert (scopes.field, scopes.after) == ("Rights", "metering and gone")


def test_changes_read_as_words():
    changes = audit_words.changes(
        {"role": "viewer", "emails": ["a@b.example", "c@d.example"], "net": "12.500000000000"},
        {"role": "admin", "emails": [], "is_open": True, "until": "2026-03-15 12:00:00+00:00"},
    )

    assert [(it.field, it.before, it.after) for it in changes] == [
        ("Role", "viewer", "admin"),
        ("Billing e-mail addresses", "a@b.example and c@d.example", "none"),
        ("Net", "12.5", ""),
        ("Is open", "", "yes"),
        ("Until", "", "2026-03-15 12:00 UTC"),
    ]


def test_what_stayed_as_it_was_is_no_change():
    before = {"name": "Acme", "licence": "MIT", "tags": ["a"]}

    (change,) = audit_words.changes(before, {**before, "licence": "Apache-2.0"})

    assert (change.field, change.before, change.after) == ("Licence", "MIT", "Apache-2.0")


def test_a_list_that_restricts_nothing_reads_so():
    (models, emails) = audit_words.changes(None, {"allowed_models": [], "emails": []})

    assert (models.after, emails.after) == ("unrestricted", "none")


def test_the_page_shows_no_data_structures(entries, alice_client):
    page = alice_client.get(LOG).content.decode()

    assert "Member invited" in page
    assert "Order paid" in page
    assert "{&#x27;" not in page
    assert "None" not in page


def test_the_csv_is_the_search(entries, alice_client):
    response = alice_client.get(f"{LOG}export/csv/", {"q": "action:member"})

    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert response["Content-Disposition"] == 'attachment; filename="audit-acme.csv"'
    assert [row["action"] for row in rows] == ["member.left", "member.invited"]
    assert json.loads(rows[1]["after"]) == {"role": "viewer"}
    assert rows[0]["occurred_at"] == "2026-03-31T23:59:59Z"


def test_a_cell_of_the_csv_is_no_formula(acme, alice, alice_client):
    with service():
        audit.record(organization=acme, actor=alice, action="=cmd()", target=acme)

    response = alice_client.get(f"{LOG}export/csv/", {"q": "cmd"})

    assert "'=cmd()" in response.content.decode()


def test_the_json_is_the_search(entries, alice_client):
    found = alice_client.get(f"{LOG}export/json/", {"q": "actor:bob"}).json()
    nothing = alice_client.get(f"{LOG}export/json/", {"q": "nothing-like-it"}).json()

    assert [entry["after"] for entry in found] == [{"name": "=cmd()"}]
    assert nothing == []


def test_an_export_holds_more_than_a_chunk(acme, entries, alice_client, monkeypatch):
    monkeypatch.setattr("tenants.views.audit.CHUNK", 2)

    found = alice_client.get(f"{LOG}export/json/").json()

    assert len(found) == len({entry["id"] for entry in found}) == 5


@pytest.mark.parametrize(("address", "status"), [("xml/", 404), ("csv/?q=who:me", 400)])
def test_a_wrong_export_is_refused(entries, alice_client, address, status):
    assert alice_client.get(f"{LOG}export/{address}").status_code == status


def test_the_log_is_for_those_who_may(acme, bob, bob_client):
    assert bob_client.get(LOG).status_code == 403
    assert bob_client.get(f"{LOG}export/csv/").status_code == 403

    with service():
        Membership.objects.filter(user=bob).update(role="auditor")

    assert bob_client.get(f"{LOG}export/csv/").status_code == 200
