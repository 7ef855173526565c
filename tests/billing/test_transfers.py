"""Bundles paid by bank transfer: granted once for the very amount; what differs waits for a person."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone
from stdnum.iso11649 import is_valid

from billing.models import (
    BankLine,
    CreditGrant,
    CreditNote,
    Invoice,
    Issuer,
    LedgerEntry,
    Order,
    Payout,
    Surplus,
)
from billing.services import invoicing, orders, payouts, refunds, statements, transfers
from common.database import service
from common.errors import Conflict, DomainError
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Bundle
from tests.billing.test_bank import entry, file_of

IBAN = "FR7630006000011234567890189"


@pytest.fixture
def sam(person):
    return person("sam-of-transfers@operator.example", is_staff=True)


@pytest.fixture
def bundle(db):
    demo.seed()
    with service():
        issuer = invoicing.default_issuer()
        Issuer.objects.filter(pk=issuer.pk).update(iban=IBAN, bic="AGRIFRPP")
        return Bundle.objects.filter(currency="EUR", grant_unit="money").first()


@pytest.fixture
def order(acme, alice, bundle):
    """Order a bundle by transfer."""

    def order(key=""):
        return transfers.place(acme, bundle, by=alice, operation_key=key or str(uuid7()))

    return order


@pytest.fixture
def take(sam):
    """Import a statement with these movements: amount, words and the bank's id."""

    def take(*movements):
        data = file_of(
            *(
                entry(amount=f"{it[0]:.2f}", text=it[1], id=it[2] if it[2:] else "B1")
                for it in movements
            )
        )
        with service():
            statements.import_file(data, name=f"{uuid7()}.xml", by=sam)
            return list(BankLine.objects.order_by("created_at", "position"))

    return take


@pytest.fixture
def assign(sam):
    """Let a person assign a movement to an order."""

    def assign(line, order):
        with service():
            return statements.assign_order(line, order, by=sam)

    return assign


def status(order):
    with service():
        return Order.objects.get(pk=order.pk).status


def granted():
    with service():
        return CreditGrant.objects.filter(source_key__startswith="order:").count()


def kept():
    with service():
        return [it.left for it in Surplus.objects.all()]


def together(*works):
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


def test_the_statement_grants_what_was_ordered_once(order, take, bundle, books):
    placed = order()
    assert (status(placed), granted()) == ("pending", 0)

    paid = (placed.total, f"ref {placed.transfer_reference}", "B1")
    (line,) = take(paid)
    take(paid, (Decimal(1), "another", "B2"))

    assert (line.state, line.order_id) == ("matched", placed.pk)
    assert (status(placed), granted(), kept()) == ("paid", 1, [])
    balance = books()
    assert balance["payments_clearing"] == placed.total
    assert balance["customer_prepaid"] == -bundle.grant_quantity
    assert balance["tax"] == -placed.tax
    assert "receivable" not in balance
    with service():
        assert Invoice.objects.get(order=placed).status == "paid"


def test_the_reference_is_a_creditor_reference_however_it_is_written(order, take):
    placed = order()
    spaced = " ".join([placed.transfer_reference[:4], placed.transfer_reference[4:].lower()])

    take((placed.total, spaced))

    assert is_valid(placed.transfer_reference)
    assert status(placed) == "paid"


@pytest.mark.parametrize("difference", ["-0.01", "0.01", "-10", "1000"])
def test_another_amount_waits_for_a_person(order, take, difference, books):
    placed = order()

    (line,) = take((placed.total + Decimal(difference), placed.transfer_reference))

    assert (line.state, line.order_id) == ("waiting", None)
    assert "asks for" in line.words
    assert (status(placed), granted(), books()) == ("pending", 0, {})


def test_too_much_is_granted_by_a_person_and_the_rest_kept(order, take, assign, books):
    placed = order()
    (line,) = take((placed.total + 5, placed.transfer_reference))

    assign(line, placed)

    assert (status(placed), granted(), kept()) == ("paid", 1, [5])
    assert books()["receivable"] == -5
    assert books()["payments_clearing"] == placed.total + 5


def test_parts_add_up_to_the_whole(order, take, assign, books):
    placed = order()
    (line,) = take((Decimal(1), placed.transfer_reference))
    assign(line, placed)
    assert (status(placed), books()) == ("pending", {"payments_clearing": 1, "receivable": -1})

    take((placed.total - 1, placed.transfer_reference, "B2"))

    assert (status(placed), granted(), kept()) == ("paid", 1, [])
    assert "receivable" not in books()


