"""What is left of a bought bundle goes back once, with its tax, and never without its credit."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError
from django.db.models import F
from django.utils import timezone

from billing.models import (
    CreditGrant,
    CreditNote,
    Invoice,
    LedgerEntry,
    Order,
    Payout,
    Refund,
    Surplus,
)
from billing.services import orders, payouts, refunds
from common.database import service
from common.errors import Conflict, Forbidden
from tenants.models import AuditEntry, Membership, Role
from tenants.scope import scope
from tests.billing.test_orders import (  # noqa: F401 - fixtures
    at_once,
    books,
    bundle,
    deliver,
    event_of,
    order,
    pay,
)


@pytest.fixture
def sam(person):
    """A member of the operator's staff who proposes."""
    return person("sam-who-proposes@operator.example", is_staff=True)


@pytest.fixture
def rita(person):
    """Another one, who approves."""
    return person("rita-who-approves@operator.example", is_staff=True)


@pytest.fixture
def bought(stripe, order):  # noqa: F811
    """Acme's paid order."""
    pay(stripe, order)
    return orders.fulfil(order.session_id)


@pytest.fixture
def proposed(bought, sam):
    """Return a refund of it that waits for a second person."""
    with service():
        return refunds.propose(bought, words="Moved to another cloud", by=sam)


def approve(refund, by):
    with service():
        return refunds.approve(refund, by=by)


def use(order, share):  # noqa: F811
    """Use a share of what the order granted; the books of that are another test's."""
    with service():
        given = CreditGrant.objects.get(source_key=f"order:{order.pk}")
        given.remaining -= given.granted * share
        given.save(update_fields=["remaining"])


def back_at(stripe, order):  # noqa: F811
    """Return what Stripe has paid back of the order, in minor units."""
    payment = stripe.client.v1.payment_intents.retrieve(order.payment_reference)
    page = stripe.client.v1.refunds.list({"payment_intent": payment.id})
    return [refund.amount for refund in page.data]


def remaining(order):  # noqa: F811
    with service():
        return CreditGrant.objects.get(source_key=f"order:{order.pk}").remaining


def forget_that_it_is_sent(refund):
    """Go back to the moment between Stripe's answer and our note of it, when somebody died."""
    with service():
        Refund.objects.filter(pk=refund.pk).update(status="approved", reference="")


def state(refund):
    with service():
        return Refund.objects.get(pk=refund.pk)


def test_all_that_is_left_goes_back_with_its_tax(stripe, bought, proposed, rita):
    approve(proposed, rita)

    sent = refunds.send(proposed.pk)

    assert (sent.status, sent.net, sent.tax) == ("sent", bought.net, bought.tax)
    assert back_at(stripe, bought) == [int(bought.total * 100)]
    assert remaining(bought) == 0
    assert books() == {}


def test_of_a_used_bundle_goes_back_what_was_paid_for_the_rest(stripe, bought, proposed, rita):
    use(bought, Decimal("0.7"))

    approve(proposed, rita)
    sent = refunds.send(proposed.pk)

    assert sent.net == (bought.net * Decimal("0.3")).quantize(Decimal("0.01"))
    assert back_at(stripe, bought) == [int((sent.net + sent.tax) * 100)]
    with service():
        note = CreditNote.objects.get(invoice=bought.invoice)
        assert (note.net, note.tax, note.reason) == (sent.net, sent.tax, "refund")
        assert sum(entry.amount for entry in LedgerEntry.objects.all()) == 0


def test_the_provider_pays_once_however_often_it_is_asked(stripe, bought, proposed, rita):
    approve(proposed, rita)
    forget_that_it_is_sent(proposed)

    assert refunds.sweep() == 1

    assert len(back_at(stripe, bought)) == 1
    assert state(proposed).status == "sent"


def test_senders_beside_each_other_pay_once(stripe, bought, proposed, rita):
    approve(proposed, rita)
    forget_that_it_is_sent(proposed)

    at_once(lambda: refunds.send(proposed.pk), 4)

    assert len(back_at(stripe, bought)) == 1


