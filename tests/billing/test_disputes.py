"""Disputes and corrections: one proposes, another approves, a credit note follows."""

import threading
from decimal import Decimal

import pytest
from django.core import mail
from django.db import Error, connections

from billing.models import Correction, CreditNote, Dispute, IncomingPayment, Invoice
from billing.services import corrections, disputes, receiving
from common.database import service
from common.errors import Conflict, DomainError, Forbidden
from tenants.models import AuditEntry, Membership, Role
from tenants.scope import scope
from tests.billing.paper import invoice_of

CREDIT, VOID, WRITE_OFF = Correction.Kind.CREDIT, Correction.Kind.VOID, Correction.Kind.WRITE_OFF


@pytest.fixture
def invoice(acme):
    """An open invoice of two lines: 10.00 and 5.01 before tax."""
    return invoice_of(acme, "10.00", "5.01")


@pytest.fixture
def sam(person):
    """One of the operator's staff."""
    return person("sam@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    """Another of them."""
    return person("kim@operator.example", is_staff=True)


@pytest.fixture
def dispute(invoice, alice):
    """Alice objects to the second line."""
    with scope(invoice.organization):
        line = invoice.lines.get(position=2)
        return disputes.open_(invoice, by=alice, reason="We did not use this.", line=line)


def propose(invoice, by, kind=CREDIT, **facts):
    """Propose a correction."""
    with service():
        return corrections.propose(invoice, kind=kind, words="You are right.", by=by, **facts)


def approve(correction, by):
    """Approve it."""
    with service():
        return corrections.approve(correction, by=by)


def test_who_has_left_is_not_written_to_about_what_they_opened(
    acme, invoice, dispute, alice, bob, sam
):
    with service():
        Membership.objects.filter(user=bob).update(role=Role.OWNER)
        Membership.objects.filter(user=alice).delete()

        disputes.refuse(dispute, by=sam, answer="You did use it.")

    assert [message.to for message in mail.outbox] == [[bob.email]]


def test_an_accepted_dispute_becomes_a_credit_note(invoice, dispute, alice, sam, kim):
    proposed = propose(invoice, sam, line=dispute.line, dispute=dispute)

    done = approve(proposed, kim)

    note = done.credit_note
    assert (note.net, note.reason) == (Decimal("5.01"), "dispute")
    with service():
        decided = Dispute.objects.get()
        actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert (decided.status, decided.answer, decided.decided_by_id) == (
        "accepted",
        "You are right.",
        kim.pk,
    )
    assert actions >= {
        "dispute.opened", "correction.proposed", "correction.approved", "credit_note.issued",
        "dispute.accepted",
    }  # fmt: skip
    told = [message for message in mail.outbox if message.to == [alice.email]]
    assert "You are right." in told[-1].body


def test_a_dispute_is_accepted_in_part(invoice, dispute, sam, kim):
    approve(propose(invoice, sam, line=dispute.line, amount=Decimal("1.00"), dispute=dispute), kim)

    with service():
        assert CreditNote.objects.get().net == Decimal("1.00")
        assert Dispute.objects.get().status == "accepted"


def test_nobody_approves_what_they_proposed(invoice, sam):
    proposed = propose(invoice, sam)

    with pytest.raises(Forbidden):
        approve(proposed, sam)
    with service():
        assert not CreditNote.objects.exists()


def test_the_database_knows_the_four_eyes_too(invoice, sam):
    proposed = propose(invoice, sam)

    with pytest.raises(Error, match="four_eyes"), service():
        Correction.objects.filter(pk=proposed.pk).update(status="approved", decided_by=sam)


def test_two_approvals_at_once_write_one_credit_note(invoice, sam, kim, person):
    proposed = propose(invoice, sam, amount=Decimal("1.00"))
    refused = []

    def race(by):
        try:
            approve(proposed, by)
        except Conflict as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=race, args=[by])
        for by in (kim, person("lee@operator.example", is_staff=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    with service():
        assert CreditNote.objects.get().net == 1


def test_one_correction_of_an_invoice_waits_at_a_time(invoice, sam, kim):
    propose(invoice, sam)

    with pytest.raises(Conflict):
        propose(invoice, kim)


def test_a_refused_dispute_changes_nothing_and_tells_why(invoice, dispute, alice, sam):
    propose(invoice, sam, dispute=dispute)
    with service():
        disputes.refuse(dispute, by=sam, answer="Your key made these requests.")

    with service():
        assert Dispute.objects.get().status == "refused"
        assert Correction.objects.get().status == "refused"
        assert not CreditNote.objects.exists()
    assert "Your key made these requests." in mail.outbox[-1].body


def test_a_withdrawn_dispute_is_not_accepted_any_more(invoice, dispute, alice, sam, kim):
    proposed = propose(invoice, sam, dispute=dispute)
    with scope(invoice.organization):
        disputes.withdraw(dispute, by=alice)

    with pytest.raises(Conflict):
        approve(proposed, kim)
    with service():
        assert not CreditNote.objects.exists()


def test_a_second_dispute_about_the_same_line_is_refused(invoice, dispute, alice):
    with pytest.raises(Conflict), scope(invoice.organization):
        disputes.open_(invoice, by=alice, reason="Again", line=dispute.line)


def test_nobody_claims_more_than_the_line(invoice, alice):
    with scope(invoice.organization):
        line = invoice.lines.get(position=2)

    with pytest.raises(DomainError) as refusal, scope(invoice.organization):
        disputes.open_(invoice, by=alice, reason="All", line=line, claimed=Decimal("5.02"))

    assert set(refusal.value.field_errors) == {"amount"}


def test_a_customer_cannot_decide_its_own_dispute(invoice, dispute):
    with pytest.raises(Error, match="decided by staff"), scope(invoice.organization):
        Dispute.objects.filter(pk=dispute.pk).update(status="accepted")


def test_an_invoice_is_cancelled_by_a_credit_note(invoice, sam, kim, books):
    approve(propose(invoice, sam, VOID), kim)

    with service():
        assert Invoice.objects.get().status == "void"
        assert CreditNote.objects.get().reason == "void"
    assert books() == {}


def test_a_written_off_invoice_is_a_loss_of_ours(invoice, sam, kim, books):
    approve(propose(invoice, sam, WRITE_OFF), kim)

    with service():
        assert Invoice.objects.get().status == "uncollectible"
        assert not CreditNote.objects.exists()
    found = books()
    assert found["adjustments"] == invoice.total
    assert "receivable" not in found


@pytest.fixture
def half_paid(invoice):
    """Ten of the 18.01 have come in."""
    with service():
        receiving.receive(
            invoice, Decimal(10), source=IncomingPayment.Source.MANUAL, key="ten", by=None
        )
    return invoice


def test_only_what_is_not_paid_is_written_off(half_paid, sam, kim, books):
    approve(propose(half_paid, sam, WRITE_OFF), kim)

    found = books()
    assert found["adjustments"] == half_paid.total - 10
    assert "receivable" not in found


def test_what_is_paid_in_part_is_not_cancelled(half_paid, sam):
    with pytest.raises(Conflict, match="is paid"):
        propose(half_paid, sam, VOID)


def test_an_invoice_whose_rest_is_credited_is_paid(invoice, sam, kim, books):
    with service():
        receiving.receive(
            invoice, Decimal("12.01"), source=IncomingPayment.Source.MANUAL, key="most", by=None
        )

    approve(propose(invoice, sam, amount=Decimal("5.00")), kim)

    with service():
        assert Invoice.objects.get().status == "paid"
    assert "receivable" not in books()


def test_what_is_written_off_is_not_credited_as_well(invoice, sam, kim):
    approve(propose(invoice, sam, WRITE_OFF), kim)

    with pytest.raises(Conflict):
        propose(invoice, sam)


def test_a_customer_cannot_write_how_a_dispute_ends(acme, invoice, alice):
    with scope(acme), pytest.raises(Error, match="row-level security"):
        Dispute.objects.create(
            organization=acme, invoice=invoice, reason="Mine", opened_by=alice, status="accepted"
        )
