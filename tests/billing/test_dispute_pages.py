"""The pages and the API about disputes and credit notes, for customers and at the desk."""

from decimal import Decimal

import pytest

from billing.models import Correction, CreditNote, Dispute
from billing.services import corrections
from common.database import service
from tenants.models import AuditEntry
from tenants.scope import scope
from tenants.services import api_keys
from tests.billing.paper import invoice_of

DESK = "/staff/corrections/"
API = "/api/v1/organizations/acme/"


def text(response):
    return " ".join(response.content.decode().split())


@pytest.fixture
def invoice(acme):
    """An open invoice of two lines: 10.00 and 5.01 before tax."""
    return invoice_of(acme, "10.00", "5.01")


@pytest.fixture
def kim(person):
    """A second member of the operator's staff."""
    return person("kim@operator.example", is_staff=True)


def dispute_form(invoice, client, **facts):
    """Object to the invoice on its page."""
    address = f"/o/acme/billing/invoices/{invoice.number}/dispute/"
    return client.post(address, {"reason": "Not ours", **facts}, follow=True)


def test_from_a_dispute_to_a_credit_note(invoice, alice_client, staff_client, kim):
    with scope(invoice.organization):
        line = invoice.lines.get(position=2)
    opened = dispute_form(invoice, alice_client, line=line.pk, request_ids="r-1 r-2")
    assert "Nobody has decided it yet" in text(opened)
    assert "Line 2" in text(staff_client.get(DESK))
    with service():
        dispute = Dispute.objects.get()
    assert "Not ours" in text(staff_client.get(f"/staff/disputes/{dispute.pk}/"))

    proposed = staff_client.post(
        f"/staff/invoices/{invoice.pk}/?dispute={dispute.pk}",
        {"kind": "credit", "line": line.pk, "amount": "5.01", "words": "You are right"},
        follow=True,
    )
    assert "You are right" in text(proposed)
    assert ">Approve<" not in text(proposed)
    with service():
        corrections.approve(Correction.objects.get(), by=kim)
        note = CreditNote.objects.get()

    page = text(alice_client.get(f"/o/acme/billing/disputes/{dispute.pk}/"))
    assert note.number in page
    assert "You are right" in page
    paper = text(alice_client.get(f"/o/acme/billing/credit-notes/{note.number}/"))
    assert f"invoice {invoice.number} of" in paper
    pdf = alice_client.get(f"/o/acme/billing/credit-notes/{note.number}/pdf/")
    assert pdf.content.startswith(b"%PDF-1.7")
    assert note.number in text(alice_client.get(f"/o/acme/billing/invoices/{invoice.number}/"))


def test_one_correction_waits_at_a_time_and_is_decided_beside_its_invoice(
    invoice, staff_client, kim
):
    page = f"/staff/invoices/{invoice.pk}/"
    with service():
        corrections.propose(invoice, kind=Correction.Kind.VOID, words="Twice", by=kim)

    seen = text(staff_client.get(page))

    assert "A correction waits" in seen
    assert "Propose a correction" not in seen
    assert ">Approve<" in seen
    assert "Corrections to approve: 1" in text(staff_client.get("/staff/"))


def test_who_proposed_cannot_approve_on_the_desk(invoice, staff_client):
    staff_client.post(f"/staff/invoices/{invoice.pk}/", {"kind": "void", "words": "Twice"})
    with service():
        proposed = Correction.objects.get()

    refused = staff_client.post(f"{DESK}{proposed.pk}/approve/")

    assert refused.status_code == 403
    with service():
        assert Correction.objects.get().status == "proposed"


def test_a_proposal_is_taken_back(invoice, staff_client):
    staff_client.post(f"/staff/invoices/{invoice.pk}/", {"kind": "void", "words": "Twice"})
    with service():
        proposed = Correction.objects.get()

    staff_client.post(f"{DESK}{proposed.pk}/refuse/")

    with service():
        assert Correction.objects.get().status == "refused"


def test_staff_refuses_with_a_reason(invoice, alice_client, staff_client):
    dispute_form(invoice, alice_client)
    with service():
        dispute = Dispute.objects.get()

    assert staff_client.post(f"/staff/disputes/{dispute.pk}/", {}).status_code == 422
    staff_client.post(f"/staff/disputes/{dispute.pk}/", {"answer": "It was your key"})

    page = text(alice_client.get(f"/o/acme/billing/disputes/{dispute.pk}/"))
    assert "It was your key" in page


