"""Money that no invoice asks for: kept to the cent, taken by invoices or paid back, and only once."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from celery.exceptions import Retry
from django.db import IntegrityError, connections
from django.db.models import Sum

from billing.models import (
    BankLine,
    BankStatement,
    CreditNote,
    IncomingPayment,
    InvoiceLine,
    LedgerEntry,
    Payout,
    Surplus,
)
from billing.services import (
    collecting,
    credit_notes,
    offsetting,
    orders,
    payouts,
    statements,
    surpluses,
)
from common.database import service
from common.errors import Conflict, DomainError, Forbidden

IBAN = "FR7630006000011234567890189"
DESK = "/staff/corrections/"


@pytest.fixture
def sam(person):
    return person("sam-who-pays-back@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    return person("kim-who-pays-back@operator.example", is_staff=True)


@pytest.fixture
def lined(bill):
    """An invoice with its one line, booked as usage is."""

    def lined(total="120", **facts):
        invoice = bill(total, **facts)
        with service():
            InvoiceLine.objects.create(
                organization=invoice.organization,
                invoice=invoice,
                position=1,
                kind="usage",
                description="Tokens",
                quantity=1,
                unit_amount=Decimal(total),
                exact_amount=Decimal(total),
                amount=Decimal(total),
            )
        return invoice

    return lined


def pay(invoice, amount, key="bank:1"):
    with service():
        return offsetting.receive(
            invoice,
            Decimal(amount),
            source=IncomingPayment.Source.BANK,
            key=key,
            by=None,
        )


def credit(invoice, amount, key="note:1"):
    with service():
        return credit_notes.issue(
            invoice,
            key=key,
            reason=CreditNote.Reason.CORRECTION,
            words="wrong",
            amount=Decimal(amount),
            by=None,
        )


def kept():
    with service():
        return list(Surplus.objects.order_by("created_at"))


def left():
    return [it.left for it in kept()]


def choose(surplus, wish, by, iban=""):
    with service():
        return surpluses.choose(surplus, wish, by=by, iban=iban)


def propose(surplus, by, way="bank", iban=IBAN):
    with service():
        return payouts.propose(surplus, Payout.Way(way), words="asked for it", by=by, iban=iban)


def approve(payout, by):
    with service():
        return payouts.approve(payout, by=by)


def status(row):
    with service():
        return type(row).objects.get(pk=row.pk).status


def together(*works):
    """Do all of it at once; what was refused is answered as the refusal."""
    gate = threading.Barrier(len(works))

    def one(work):
        gate.wait()
        try:
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [each.result() for each in [pool.submit(one, work) for work in works]]


def test_a_credit_note_on_a_paid_invoice_leaves_the_customer_its_money(lined, books):
    invoice = lined()
    pay(invoice, "120")

    note = credit(invoice, "30")

    (surplus,) = kept()
    assert (surplus.left, surplus.credit_note_id) == (30, note.pk)
    assert books() == {"payments_clearing": 120, "receivable": -150, "revenue": 30}


@pytest.mark.parametrize(
    ("paid", "credits", "surplus"),
    [
        ("60", ["50"], []),
        ("60", ["70"], [10]),
        ("60", ["50", "40", "30"], [30, 30]),
        ("0.01", ["120"], [Decimal("0.01")]),
    ],
)
def test_only_what_was_paid_is_the_customers(lined, paid, credits, surplus):
    invoice = lined()
    pay(invoice, paid)

    for position, amount in enumerate(credits):
        credit(invoice, amount, key=f"note:{position}")

    assert left() == surplus


def test_a_credit_note_on_an_unpaid_invoice_keeps_nothing(lined):
    credit(lined(), "30")

    assert kept() == []


def test_what_is_paid_too_much_is_kept_once(lined, books):
    invoice = lined()

    for _ in range(2):
        pay(invoice, "150")

    assert left() == [30]
    assert status(invoice) == "paid"
    assert books() == {"payments_clearing": 150, "receivable": -150}


def test_money_twice_at_once_is_booked_once(lined, books):
    invoice = lined()

    together(*[partial(pay, invoice, "150")] * 5)

    assert left() == [30]
    assert books() == {"payments_clearing": 150, "receivable": -150}


def test_unless_somebody_chooses_the_next_invoice_takes_it(lined, books):
    first, other = lined(), lined(number="T-2026-000002")
    pay(first, "150")
    collecting.sweep()
    assert left() == [30]

    later = lined("20", number="T-2026-000003")
    collecting.sweep()
    collecting.sweep()

    assert (left(), status(later), status(other)) == ([10], "paid", "open")
    # It stands on the one account already: taking it moves nothing.
    assert books() == {"payments_clearing": 150, "receivable": -150}


def test_who_wants_it_has_open_invoices_take_it_at_once(alice, lined):
    other = lined("25", number="T-2026-000002")
    pay(lined(), "150")

    choose(*kept(), "invoices", alice)

    assert (left(), status(other)) == ([5], "paid")


def test_sweeps_at_once_take_it_once(alice, lined):
    pay(lined(), "150")
    with service():
        Surplus.objects.update(wish="invoices")
    two = [lined("20", number=f"T-2026-00000{it}") for it in (2, 3)]

    together(*[offsetting.apply_all] * 5)

    assert left() == [0]
    with service():
        taken = IncomingPayment.objects.filter(source="surplus").aggregate(sum=Sum("amount"))
    assert (taken["sum"], [status(it) for it in two]) == (30, ["paid", "open"])


def test_who_wants_it_back_keeps_it_from_invoices(alice, lined):
    pay(lined(), "150")
    choose(*kept(), "pay_back", alice)

    later = lined(number="T-2026-000003")
    collecting.sweep()

    assert (left(), status(later)) == ([30], "open")


def test_it_goes_back_by_bank_under_four_eyes(lined, sam, kim, books):
    pay(lined(), "150")
    payout = propose(*kept(), sam)
    with pytest.raises(Forbidden):
        approve(payout, sam)

    approve(payout, kim)

    assert left() == [0]
    assert books() == {"payments_clearing": 120, "receivable": -120}
    with service():
        payouts.transferred(payout, reference="B-77", by=sam)
    assert status(payout) == "sent"


def test_a_transfer_that_came_back_is_the_customers_again(lined, sam, kim, books):
    pay(lined(), "150")
    payout = propose(*kept(), sam)
    approve(payout, kim)

    with service():
        payouts.came_back(payout, why="no such account", by=sam)

    assert (left(), status(payout)) == ([30], "failed")
    assert books() == {"payments_clearing": 150, "receivable": -150}
    approve(propose(*kept(), sam), kim)
    assert left() == [0]


def test_a_transfer_that_comes_back_after_days_is_the_customers_again(
    lined, sam, kim, books, staff_client
):
    pay(lined(), "150")
    payout = approve(propose(*kept(), sam), kim)
    with service():
        payouts.transferred(payout, reference="B-77", by=sam)
    assert "B-77" in staff_client.get(DESK).content.decode()

    for _ in range(2):
        staff_client.post(f"/staff/payouts/{payout.pk}/", {"decision": "back"})

    assert (left(), status(payout)) == ([30], "failed")
    assert books() == {"payments_clearing": 150, "receivable": -150}


def test_nobody_takes_back_what_the_provider_may_have_sent(
    stripe, save, alice, lined, sam, kim, settings, staff_client
):
    charged(stripe, save, alice, lined)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    payout = propose(*kept(), sam, way="method", iban="")
    with contextlib.suppress(Retry):
        approve(payout, kim)
    settings.STRIPE_API_BASE = stripe.url

    staff_client.post(f"/staff/payouts/{payout.pk}/", {"decision": "back"})
    payouts.sweep()
    staff_client.post(f"/staff/payouts/{payout.pk}/", {"decision": "back"})

    assert (left(), status(payout), refunded(stripe)) == ([0], "sent", [3000])


def test_approvals_at_once_pay_back_once(lined, sam, kim, person, books):
    lee = person("lee-who-pays-back@operator.example", is_staff=True)
    pay(lined(), "150")
    payout = propose(*kept(), sam)

    together(*[partial(approve, payout, it) for it in (kim, lee, kim, lee)])

    assert (left(), books()) == ([0], {"payments_clearing": 120, "receivable": -120})


def test_an_invoice_and_a_payout_never_both_get_it(alice, lined, sam, kim, books):
    other = lined("25", number="T-2026-000002")
    pay(lined(), "150")
    with service():
        Surplus.objects.update(wish="invoices")
    (surplus,) = kept()

    def back():
        return approve(propose(surplus, sam), kim)

    together(back, offsetting.apply_all, offsetting.apply_all)

    with service():
        sent = Payout.objects.exclude(status="refused").aggregate(sum=Sum("amount"))["sum"] or 0
        taken = IncomingPayment.objects.filter(source="surplus").aggregate(sum=Sum("amount"))
    assert sent + (taken["sum"] or 0) + sum(left()) == 30
    assert sum(books().values()) == 0
    assert status(other) in ("open", "paid")


def charged(stripe, save, alice, lined):
    """An invoice that the saved card has paid, and that a credit note takes 30 back of."""
    save()
    invoice = lined()
    with service():
        collecting.choose(invoice.organization, is_automatic=True, by=alice)
    collecting.sweep()
    credit(invoice, "30")
    return invoice


def refunded(stripe):
    return [it.amount for it in stripe.client.v1.refunds.list().data]


def test_it_goes_back_to_the_card(stripe, save, alice, lined, sam, kim, books):
    charged(stripe, save, alice, lined)

    payout = approve(propose(*kept(), sam, way="method", iban=""), kim)
    orders.reconcile()

    assert (refunded(stripe), status(payout)) == ([3000], "sent")
    assert books() == {"payments_clearing": 90, "receivable": -120, "revenue": 30}


def test_what_the_bank_sends_back_later_is_the_customers_again(
    stripe, save, alice, lined, sam, kim, books
):
    charged(stripe, save, alice, lined)
    payout = approve(propose(*kept(), sam, way="method", iban=""), kim)
    (refund,) = stripe.client.v1.refunds.list().data
    stripe.control(f"refunds/{refund.id}/fail")

    orders.reconcile()
    orders.reconcile()

    assert (left(), status(payout)) == ([30], "failed")
    assert sum(books().values()) == 0


def test_workers_that_die_around_the_refund_refund_once(
    stripe, save, alice, lined, sam, kim, settings
):
    charged(stripe, save, alice, lined)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    payout = propose(*kept(), sam, way="method", iban="")
    with contextlib.suppress(Retry):
        approve(payout, kim)
    settings.STRIPE_API_BASE = stripe.url
    with service():
        payout = Payout.objects.select_related("surplus").get()
    assert (refunded(stripe), status(payout)) == ([], "approved")
    # It died after Stripe had answered.
    orders.provider.refund(payout.payment_reference, payout.worth, refund_id=payout.pk)

    together(*[payouts.sweep] * 3)

    assert (refunded(stripe), status(payout)) == ([3000], "sent")


def test_what_the_provider_refuses_is_the_customers_again(
    stripe, save, alice, lined, sam, kim, books
):
    charged(stripe, save, alice, lined)
    payout = propose(*kept(), sam, way="method", iban="")
    (intent,) = stripe.client.v1.payment_intents.list().data
    stripe.client.v1.refunds.create({"payment_intent": intent.id})

    approve(payout, kim)

    assert (left(), status(payout)) == ([30], "failed")


def test_nothing_goes_back_by_a_payment_that_cannot_carry_it(lined, sam):
    pay(lined(), "150")

    with pytest.raises(DomainError) as refused:
        propose(*kept(), sam, way="method", iban="")
    assert "way" in refused.value.field_errors


@pytest.mark.parametrize("iban", ["", "FR76", "FR7630006000011234567890188", "١٢٣"])
def test_an_account_that_cannot_be_is_refused(lined, sam, iban):
    pay(lined(), "150")

    with pytest.raises(DomainError) as refused:
        propose(*kept(), sam, iban=iban)
    assert "iban" in refused.value.field_errors


def test_what_is_on_its_way_is_not_chosen_again(alice, lined, sam):
    pay(lined(), "150")
    propose(*kept(), sam)

    with pytest.raises(Conflict):
        choose(*kept(), "invoices", alice)
    with pytest.raises(Conflict):
        propose(*kept(), sam)


def test_the_database_gives_nothing_back_twice(lined):
    pay(lined(), "150")

    with pytest.raises(IntegrityError, match="surplus_never_given_back_twice"), service():
        Surplus.objects.update(left=-1)


def test_a_transfer_that_pays_twice_is_assigned_and_kept(lined, sam, staff_client, books):
    invoice = lined()
    pay(invoice, "120")
    with service():
        statement = BankStatement.objects.create(name="x", account="x", digest="x", imported_by=sam)
        line = BankLine.objects.create(
            statement=statement,
            key="k",
            position=0,
            amount=120,
            currency="EUR",
            state=BankLine.State.WAITING,
        )

    staff_client.post(f"/staff/bank/lines/{line.pk}/assign/", {"number": invoice.number})

    assert left() == [120]
    assert books() == {"payments_clearing": 240, "receivable": -240}
    with pytest.raises(Conflict), service():
        statements.assign(line, invoice, by=sam)


def test_the_customer_sees_it_and_chooses(alice_client, lined):
    pay(lined(), "150")
    page = "/o/acme/billing/invoices/"
    (surplus,) = kept()

    assert "Money that is yours" in alice_client.get(page).content.decode()
    alice_client.post(
        f"/o/acme/billing/surpluses/{surplus.pk}/", {"wish": "pay_back", "iban": IBAN}
    )

    (surplus,) = kept()
    assert (surplus.wish, surplus.iban) == ("pay_back", IBAN)


def test_a_stranger_cannot_choose(charlie_client, bob_client, lined):
    pay(lined(), "150")
    (surplus,) = kept()
    address = f"/o/acme/billing/surpluses/{surplus.pk}/"

    assert charlie_client.post(address, {"wish": "pay_back"}).status_code == 404
    assert bob_client.post(address, {"wish": "pay_back"}).status_code == 403
    assert kept()[0].wish == ""


def test_the_desk_pays_it_back(staff_client, lined, sam, kim, client):
    pay(lined(), "150")
    (surplus,) = kept()
    assert "30.00" in staff_client.get(DESK).content.decode()

    staff_client.post(
        f"/staff/surpluses/{surplus.pk}/payout/", {"way": "bank", "iban": IBAN, "words": "asked"}
    )
    with service():
        payout = Payout.objects.get()
    assert IBAN in staff_client.get(DESK).content.decode()
    staff_client.post(f"/staff/payouts/{payout.pk}/", {"decision": "approve"})
    assert status(payout) == "proposed"
    approve(payout, kim)
    staff_client.post(
        f"/staff/payouts/{payout.pk}/", {"decision": "transferred", "reference": "B-1"}
    )
    assert status(payout) == "sent"


def test_the_ledger_sums_to_zero(lined, sam, kim):
    pay(lined(), "150")
    approve(propose(*kept(), sam), kim)

    with service():
        assert LedgerEntry.objects.aggregate(sum=Sum("amount"))["sum"] == 0
