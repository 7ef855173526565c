"""Contract, cost centres, payers and statements over the management API."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import Contract, CostCentre, Payer
from billing.services import ledger
from billing.services.ledger import AccountKind, Posting
from common.database import service
from tenants.models import ApiKey, AuditEntry, Project
from tenants.scope import scope
from tenants.services import api_keys, organizations

API = "/api/v1/organizations/acme/"
STAFF = "/api/v1/staff/"


def through(client, headers=None):
    """Return a function that sends JSON."""

    def send(method, path, body=None):
        call = getattr(client, method)
        return call(path, body, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def send(alice_client):
    """Send JSON as Alice."""
    return through(alice_client)


@pytest.fixture
def branch(person):
    """Another organization of the same legal customer."""
    dana = person("dana@branch.example")
    return organizations.found(name="Branch", owner=dana, country="FR")


@pytest.fixture
def project(acme):
    with scope(acme):
        return Project.objects.first()


def test_cost_centres_are_noted_charged_and_removed(send, project):
    made = send("post", f"{API}cost-centres", {"code": "R-1", "name": "Research"})
    one = f"{API}cost-centres/{made.json()['id']}"
    charge = f"{API}projects/{project.pk}/cost-centre"

    assert made.status_code == 201
    assert send("put", charge, {"cost_centre": "R-1"}).json()["cost_centre"] == "R-1"
    (listed,) = send("get", f"{API}cost-centres").json()
    assert (listed["code"], [it["name"] for it in listed["projects"]]) == ("R-1", [project.name])
    assert send("delete", one).status_code == 409
    send("put", charge, {"cost_centre": None})
    assert send("delete", one).status_code == 204
    assert send("get", one).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("post", "cost-centres", {"code": "R-1", "name": "Again"}, "code"),
        ("post", "cost-centres", {"code": "", "name": "Nothing"}, "code"),
        ("post", "cost-centres", {"code": "R-2", "name": "x", "owner": "me"}, "owner"),
        ("put", "projects/{project}/cost-centre", {"cost_centre": "R-9"}, "cost_centre"),
    ],
)
def test_what_is_wrong_with_a_cost_centre_is_told_by_field(
    send, project, method, path, body, field
):
    send("post", f"{API}cost-centres", {"code": "R-1", "name": "Research"})

    refused = send(method, API + path.format(project=project.pk), body)

    assert (refused.status_code, list(refused.json()["field_errors"])) == (400, [field])
    with service():
        assert list(CostCentre.objects.values_list("name", flat=True)) == ["Research"]


def test_a_key_that_notes_a_cost_centre_stands_in_the_audit_log(client, acme, alice):
    with scope(acme):
        minted = api_keys.create(acme, name="books", by=alice)
        ApiKey.objects.filter(pk=minted.api_key.pk).update(scopes=["management"])
    send = through(client, {"Authorization": f"Bearer {minted.text}"})

    assert send("post", f"{API}cost-centres", {"code": "R-1", "name": "x"}).status_code == 201

    with service():
        entry = AuditEntry.objects.get(action="cost_centre.added")
    assert entry.actor_kind == "key"


def test_who_does_not_manage_billing_sees_none_of_it(bob_client, charlie_client):
    for path in ("cost-centres", "statements", "contract", "payers"):
        assert bob_client.get(API + path).status_code == 403
        assert charlie_client.get(API + path).status_code == 404


def test_a_statement_is_the_months_movements_and_the_ledgers(send, acme):
    month = timezone.now().strftime("%Y-%m")
    with service():
        ledger.book(
            acme,
            key="gift:1",
            kind="grant",
            postings=[
                Posting(AccountKind.CUSTOMER_PREPAID, "EUR", Decimal("-7.5")),
                Posting(AccountKind.ADJUSTMENTS, "EUR", Decimal("7.5")),
            ],
        )

    assert send("get", f"{API}statements").json()["months"][0] == month
    found = send("get", f"{API}statements/{month}").json()

    (euros,) = found["statements"]
    assert (found["month"], found["is_over"]) == (month, False)
    assert (euros["credit"]["opening"], euros["credit"]["closing"]) == ("0", "7.5")
    assert [it["balance"] for it in euros["credit"]["movements"]] == ["7.5"]
    assert (euros["owed"]["closing"], euros["ledger"], euros["agrees"]) == ("0", "0", True)
    file = send("get", f"{API}statements/{month}.csv")
    assert file["Content-Type"].startswith("text/csv")
    assert b"7.5" in file.content


@pytest.mark.parametrize("month", ["2999-01", "january", "2026-13"])
def test_there_is_no_statement_of_what_is_no_month_or_to_come(send, month):
    assert send("get", f"{API}statements/{month}").status_code == 404
    assert send("get", f"{API}statements/{month}.csv").status_code == 404


def test_the_contract_is_read_with_what_is_owed(send, acme):
    assert send("get", f"{API}contract").json()["contract"] is None
    begun = timezone.now() - timedelta(days=1)
    facts = {"starts_on": begun.date(), "effective_from": begun, "signed_at": begun}
    with service():
        Contract.objects.create(
            organization=acme, number="C-1", status="active", net_days=45, **facts
        )

    found = send("get", f"{API}contract").json()

    assert (found["contract"]["number"], found["contract"]["net_days"]) == ("C-1", 45)
    assert (found["owed"], found["currency"], found["purchase_orders"]) == ("0", "EUR", [])


def test_staff_let_one_pay_for_another_and_both_read_it(send, acme, branch, staff_client):
    staff = through(staff_client)
    path = f"{STAFF}customers/{branch.slug}/payers"

    made = staff("post", path, {"payer": "acme", "next_month": True})

    assert (made.status_code, made.json()["payer"]) == (201, "acme")
    assert [it["organization"] for it in staff("get", path).json()] == [branch.slug]
    told = send("get", f"{API}payers").json()
    assert [(it["organization"], it["payer"]) for it in told["pays_for"]] == [("Branch", "Acme")]
    assert told["paid_by"] == []
    end = f"{STAFF}payers/{made.json()['id']}/end"
    assert staff("post", end).status_code == 200
    assert staff("post", end).status_code == 404
    with service():
        assert not Payer.objects.exists()


@pytest.mark.parametrize("payer", ["nobody", "branch"])
def test_who_cannot_pay_is_told_by_field(branch, acme, staff_client, payer):
    body = {"payer": payer}

    refused = through(staff_client)("post", f"{STAFF}customers/{branch.slug}/payers", body)

    assert list(refused.json()["field_errors"]) == ["payer"]
