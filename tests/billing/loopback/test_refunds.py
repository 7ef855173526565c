"""Refunds, disputes and the balance through the official client."""

import pytest
from stripe import InvalidRequestError


def test_a_refund_gives_everything_back(stripe, loopback):
    intent = loopback.paid_intent()

    refund = stripe.refunds.create({"payment_intent": intent.id, "reason": "duplicate"})

    assert (refund.amount, refund.status, refund.currency) == (5000, "succeeded", "eur")
    charge = stripe.charges.retrieve(intent.latest_charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (5000, True)
    assert [r.id for r in charge.refunds.data] == [refund.id]
    assert loopback.event_types()[-2:] == ["refund.created", "charge.refunded"]
    entry = stripe.balance_transactions.retrieve(refund.balance_transaction)
    assert (entry.amount, entry.fee, entry.net, entry.type) == (-5000, 0, -5000, "refund")


def test_parts_never_exceed_the_payment(stripe, loopback):
    charge = loopback.paid_intent().latest_charge
    stripe.refunds.create({"charge": charge, "amount": 3000})

    with pytest.raises(InvalidRequestError) as refusal:
        stripe.refunds.create({"charge": charge, "amount": 2001})

    assert refusal.value.user_message == (
        "Refund amount (€20.01) is greater than unrefunded amount on charge (€20.00)"
    )
    assert refusal.value.param == "amount"
    assert stripe.charges.retrieve(charge).amount_refunded == 3000
    stripe.refunds.create({"charge": charge, "amount": 2000})
    with pytest.raises(InvalidRequestError) as again:
        stripe.refunds.create({"charge": charge})
    assert again.value.code == "charge_already_refunded"
    assert sum(refund.amount for refund in stripe.refunds.list({"charge": charge}).data) == 5000


@pytest.mark.parametrize("amount", [0, -1, "1.5", "all"])
def test_a_refund_is_a_positive_whole_number(stripe, loopback, amount):
    charge = loopback.paid_intent().latest_charge

    with pytest.raises(InvalidRequestError) as refusal:
        stripe.refunds.create({"charge": charge, "amount": amount})

    assert refusal.value.code == "parameter_invalid_integer"
    assert stripe.refunds.list().data == []


@pytest.mark.parametrize("target", [{}, {"charge": "ch_1", "payment_intent": "pi_1"}])
def test_a_refund_names_one_payment(stripe, target):
    with pytest.raises(InvalidRequestError, match="payment_intent or charge"):
        stripe.refunds.create(target)


def test_an_unpaid_intent_cannot_be_refunded(stripe, loopback):
    unpaid = stripe.payment_intents.create({"amount": 700, "currency": "eur"})
    debit = loopback.paid_intent(payment_method="pm_sepaDebit")

    with pytest.raises(InvalidRequestError):
        stripe.refunds.create({"payment_intent": unpaid.id})
    with pytest.raises(InvalidRequestError):
        stripe.refunds.create({"charge": debit.latest_charge})


def test_a_failed_refund_can_be_given_again(stripe, loopback):
    intent = loopback.paid_intent()
    refund = stripe.refunds.create({"payment_intent": intent.id})

    loopback.control(f"refunds/{refund.id}/fail")

    assert stripe.refunds.retrieve(refund.id).status == "failed"
    assert stripe.charges.retrieve(intent.latest_charge).amount_refunded == 0
    assert loopback.event_types()[-1] == "refund.failed"
    assert stripe.refunds.create({"payment_intent": intent.id}).amount == 5000


def test_a_dispute_takes_the_money_back_until_it_is_won(stripe, loopback):
    intent = loopback.paid_intent()

    dispute = loopback.control("disputes", payment_intent=intent.id, reason="duplicate")
    with pytest.raises(InvalidRequestError) as refusal:
        stripe.refunds.create({"payment_intent": intent.id})
    loopback.control(f"disputes/{dispute['id']}/close", status="won")

    assert refusal.value.code == "charge_disputed"
    found = stripe.disputes.retrieve(dispute["id"])
    assert (found.status, found.amount, found.reason) == ("won", 5000, "duplicate")
    assert [e.net for e in found.balance_transactions] == [-7000, 5000]
    assert stripe.charges.retrieve(intent.latest_charge).disputed is True
    assert loopback.event_types(type="charge.dispute.*") == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]


def test_one_test_card_is_disputed_at_once(stripe, loopback):
    intent = loopback.paid_intent(payment_method="pm_card_createDispute")

    assert intent.status == "succeeded"
    assert stripe.disputes.list({"payment_intent": intent.id}).data[0].reason == "fraudulent"


def test_the_balance_lists_every_movement(stripe, loopback):
    intent = loopback.paid_intent()
    stripe.refunds.create({"payment_intent": intent.id, "amount": 1000})

    entries = stripe.balance_transactions.list().data

    assert [(e.type, e.amount, e.net) for e in entries] == [
        ("refund", -1000, -1000),
        ("charge", 5000, 4900),
    ]
    assert [e.source for e in stripe.balance_transactions.list({"type": "charge"}).data] == [
        intent.latest_charge
    ]
