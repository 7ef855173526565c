"""Customers who bring customers: both are credited once, for a purchase that was paid."""

import contextlib
import threading
from decimal import Decimal

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import IntegrityError, connections
from django.utils import timezone

from billing import mails
from billing.models import (
    BillingProfile,
    CreditGrant,
    Order,
    Payer,
    Referral,
)
from billing.services import credits, orders, referrals
from common.database import service
from common.errors import Conflict, Forbidden
from tenants.models import AuditEntry, Membership, Organization, Role
from tests.billing.referring import buy, credit_of, standing


def at_once(works):
    together, troubles = threading.Barrier(len(works)), []

    def run(work):
        together.wait()
        try:
            work()
        except Exception as trouble:  # noqa: BLE001 - told below
            troubles.append(trouble)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


def test_both_are_credited_once_for_the_first_purchase(acme, alice, agree, come, books):
    agree()
    nova = come()
    buy(nova)
    mail.outbox.clear()

    for _again in range(3):
        referrals.settle(nova.pk)
        buy(nova)

    assert (credit_of(acme), credit_of(nova)) == ([Decimal(20)], [Decimal(10)])
    assert books() == {"adjustments": Decimal(20), "customer_prepaid": Decimal(-20)}
    with service():
        given = CreditGrant.objects.get(organization=acme)
        assert (given.kind, given.cost_basis) == (CreditGrant.Kind.PROMOTIONAL, 0)
        assert AuditEntry.objects.filter(action="referral.paid").count() == 1
    assert [it.to for it in mail.outbox if "credited" in it.subject] == [[alice.email]]


def told():
    return [it.to for it in mail.outbox if "credited" in it.subject]


def untold():
    with service():
        return Referral.objects.untold().count()


def test_a_mail_whose_bell_was_lost_is_written_by_the_next_round_and_once(
    acme, alice, agree, come, settings
):
    agree()
    nova = come()
    buy(nova)
    settings.EMAIL_BACKEND = "tests.billing.broken_mail.Backend"
    with contextlib.suppress(OSError):
        referrals.settle(nova.pk)
    assert (standing(nova)[0], untold()) == ("paid", 1)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox.clear()

    referrals.sweep()
    assert told() == []  # Whoever tried has it to itself for a while.
    cache.clear()
    for _again in range(2):
        referrals.sweep()

    assert told() == [[alice.email]]
    assert untold() == 0