def test_what_stripe_tells_of_our_own_refund_changes_nothing(
    stripe,
    bought,
    proposed,
    rita,
    deliver,  # noqa: F811
):
    use(bought, Decimal("0.5"))
    approve(proposed, rita)
    refunds.send(proposed.pk)
    before = books()

    deliver(event_of(stripe, "charge.refunded"))

    assert books() == before
    with service():
        assert Order.objects.get(pk=bought.pk).status == "paid"
        assert not AuditEntry.objects.filter(action="order.partly_refunded").exists()


def test_the_rest_that_is_given_back_at_stripe_is_booked_beside_ours(
    stripe,
    bought,
    proposed,
    rita,
    deliver,  # noqa: F811
):
    use(bought, Decimal("0.5"))
    approve(proposed, rita)
    refunds.send(proposed.pk)
    stripe.client.v1.refunds.create({"payment_intent": bought.payment_reference})

    deliver(event_of(stripe, "charge.refunded"))

    assert sum(back_at(stripe, bought)) == int(bought.total * 100)
    with service():
        assert Order.objects.get(pk=bought.pk).status == "refunded"
        notes = CreditNote.objects.filter(invoice=bought.invoice)
        assert sum(note.total for note in notes) == bought.total
    # All of the money and of the tax is out; what was used of it is our loss.
    assert books()["adjustments"] == -books()["customer_prepaid"]
    assert not {"tax", "payments_clearing"} & books().keys()


def test_whoever_proposes_does_not_approve(proposed, sam, bought):
    with pytest.raises(Forbidden):
        approve(proposed, sam)

    assert state(proposed).status == "proposed"
    assert remaining(bought) > 0


def test_whoever_belongs_to_the_customer_does_not_approve(acme, proposed, rita):
    with service():
        Membership.objects.create(organization=acme, user=rita, role=Role.VIEWER)

    with pytest.raises(Forbidden, match="belong to this customer"):
        approve(proposed, rita)


def test_two_who_approve_at_once_take_it_back_once(proposed, rita, person):
    second = person("rosa-who-approves@operator.example", is_staff=True)
    people = iter([rita, second])

    def decide():
        try:
            return approve(proposed, next(people)).status
        except Conflict:
            return "too late"

    assert sorted(at_once(decide, 2)) == ["approved", "too late"]


def test_a_purchase_is_refunded_once(proposed, bought, sam, rita):
    approve(proposed, rita)

    with service(), pytest.raises(Conflict):
        refunds.propose(bought, words="Again", by=sam)


def test_nothing_goes_back_of_what_is_used_up(bought, proposed, rita):
    use(bought, Decimal(1))

    with pytest.raises(Conflict):
        approve(proposed, rita)
    assert state(proposed).status == "proposed"


def test_what_the_provider_refuses_waits_for_people(stripe, bought, proposed, rita):
    stripe.client.v1.refunds.create({"payment_intent": bought.payment_reference})
    approve(proposed, rita)

    failed = state(proposed)

    assert (failed.status, failed.failure) == ("failed", "charge_already_refunded")
    with service():
        assert refunds.retry(failed, by=rita).status == "approved"


def test_what_was_refused_once_can_be_paid_when_it_is_sent_again(
    stripe,
    bought,
    proposed,
    rita,
):
    other = stripe.client.v1.refunds.create({"payment_intent": bought.payment_reference})
    approve(proposed, rita)
    assert state(proposed).failure == "charge_already_refunded"
    stripe.control(f"refunds/{other.id}/fail")

    with service():
        refunds.retry(state(proposed), by=rita)

    sent = state(proposed)
    assert (sent.status, sent.failure, sent.attempt) == ("sent", "", 2)


def test_a_refund_that_the_bank_sends_back_waits_and_is_paid_anew(
    stripe,
    bought,
    proposed,
    rita,
    deliver,  # noqa: F811
):
    approve(proposed, rita)
    first = state(proposed).reference
    stripe.control(f"refunds/{first}/fail")
    deliver(event_of(stripe, "refund.failed"))
    assert (state(proposed).status, state(proposed).failure) == ("failed", "bounced")

    with service():
        refunds.retry(state(proposed), by=rita)

    assert state(proposed).status == "sent"
    assert state(proposed).reference != first
    refunded = stripe.client.v1.refunds.list({"payment_intent": bought.payment_reference})
    assert sorted(it.status for it in refunded.data) == ["failed", "succeeded"]


