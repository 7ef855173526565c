"""What banks take back of payments: out of the account, back again, or owed again."""

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from billing import chargebacks
from billing.models import (
    Chargeback,
    Correction,
    CreditNote,
    DunningStep,
    IncomingPayment,
    Invoice,
    Payout,
    Surplus,
)
from billing.payments.stripe import events
from billing.payments.stripe.provider import provider
from billing.services import chargebacks as booking
from billing.services import (
    charges,
    collecting,
    corrections,
    credit_notes,
    dunning,
    orders,
    payouts,
    refunds,
)
from common.database import service
from common.money import Money
from tenants.models import AuditEntry
from tenants.scope import scope
from tests.billing.chargebacks.reading import fresh, is_zero, of, owed, spend


def test_what_a_bank_withdraws_leaves_the_account(bought, dispute, books):
    before = books()

    reference = dispute(bought)
    orders.reconcile()

    row = of(reference)
    assert (row.status, row.withdrawn, row.fee) == ("open", bought.total, Decimal(20))
    after = books()
    assert after["chargebacks"] == bought.total
    assert after["payment_fees"] == 20
    assert after["payments_clearing"] == before["payments_clearing"] - bought.total - 20
    assert is_zero()


def test_an_inquiry_withdraws_nothing_until_it_is_more(stripe, bought, dispute, books):
    reference = dispute(bought, kind="inquiry")
    orders.reconcile()
    assert (of(reference).status, of(reference).withdrawn) == ("inquiry", 0)

    stripe.control(f"disputes/{reference}/escalate")
    orders.reconcile()

    assert (of(reference).status, books()["chargebacks"]) == ("open", bought.total)


def test_an_inquiry_may_end_without_effect(bought, dispute, close, books):
    before = books()
    reference = dispute(bought, kind="inquiry")

    close(reference, "warning_closed")

    assert (of(reference).status, books()) == ("closed", before)


def test_what_is_won_comes_back(bought, dispute, close, books):
    before = books()
    reference = dispute(bought)

    close(reference, "won")

    assert of(reference).status == "won"
    lost = {"payment_fees": Decimal(20)}
    cash = before["payments_clearing"] - 20
    assert books() == before | lost | {"payments_clearing": cash}
    assert fresh(bought).status == "paid"


def test_a_lost_invoice_is_owed_again(acme, charged, dispute, close, books):
    assert fresh(charged).status == "paid"

    reference = dispute(charged)
    close(reference, "lost")

    assert fresh(charged).status == "open"
    with service():
        assert [str(it.amount.normalize()) for it in charged.payments.all()] == [
            "1.2E+2",
            "-1.2E+2",
        ]
    assert "chargebacks" not in books()
    assert owed(acme) == 120
    assert is_zero()


def test_dunning_begins_anew_on_the_day_it_is_owed_again(acme, charged, dispute, close):
    close(dispute(charged), "lost")

    dunning.sweep()
    with service():
        assert not DunningStep.objects.exists()
    dunning.sweep(timezone.now() + timedelta(days=4))

    with service():
        assert DunningStep.objects.filter(invoice=charged).count() == 1
        assert chargebacks.owed_since(charged) > charged.due_at


def test_what_a_bank_took_back_is_not_charged_by_itself(alice, acme, charged, dispute, close):
    close(dispute(charged), "lost")
    with scope(acme):
        collecting.choose(acme, is_automatic=True, by=alice)

    collecting.sweep()

    assert fresh(charged).status == "open"


def test_an_invoice_that_is_owed_again_is_paid_again(alice, acme, charged, dispute, close, stripe):
    close(dispute(charged), "lost")
    with scope(acme):
        invoice = Invoice.objects.select_related("organization").get(pk=charged.pk)

    page = charges.open_page(invoice, by=alice)
    stripe.control(f"checkout/sessions/{page.rsplit('/', 1)[1]}/pay")
    orders.reconcile()

    assert fresh(charged).status == "paid"
    assert owed(acme) == 0


def test_the_unused_credit_of_a_lost_purchase_is_taken_back(
    acme, bought, dispute, close, books, left
):
    close(dispute(bought), "lost")

    assert left() == [(0, 0)]
    assert books() == {"payments_clearing": Decimal(-20), "payment_fees": Decimal(20)}
    with service():
        invoice = Invoice.objects.get(order=bought)
        note = CreditNote.objects.get(invoice=invoice)
        assert not Chargeback.objects.get().is_owed_again
    assert (note.reason, note.total, invoice.status) == ("chargeback", bought.total, "paid")
    assert owed(acme) == 0