def test_credit_that_was_taken_back_before_anybody_was_told_is_not_told(
    acme, agree, come, settings
):
    agree()
    nova = come()
    order = buy(nova)
    settings.EMAIL_BACKEND = "tests.billing.broken_mail.Backend"
    with contextlib.suppress(OSError):
        referrals.settle(nova.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()
    with service():
        Order.objects.filter(pk=order.pk).update(status=Order.Status.REFUNDED)
        referral = Referral.objects.get(newcomer=nova)
    referrals.reverse(referral.pk)
    mail.outbox.clear()

    mails.referral(referral.pk)

    assert (standing(nova)[0], told()) == ("taken_back", [])


def test_workers_at_the_same_time_tell_of_a_credit_once(acme, alice, agree, come, settings):
    agree()
    nova = come()
    buy(nova)
    settings.EMAIL_BACKEND = "tests.billing.broken_mail.Backend"
    with contextlib.suppress(OSError):
        referrals.settle(nova.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()
    mail.outbox.clear()
    with service():
        pk = Referral.objects.get(newcomer=nova).pk

    at_once([lambda: mails.referral(pk)] * 3)

    assert told() == [[alice.email]]


def test_what_was_credited_is_told_and_otherwise_stays(acme, agree, come):
    agree()
    nova = come()
    buy(nova)
    referrals.settle(nova.pk)

    for change in ({"lost": 5}, {"told_at": None}, {"note": "no"}):
        with pytest.raises(IntegrityError), service():
            Referral.objects.filter(newcomer=nova).update(**change)


def test_nothing_is_credited_before_a_purchase_is_paid(acme, agree, come):
    agree()
    nova = come()
    with service():
        credits.grant(
            nova, unit="money", quantity=Decimal(10), source_key="trial", kind="promotional"
        )
    buy(nova, status=Order.Status.PENDING, paid_at=None)

    referrals.settle(nova.pk)

    assert (credit_of(acme), credit_of(nova)) == ([], [])
    assert standing(nova) == ("waiting", "")


def test_an_order_that_is_paid_rings_the_bell(acme, agree, come):
    agree()
    nova = come()
    order = buy(nova, status=Order.Status.PENDING, paid_at=None)

    with service():
        orders.give(Order.objects.locked(order.pk))

    assert credit_of(acme) == [Decimal(20)]


def test_two_workers_credit_once(acme, agree, come):
    agree()
    nova = come()
    buy(nova)
    buy(nova)

    at_once([lambda: referrals.settle(nova.pk)] * 4)

    assert (credit_of(acme), credit_of(nova)) == ([Decimal(20)], [Decimal(10)])


def test_caps_hold_for_purchases_at_once(acme, agree, come):
    agree(most=2)
    new = [come(f"n{number}@firm{number}.example", f"Firm {number}") for number in range(4)]
    for organization in new:
        buy(organization)

    at_once([lambda pk=it.pk: referrals.settle(pk) for it in new])

    assert len(credit_of(acme)) == 2
    assert sorted(standing(it) for it in new) == [
        ("paid", ""),
        ("paid", ""),
        ("refused", "most"),
        ("refused", "most"),
    ]


def test_one_customer_gets_no_more_than_its_most(acme, agree, come):
    agree(most_per_referrer=1)
    new = [come(f"n{number}@firm{number}.example", f"Firm {number}") for number in range(2)]
    for organization in new:
        buy(organization)
        referrals.settle(organization.pk)

    assert [standing(it) for it in new] == [("paid", ""), ("refused", "most_per_referrer")]
    assert credit_of(new[1]) == []


def test_a_worker_that_dies_halfway_leaves_nothing(acme, agree, come, monkeypatch):
    agree()
    nova = come()
    buy(nova)
    given, grants = credits.grant, []

    def mortal(*args, **facts):
        grants.append(facts)
        if len(grants) == 2:
            raise SystemExit
        return given(*args, **facts)

    monkeypatch.setattr(credits, "grant", mortal)
    with pytest.raises(SystemExit):
        referrals.settle(nova.pk)
    assert (credit_of(acme), credit_of(nova)) == ([], [])
    monkeypatch.undo()

    referrals.sweep()

    assert (credit_of(acme), credit_of(nova)) == ([Decimal(20)], [Decimal(10)])


def test_the_sweep_finds_what_no_bell_rang_for(acme, agree, come):
    agree()
    nova = come()
    buy(nova)
    with service():
        assert not credit_of(acme)

    assert referrals.sweep() == 1
    assert referrals.sweep() == 0
    assert credit_of(acme) == [Decimal(20)]


def same_person(acme, nova):
    Membership.objects.create(organization=acme, user=nova.sign_up.applicant, role=Role.DEVELOPER)


def same_number(acme, nova):
    facts = {"legal_name": "X", "line1": "1", "city": "Paris", "country": "FR"}
    BillingProfile.objects.create(organization=acme, vat_id="FR 40 303265045", **facts)
    BillingProfile.objects.create(organization=nova, vat_id="fr40303265045", **facts)


def one_pays(acme, nova):
    Payer.objects.create(
        organization=nova,
        organization_name=nova.name,
        payer=acme,
        payer_name=acme.name,
        first_month="2026-02",
    )


@pytest.mark.parametrize(
    ("tie", "reason"),
    [(same_person, "person"), (same_number, "tax_number"), (one_pays, "payer")],
)
def test_nobody_is_credited_for_themselves(acme, agree, come, tie, reason):
    agree()
    nova = come()
    with service():
        tie(acme, nova)
    buy(nova)

    referrals.settle(nova.pk)

    assert standing(nova) == ("refused", reason)
    assert (credit_of(acme), credit_of(nova)) == ([], [])


def test_another_name_of_ones_mailbox_is_oneself(acme, agree, come):
    agree()
    nova = come("alice+nova@acme.example")
    buy(nova)

    referrals.settle(nova.pk)

    assert standing(nova) == ("refused", "mailbox")


@pytest.mark.parametrize(
    "facts", [{"status": "suspended"}, {"admission": "waiting"}, {"admission": "refused"}]
)
@pytest.mark.parametrize("side", ["organization", "newcomer"])
def test_who_is_suspended_or_not_let_in_is_credited_once_that_is_over(
    acme, agree, come, side, facts
):
    agree()
    nova = come()
    buy(nova)
    with service():
        one = Organization.objects.filter(pk=getattr(Referral.objects.get(), f"{side}_id"))
        one.update(**facts)
    for _round in range(2):
        referrals.sweep()
    meanwhile = standing(nova), credit_of(acme), credit_of(nova)
    with service():
        one.update(status="active", admission="admitted")

    referrals.sweep()

    assert meanwhile == (("waiting", ""), [], [])
    assert (standing(nova), credit_of(acme)) == (("paid", ""), [Decimal(20)])


def test_a_purchase_that_is_too_small_waits_for_a_larger_one(acme, agree, come):
    order = buy(acme)
    agree(minimum_purchase=order.net + 1)
    nova = come()
    buy(nova)
    referrals.settle(nova.pk)
    small = standing(nova)
    buy(nova, net=order.net + 1, total=order.net + 1, tax=Decimal(0))

    referrals.settle(nova.pk)

    assert small == ("waiting", "")
    assert standing(nova) == ("paid", "")


@pytest.mark.parametrize("terms", [{}, {"referrer_amount": 0, "newcomer_amount": 0}])
def test_nothing_is_credited_where_nothing_holds(acme, agree, come, terms):
    if terms:
        agree(**{name: Decimal(value) for name, value in terms.items()})
    nova = come()
    buy(nova)

    referrals.settle(nova.pk)

    assert standing(nova) == ("refused", "not_running")


def test_a_purchase_after_the_last_day_does_not_count(acme, agree, come, clock):
    agree(ends_on=timezone.localdate())
    nova = come()
    clock.shift(86_400)
    buy(nova)

    referrals.settle(nova.pk)

    assert standing(nova) == ("refused", "not_running")


def test_what_is_paid_back_takes_the_unused_credit_with_it(acme, agree, come):
    agree()
    nova = come()
    order = buy(nova)
    referrals.settle(nova.pk)
    with service():
        given = CreditGrant.objects.get(organization=acme)
        given.remaining = Decimal(5)
        given.save()
        Order.objects.filter(pk=order.pk).update(status=Order.Status.REFUNDED)

    referrals.sweep()
    referrals.sweep()

    with service():
        found = Referral.objects.get()
        left = list(CreditGrant.objects.filter(source_key__startswith="referral:"))
    assert (found.state, found.reason, found.lost) == ("taken_back", "paid_back", Decimal(15))
    assert [it.remaining for it in left] == [0, 0]


@pytest.mark.parametrize("end", ["expires_at", "voided_at"])
def test_credit_that_was_never_used_is_not_lost(acme, agree, come, end):
    agree()
    nova = come()
    order = buy(nova)
    referrals.settle(nova.pk)
    with service():
        over = {end: timezone.now()}
        CreditGrant.objects.filter(organization=acme).update(remaining=Decimal(15), **over)
        CreditGrant.objects.filter(organization=nova).update(leased=Decimal(4))
    credits.expire_due()
    with service():
        assert CreditGrant.objects.get(organization=acme).remaining == 0
        Order.objects.filter(pk=order.pk).update(status=Order.Status.REFUNDED)

    referrals.sweep()

    with service():
        found = Referral.objects.get()
    assert (found.state, found.lost) == ("taken_back", Decimal(5))


def test_what_is_held_is_credited_once_it_is_let_go_on(acme, agree, come, sam):
    agree()
    nova = come()
    with service():
        referral = Referral.objects.get()
    referrals.hold(referral, note="The same street", by=sam)
    buy(nova)
    referrals.settle(nova.pk)
    held = credit_of(acme)

    done = referrals.release(referral, note="They are neighbours", by=sam)

    assert (held, done.state, credit_of(acme)) == ([], "paid", [Decimal(20)])
    with pytest.raises(Conflict):
        referrals.refuse(referral, note="Too late", by=sam)


@pytest.mark.parametrize("side", ["organization", "newcomer"])
@pytest.mark.parametrize("decide", [referrals.hold, referrals.release, referrals.refuse])
def test_staff_decide_on_no_referral_of_a_customer_they_belong_to(
    acme, agree, come, sam, kim, side, decide
):
    agree()
    nova = come()
    buy(nova)
    with service():
        referral = Referral.objects.get()
        Membership.objects.create(organization=getattr(referral, side), user=kim, role=Role.OWNER)
    before = "waiting"
    if decide is referrals.release:
        before = referrals.hold(referral, note="The same street", by=sam).state

    with pytest.raises(Forbidden):
        decide(referral, note="I know them", by=kim)

    assert standing(nova) == (before, "")
    assert credit_of(acme) == []