def test_what_the_provider_goes_on_refusing_is_paid_out_by_the_bank(
    stripe, bought, proposed, rita, sam, staff_client
):
    stripe.client.v1.refunds.create({"payment_intent": bought.payment_reference})
    approve(proposed, rita)
    assert state(proposed).status == "failed"

    answers = [staff_client.post(f"/staff/refunds/{proposed.pk}/", {"keep": ""}) for _ in range(2)]

    assert [it.status_code for it in answers] == [302, 409]
    kept = state(proposed)
    with service():
        surplus = Surplus.objects.get()
        assert (surplus.left, surplus.wish) == (kept.total.amount, "pay_back")
        assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0
        facts = {"iban": "FR7630006000011234567890189", "words": "Refund"}
        out = payouts.propose(surplus, Payout.Way.BANK, by=sam, **facts)
        payouts.approve(out, by=rita)
    with pytest.raises(Conflict), service():
        refunds.retry(kept, by=rita)
    assert (kept.status, books().get("receivable")) == ("kept", None)


def test_what_is_on_its_way_is_not_kept_beside_it(bought, proposed, rita):
    approve(proposed, rita)

    with pytest.raises(Conflict), service():
        refunds.keep(state(proposed), by=rita)
    with service():
        assert not Surplus.objects.exists()


def test_nothing_goes_back_of_what_has_expired(bought, proposed, sam, rita):
    with service():
        CreditGrant.objects.filter(source_key=f"order:{bought.pk}").update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )

    with pytest.raises(Conflict):
        approve(proposed, rita)
    with service():
        assert not refunds.refundable(bought)


def test_the_database_knows_of_the_four_eyes(proposed, rita):
    approve(proposed, rita)

    with pytest.raises(IntegrityError, match="refund_under_four_eyes"), service():
        Refund.objects.update(decided_by=F("proposed_by"))


def test_a_credit_note_that_cannot_be_written_leaves_the_others_theirs(
    stripe,
    bought,
    acme,
    alice,
    bundle,  # noqa: F811
    deliver,  # noqa: F811
):
    other = orders.start(acme, bundle, by=alice, operation_key=str(uuid.uuid4()))
    pay(stripe, other)
    other = orders.fulfil(other.session_id)
    with service():
        Invoice.objects.filter(order=bought).update(status="uncollectible")

    for purchase in (bought, other):
        stripe.client.v1.refunds.create({"payment_intent": purchase.payment_reference})
        deliver(event_of(stripe, "charge.refunded"))

    with service():
        assert [note.invoice.order for note in CreditNote.objects.all()] == [other]


def test_a_refused_proposal_leaves_everything(bought, proposed, rita, sam):
    before = books()
    with service():
        refunds.refuse(proposed, by=rita)

    assert books() == before
    assert remaining(bought) > 0
    with service():
        assert refunds.propose(bought, words="Once more", by=sam).is_open


def test_the_app_role_writes_none(acme, proposed):
    with scope(acme):
        assert Refund.objects.count() == 1
        with pytest.raises(DatabaseError, match="permission denied"):
            Refund.objects.update(status="sent")


def test_staff_propose_and_decide_on_pages(staff_client, bought, sam):
    page = f"/staff/orders/{bought.pk}/refund/"
    assert "before tax could go back" in staff_client.get(page).content.decode()
    assert staff_client.post(page, {"reason": ""}).status_code == 422
    assert staff_client.post(page, {"reason": "Moved away"}).status_code == 302
    assert "Moved away" in staff_client.get("/staff/corrections/").content.decode()
    with service():
        (made,) = Refund.objects.all()
    assert staff_client.post(f"/staff/refunds/{made.pk}/", {"approve": ""}).status_code == 403

    with service():
        Refund.objects.update(proposed_by=sam)
    assert staff_client.post(f"/staff/refunds/{made.pk}/", {"approve": ""}).status_code == 302
    assert state(made).status == "sent"
    assert "Nothing is left" in staff_client.get(page).content.decode()


def test_an_order_nobody_has_placed_has_no_page(staff_client):
    assert staff_client.get(f"/staff/orders/{uuid.uuid4()}/refund/").status_code == 404
    assert staff_client.post(f"/staff/refunds/{uuid.uuid4()}/").status_code == 404