def test_a_part_that_stays_one_is_the_customers(order, take, assign, sam, books):
    placed = order()
    (line,) = take((Decimal(1), placed.transfer_reference))
    assign(line, placed)

    with service():
        transfers.give_up(placed, by=sam)

    assert (status(placed), granted(), kept()) == ("expired", 0, [1])
    assert books() == {"payments_clearing": 1, "receivable": -1}
    with pytest.raises(Conflict), service():
        transfers.give_up(placed, by=sam)


@pytest.mark.parametrize("amount", ["-5", "0", "12.345"])
def test_a_person_assigns_no_money_that_cannot_be(order, take, assign, sam, books, amount):
    placed = order()
    (line,) = take((Decimal(1), "hello"))
    with service():
        BankLine.objects.update(amount=Decimal(amount))

    with pytest.raises(Conflict):
        assign(line, placed)

    assert (status(placed), books()) == ("pending", {})


def test_the_same_part_twice_is_kept_twice(order, take, assign, sam):
    placed = order()
    take((Decimal(1), "a", "B1"), (Decimal(1), "b", "B2"))

    with service():
        lines = list(BankLine.objects.all())
    for line in lines:
        assign(line, placed)
        with service():
            transfers.give_up(placed, by=sam)

    assert kept() == [1, 1]


def test_a_part_of_what_expired_is_shown_and_ended(order, take, assign, staff_client):
    placed = order()
    with service():
        Order.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    transfers.expire_due()
    assert placed.transfer_reference not in staff_client.get("/staff/bank/").content.decode()
    (line,) = take((Decimal(1), "late"))
    assign(line, placed)

    assert "end it" in staff_client.get("/staff/bank/").content.decode()
    staff_client.post(f"/staff/bank/orders/{placed.pk}/give-up/")

    assert (status(placed), kept()) == ("expired", [1])
    assert "end it" not in staff_client.get("/staff/bank/").content.decode()


def test_what_is_left_of_it_goes_back_by_bank_transfer(order, take, bundle, sam, person, books):
    kim = person("kim-of-transfers@operator.example", is_staff=True)
    placed = order()
    take((placed.total, placed.transfer_reference))
    with service():
        refund = refunds.propose(placed, words="they asked", by=sam)
    together(*[partial(approve_refund, refund, kim)] * 3)
    with service():
        (surplus,) = Surplus.objects.all()
        assert (surplus.left, surplus.wish) == (placed.total, "pay_back")
        back = Payout.Way.BANK
        payout = payouts.propose(surplus, back, words="they asked", by=sam, iban=IBAN)
        payouts.approve(payout, by=kim)

    with service():
        refund.refresh_from_db()
        assert CreditNote.objects.get().total == placed.total
    assert (refund.status, kept()) == ("kept", [0])
    assert {kind: it for kind, it in books().items() if it} == {}


def approve_refund(refund, by):
    with service():
        return refunds.approve(refund, by=by)


def test_what_nobody_paid_expires(order):
    placed, part = order(), order()
    with service():
        Order.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
        Order.objects.filter(pk=part.pk).update(expires_at=timezone.now() + timedelta(days=1))

    assert [transfers.expire_due(), transfers.expire_due()] == [1, 0]
    assert (status(placed), status(part)) == ("expired", "pending")


def test_what_was_paid_in_part_does_not_expire(order, take, assign):
    placed = order()
    (line,) = take((Decimal(1), placed.transfer_reference))
    assign(line, placed)
    with service():
        Order.objects.update(expires_at=timezone.now() - timedelta(minutes=1))

    assert (transfers.expire_due(), status(placed)) == (0, "pending")


def test_money_for_what_expired_waits_and_a_person_may_grant_it(order, take, assign):
    placed = order()
    with service():
        Order.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    transfers.expire_due()

    (line,) = take((placed.total, placed.transfer_reference))
    assert (line.state, "expired" in line.words, granted()) == ("waiting", True, 0)
    assign(line, placed)

    assert (status(placed), granted()) == ("paid", 1)


