"""What banks take back, beside refunds, twice, and with a death in between: each once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connections

from billing.models import (
    CreditNote,
    Payout,
    Refund,
    Surplus,
)
from billing.payments.stripe.provider import provider
from billing.services import chargebacks as booking
from billing.services import (
    credit_notes,
    orders,
    payouts,
    refunds,
)
from common.database import service
from common.errors import Conflict
from tests.billing.chargebacks.reading import fresh, is_zero, of, owed


def test_a_refund_is_refused_while_the_bank_decides(bought, dispute, alice, bob):
    dispute(bought)
    orders.reconcile()

    with service(), pytest.raises(Conflict, match="taking this payment back"):
        refunds.propose(bought, words="please", by=bob)

    with service():
        assert not Refund.objects.exists()


def test_a_refund_that_the_dispute_overtook_is_kept_and_taken(
    acme, bought, dispute, close, staff_pair
):
    one, other = staff_pair
    reference = dispute(bought)
    with service():
        refund = refunds.propose(bought, words="please", by=one)
        refunds.approve(refund, by=other)
    orders.reconcile()
    assert fresh(refund).status == "failed"
    with service(), pytest.raises(Conflict, match="taking this payment back"):
        refunds.retry(refund, by=one)

    close(reference, "lost")

    assert fresh(refund).status == "kept"
    with service():
        assert [it.left for it in Surplus.objects.all()] == [0]
    assert of(reference).owed == 0
    assert owed(acme) == 0


def test_two_deliveries_at_once_book_once(bought, dispute, books):
    reference = dispute(bought)
    found = provider.dispute(reference)
    gate = threading.Barrier(4)

    def tell():
        gate.wait()
        try:
            with service():
                booking.told(found)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        [each.result() for each in [pool.submit(tell) for _ in range(4)]]

    assert books()["chargebacks"] == bought.total


def test_two_settle_at_once_and_one_has_an_effect(acme, bought, dispute, stripe):
    stripe.control(f"disputes/{dispute(bought)}/close", status="lost")
    orders.reconcile()
    gate = threading.Barrier(4)

    def settle():
        gate.wait()
        try:
            booking.settle()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        [each.result() for each in [pool.submit(settle) for _ in range(4)]]

    with service():
        assert CreditNote.objects.count() == 1
    assert owed(acme) == 0
    assert is_zero()


def test_a_refund_against_a_dispute_gives_back_once(acme, bought, dispute, staff_pair):
    one, other = staff_pair
    with service():
        refund = refunds.propose(bought, words="please", by=one)
    reference = dispute(bought)
    found = provider.dispute(reference)
    gate = threading.Barrier(2)

    def tell():
        with service():
            booking.told(found)

    def approve():
        with service():
            refunds.approve(refund, by=other)

    def at_once(work):
        gate.wait()
        try:
            return work()
        except Conflict:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        [it.result() for it in [pool.submit(at_once, work) for work in (tell, approve)]]
    refunds.sweep()

    assert fresh(refund).status in ("proposed", "failed")
    assert of(reference).status == "open"
    assert is_zero()


def test_dying_between_two_commits_loses_nothing(acme, charged, dispute, stripe, monkeypatch):
    reference = dispute(charged)
    stripe.control(f"disputes/{reference}/close", status="lost")
    # It is written, and the doorbell is lost with the process.
    monkeypatch.setattr(booking.jobs, "enqueue", lambda *_names, **_ids: None)
    orders.reconcile()
    assert (of(reference).status, fresh(charged).status) == ("lost", "paid")
    monkeypatch.undo()

    booking.settle()
    booking.settle()

    assert fresh(charged).status == "open"
    assert owed(acme) == 120


def test_what_went_back_by_a_refund_and_by_the_bank_is_owed_once(
    acme, bought, dispute, stripe, monkeypatch
):
    stripe.client.v1.refunds.create({"payment_intent": bought.payment_reference})
    stripe.control(f"disputes/{dispute(bought)}/close", status="lost")
    # The credit note over the refund is still to be written: its bell comes later.
    monkeypatch.setattr(booking.jobs, "enqueue", lambda *_names, **_ids: None)
    orders.reconcile()
    assert fresh(bought).status == "refunded"

    booking.settle()
    refunds.credit_returned()

    assert owed(acme) == bought.total
    assert is_zero()


def test_a_payout_that_the_dispute_held_up_is_taken_back(
    acme, charged, dispute, close, staff_pair, monkeypatch
):
    one, other = staff_pair
    with service():
        credit_notes.issue(
            charged,
            key="k",
            reason=CreditNote.Reason.CORRECTION,
            words="w",
            amount=Decimal(50),
            by=one,
        )
        payout = payouts.propose(Surplus.objects.get(), Payout.Way.METHOD, words="w", by=one)
        monkeypatch.setattr(booking.jobs, "enqueue", lambda *_names, **_ids: None)
        payouts.approve(payout, by=other)
    monkeypatch.undo()
    reference = dispute(charged)
    close(reference, "lost")

    payouts.sweep()
    booking.settle()

    assert (of(reference).owed, fresh(payout).status) == (0, "failed")
    with service():
        assert Surplus.objects.get().left == 0
    assert owed(acme) == 70
    assert is_zero()


def test_a_refund_that_went_out_and_died_unnoted_is_owed_too(
    acme, bought, dispute, close, staff_pair, monkeypatch
):
    one, other = staff_pair
    with service():
        refund = refunds.propose(bought, words="w", by=one)
        monkeypatch.setattr(booking.jobs, "enqueue", lambda *_names, **_ids: None)
        refund = refunds.approve(refund, by=other)
    provider.refund(bought.payment_reference, refund.total, refund_id=refund.pk)
    monkeypatch.undo()

    reference = dispute(bought)
    close(reference, "lost")

    assert fresh(refund).status == "sent"
    assert of(reference).owed == bought.total
    assert owed(acme) == bought.total
    assert is_zero()