def test_a_dispute_is_withdrawn(invoice, alice_client):
    dispute_form(invoice, alice_client)
    with service():
        dispute = Dispute.objects.get()

    alice_client.post(f"/o/acme/billing/disputes/{dispute.pk}/withdraw/")

    assert "Withdrawn" in text(alice_client.get("/o/acme/billing/disputes/"))


@pytest.mark.parametrize(
    "facts",
    [
        {"reason": ""},
        {"amount": "99"},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"amount": "0.001"},
        {"amount": "0"},
        {"line": "nonsense"},
        {"request_ids": "x" * 101},
        {"request_ids": " ".join(map(str, range(51)))},
    ],
)
def test_a_bad_dispute_is_refused_with_its_field(invoice, alice_client, facts):
    response = dispute_form(invoice, alice_client, **facts)

    assert response.status_code == 422
    assert response.context["form"].errors
    with service():
        assert not Dispute.objects.exists()


def test_a_developer_does_not_open_disputes(invoice, bob_client):
    assert dispute_form(invoice, bob_client).status_code == 403


def test_desk_pages_do_not_exist_for_customers(invoice, alice_client):
    assert alice_client.get(DESK).status_code == 404
    assert alice_client.get(f"/staff/invoices/{invoice.pk}/").status_code == 404


def test_disputes_over_the_api(invoice, alice_client):
    body = {"invoice": invoice.number, "line": 2, "reason": "Not ours", "claimed": "1.50"}
    made = alice_client.post(f"{API}disputes", body, "application/json")
    again = alice_client.post(f"{API}disputes", body, "application/json")

    assert made.status_code == 201
    assert (made.json()["line"], made.json()["claimed"]) == (2, "1.5")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    listed = alice_client.get(f"{API}disputes").json()["results"]
    assert [it["status"] for it in listed] == ["open"]
    gone = alice_client.delete(f"{API}disputes/{made.json()['id']}")
    assert gone.json()["status"] == "withdrawn"


def test_the_audit_log_names_the_key_that_objected(invoice, client, acme, alice):
    with scope(acme):
        minted = api_keys.create(acme, name="erp", by=alice, scopes=["management"])
    client.post(
        f"{API}disputes",
        {"invoice": invoice.number, "reason": "Not ours"},
        "application/json",
        headers={"authorization": f"Bearer {minted.text}"},
    )

    with scope(acme):
        opened = AuditEntry.objects.get(action="dispute.opened")
    assert (opened.actor_kind, opened.actor_label) == ("key", str(minted.api_key))


def test_more_than_the_line_is_refused_over_the_api(invoice, alice_client):
    body = {"invoice": invoice.number, "line": 2, "reason": "Not ours", "claimed": "5.02"}

    refused = alice_client.post(f"{API}disputes", body, "application/json")

    assert (refused.status_code, set(refused.json()["field_errors"])) == (400, {"amount"})


def test_invoices_and_credit_notes_over_the_api(invoice, alice_client, alice, kim):
    with service():
        proposed = corrections.propose(
            invoice, kind=Correction.Kind.CREDIT, words="x", by=alice, amount=Decimal("3")
        )
        corrections.approve(proposed, by=kim)

    [listed] = alice_client.get(f"{API}invoices").json()["results"]
    shown = alice_client.get(f"{API}invoices/{listed['number']}").json()
    [note] = alice_client.get(f"{API}credit-notes").json()["results"]

    assert (listed["net"], listed["tax"], listed["total"]) == ("15.01", "3", "18.01")
    assert [line["amount"] for line in shown["lines"]] == ["10", "5.01"]
    assert (note["invoice"], note["total"]) == (invoice.number, "3.6")
    assert [(it["invoice_line"], it["amount"]) for it in note["lines"]] == [(1, "2"), (2, "1")]
    one = alice_client.get(f"{API}credit-notes/{note['number']}").json()
    assert one == note


@pytest.mark.parametrize("path", ["invoices", "credit-notes", "disputes", "invoices/TES-2026-1"])
def test_strangers_see_nothing_over_the_api(invoice, charlie_client, path):
    assert charlie_client.get(API + path).status_code == 404