async def test_what_was_used_of_a_lost_purchase_is_owed(
    acme, bought, dispute, close, conn, take, settled, left
):
    await spend(acme, conn, take, settled, "10")

    close(dispute(bought), "lost")

    assert left() == [(0, 0)]
    with service():
        invoice = Invoice.objects.get(order=bought)
        note = CreditNote.objects.get(invoice=invoice)
        assert invoice.status == "open"
        found = Chargeback.objects.get()
        assert (found.owed, found.is_owed_again) == (0, True)
    assert owed(acme) == bought.total - note.total > 0
    assert is_zero()


def test_a_part_that_is_lost_takes_a_part(acme, bought, dispute, close, left):
    half = int(bought.total * 100) // 2

    close(dispute(bought, amount=half), "lost")

    [(rest, _leased)] = left()
    assert 0 < rest < bought.grant_quantity
    assert owed(acme) == 0
    with service():
        assert Invoice.objects.get(order=bought).status == "paid"


def test_events_in_any_order_and_number_have_one_effect(bought, dispute, close, books):
    reference = dispute(bought)
    close(reference, "lost")
    before, since = books(), timezone.now() - timedelta(days=1)

    for event in [*reversed(provider.recent_events(since)), *provider.recent_events(since)]:
        again = type(event)(**{name: getattr(event, name) for name in event.__slots__})
        object.__setattr__(again, "event_id", f"evt_{uuid.uuid4().hex}")
        orders.handle(again)
    booking.settle()

    assert books() == before
    with service():
        assert Chargeback.objects.count() == CreditNote.objects.count() == 1


def test_what_is_stale_changes_nothing(bought, dispute, close, books):
    reference = dispute(bought)
    orders.reconcile()
    stale = provider.dispute(reference)
    close(reference, "won")
    before = books()

    with service():
        booking.told(stale)

    assert (of(reference).status, books()) == ("won", before)


def test_a_dispute_of_somebody_elses_payment_is_left_alone(stripe, acme, books):
    intent = stripe.paid_intent()
    stripe.control("disputes", payment_intent=intent.id)

    orders.reconcile()

    with service():
        assert not Chargeback.objects.exists()
    assert books() == {}


def test_what_no_webhook_told_is_found(bought, dispute, stripe):
    reference = dispute(bought)
    orders.reconcile()
    stripe.control(f"disputes/{reference}/close", status="won")

    booking.refresh()

    assert of(reference).status == "won"


def test_a_bank_may_change_its_mind_after_it_was_lost(acme, charged, dispute, close, books):
    reference = dispute(charged)
    close(reference, "lost")

    close(reference, "won")

    assert (of(reference).status, fresh(charged).status) == ("won", "paid")
    assert "chargebacks" not in books()
    assert owed(acme) == 0


def test_what_comes_back_after_it_was_paid_again_is_the_customers(
    acme, alice, charged, dispute, close, give
):
    reference = dispute(charged)
    close(reference, "lost")
    with service():
        booking.offsetting.receive(
            charged,
            Decimal(120),
            source=IncomingPayment.Source.BANK,
            key="bank:1",
            by=alice,
        )

    close(reference, "won")

    with service():
        assert Surplus.objects.get().left == 120
    assert owed(acme) == -120