def test_money_for_what_is_paid_is_the_customers(order, take, assign, books):
    placed = order()
    take((placed.total, placed.transfer_reference))
    lines = take((placed.total, placed.transfer_reference, "B2"))
    assert lines[-1].state == "waiting"

    assign(lines[-1], placed)

    assert (granted(), kept()) == (1, [placed.total])
    assert books()["payments_clearing"] == placed.total * 2


def test_another_currency_waits(order, take, sam):
    placed = order()
    data = file_of(
        entry(currency="USD", amount=f"{placed.total:.2f}", text=placed.transfer_reference)
    )

    with service():
        statements.import_file(data, name="usd.xml", by=sam)
        assert BankLine.objects.get().state == "waiting"

    assert granted() == 0


def test_at_once_it_is_granted_once(order, take, assign, sam, books):
    placed = order()
    (line,) = take((placed.total + 5, placed.transfer_reference))

    def give_up():
        with service():
            return transfers.give_up(placed, by=sam)

    together(*[partial(assign, line, placed)] * 3, transfers.expire_due, give_up)

    assert (status(placed), granted(), kept()) == ("paid", 1, [5])
    assert sum(books().values()) == 0


def test_two_halves_assigned_at_once_grant_once(order, take, assign, books):
    placed = order()
    half = (placed.total / 2).quantize(Decimal("0.01"))
    take((half, placed.transfer_reference, "B1"))
    lines = take((placed.total - half, placed.transfer_reference, "B2"))

    together(*[partial(assign, line, placed) for line in lines])

    assert (status(placed), granted(), kept()) == ("paid", 1, [])
    assert "receivable" not in books()


def test_the_same_click_is_one_order(order):
    placed = together(*[partial(order, "key")] * 4)

    assert len({it.pk for it in placed}) == 1


def test_only_so_many_orders_wait_at_once(order, alice_client, bundle):
    placed = together(*[partial(order, f"key-{number}") for number in range(12)])

    refused = [it for it in placed if isinstance(it, Conflict)]
    kept = [it for it in placed if isinstance(it, Order)]
    assert (len(kept), len(refused), len(mail.outbox)) == (10, 2, 10)
    assert order(kept[0].operation_key.removeprefix("transfer:")).pk == kept[0].pk
    more = {"bundle": bundle.slug, "operation_key": str(uuid7()), "way": "transfer"}
    page = alice_client.post("/o/acme/billing/checkout/", more)
    assert (page.status_code, "Pay one of them first" in page.content.decode()) == (409, True)
    with service():
        Order.objects.filter(pk=kept[0].pk).update(status="expired")
    assert order().status == "pending"


def test_without_an_account_nothing_is_ordered_by_transfer(order):
    with service():
        Issuer.objects.update(iban="")

    with pytest.raises(Conflict):
        order()


def test_the_pages_lead_from_the_bundle_to_the_reference(alice_client, bundle, acme):
    shown = alice_client.get("/o/acme/billing/bundles/").content.decode()
    assert "Pay by bank transfer" in shown

    reply = alice_client.post(
        "/o/acme/billing/checkout/",
        {"bundle": bundle.slug, "operation_key": str(uuid7()), "way": "transfer"},
        follow=True,
    )

    with service():
        placed = Order.objects.get()
    page = reply.content.decode()
    assert (placed.transfer_reference in page, IBAN in page) == (True, True)
    assert "every 2s" not in page
    assert placed.transfer_reference in mail.outbox[0].body
    assert orders.refresh(placed).status == "pending"


def test_the_desk_assigns_and_gives_up(staff_client, order, take, sam):
    placed = order()
    (line,) = take((Decimal(1), "hello"))
    desk = "/staff/bank/"
    assert placed.transfer_reference in staff_client.get(desk).content.decode()
    address = f"{desk}lines/{line.pk}/order/"

    refused = staff_client.post(address, {"reference": "RF00NONE"}, follow=True)
    assert "no order with this reference" in refused.content.decode()
    staff_client.post(address, {"reference": placed.transfer_reference.lower()})
    assert "end it" in staff_client.get(desk).content.decode()
    staff_client.post(f"{desk}orders/{placed.pk}/give-up/")

    assert (status(placed), kept()) == ("expired", [1])


def test_the_ledger_sums_to_zero(order, take, assign):
    placed = order()
    (line,) = take((placed.total + 5, placed.transfer_reference))
    assign(line, placed)

    with service():
        assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0