def test_money_that_went_elsewhere_is_owed_and_shown(
    acme, charged, dispute, close, staff_pair, left
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
        surplus = Surplus.objects.get()
        payout = payouts.propose(
            surplus, Payout.Way.BANK, words="w", by=one, iban="DE89370400440532013000"
        )
        payouts.approve(payout, by=other)

    reference = dispute(charged)
    close(reference, "lost")

    assert (of(reference).owed, fresh(charged).status) == (50, "open")
    assert owed(acme) == 120


def test_what_a_credit_note_left_is_taken_first(acme, charged, dispute, close, alice):
    with service():
        credit_notes.issue(
            charged,
            key="k",
            reason=CreditNote.Reason.CORRECTION,
            words="w",
            amount=Decimal(50),
            by=alice,
        )

    reference = dispute(charged)
    close(reference, "lost")

    with service():
        assert Surplus.objects.get().left == 0
    assert of(reference).owed == 0
    assert owed(acme) == 70


def test_it_is_on_record(bought, dispute, close):
    close(dispute(bought), "lost")

    with service():
        told = list(AuditEntry.objects.filter(action__startswith="chargeback."))
    assert {it.action for it in told} == {"chargeback.lost", "chargeback.settled"}


def test_staff_see_it_on_the_desk_and_at_the_customer(staff_client, bought, dispute, close):
    reference = dispute(bought)
    close(reference, "lost")

    for page in ("/staff/corrections/", "/staff/customers/acme/"):
        assert reference in staff_client.get(page).content.decode()
    [row] = staff_client.get("/api/v1/staff/chargebacks").json()["results"]
    assert (row["reference"], row["organization"], row["fee"]) == (reference, "acme", "20")


def test_the_customer_is_told_on_the_order_and_the_invoice(alice_client, bought, dispute, close):
    reference = dispute(bought)
    orders.reconcile()
    order = f"/o/acme/billing/orders/{bought.pk}/"
    assert "Your bank is taking this payment back" in alice_client.get(order).content.decode()

    close(reference, "lost")

    with service():
        number = Invoice.objects.get(order=bought).number
    for page in (order, f"/o/acme/billing/invoices/{number}/"):
        assert "Your bank took this payment back" in alice_client.get(page).content.decode()
    [row] = alice_client.get("/api/v1/organizations/acme/chargebacks").json()["results"]
    assert (row["status"], row["invoice"], "fee" in row) == ("lost", number, False)


async def test_what_was_used_can_be_given_up(
    acme, bought, dispute, close, conn, take, settled, staff_pair
):
    await spend(acme, conn, take, settled, "10")
    close(dispute(bought), "lost")
    one, other = staff_pair

    with service():
        invoice = Invoice.objects.get(order=bought)
        proposed = corrections.propose(
            invoice, kind=Correction.Kind.WRITE_OFF, words="Gone", by=one
        )
        corrections.approve(proposed, by=other)

    assert fresh(invoice).status == "uncollectible"
    assert owed(acme) == 0


def test_an_account_in_another_currency_gets_back_what_is_won():
    # Out at one rate and back at another: the difference is no part of the payment.
    out, back = ({"amount": cents, "currency": "usd"} for cents in (-13200, 13150))
    told = {"id": "du_1", "status": "won", "amount": 12000, "currency": "eur", "created": 0}

    found = events.dispute(told | {"balance_transactions": [out]})
    assert found.withdrawn == Money(Decimal(120), "EUR")

    found = events.dispute(told | {"balance_transactions": [out, back]})
    assert found.withdrawn == Money(Decimal(0), "EUR")


def test_what_is_withdrawn_after_an_inquiry_was_closed_is_booked(
    acme, bought, dispute, close, books
):
    reference = dispute(bought, kind="inquiry")
    opened = provider.dispute(reference)
    close(reference, "warning_closed")

    with service():
        booking.told(replace(opened, status="open", withdrawn=opened.amount, moves=1))
    assert (of(reference).status, books()["chargebacks"]) == ("open", bought.total)
    assert of(reference).closed_at is None


def test_two_disputes_of_one_payment_take_their_parts(acme, charged, dispute, close, books):
    first = provider.dispute(dispute(charged, amount=5000))
    close(first.dispute_id, "lost")
    rest = Money(Decimal(70), "EUR")
    second = replace(first, dispute_id="du_2", amount=rest, withdrawn=rest, status="lost")

    with service():
        booking.told(second)
    booking.settle()

    assert owed(acme) == 120
    assert "chargebacks" not in books()
    assert is_zero()


async def test_a_bank_may_take_back_what_a_refund_had_left(
    acme, bought, dispute, close, conn, take, settled, staff_pair
):
    await spend(acme, conn, take, settled, "10")
    one, other = staff_pair
    with service():
        refund = refunds.approve(refunds.propose(bought, words="w", by=one), by=other)
    refunds.sweep()
    assert fresh(refund).status == "sent"

    reference = dispute(bought)
    close(reference, "lost")

    # Part went back twice: it is owed beside the invoice, whose part was used.
    assert of(reference).owed == fresh(refund).net + fresh(refund).tax
    assert owed(acme) == bought.total
    assert is_zero()
