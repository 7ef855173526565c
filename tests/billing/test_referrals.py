"""Customers who bring customers: both are credited once, for a purchase that was paid."""

import contextlib
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from billing import mails
from billing.errors import TrialNotWaiting
from billing.models import (
    BillingProfile,
    CreditGrant,
    Order,
    Payer,
    Referral,
    ReferralCode,
    ReferralTerms,
)
from billing.services import credits, orders, referral_terms, referrals
from common.database import service
from common.errors import Conflict, DomainError, Forbidden
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Bundle
from tenants.models import AuditEntry, Membership, Organization, Role, SignUp
from tenants.scope import scope
from tenants.services import organizations
from tests.support.people import signed_in

JSON = {"content_type": "application/json"}
#: What somebody types who founds an organization.
NOVA = {
    "name": "Nova",
    "country": "FR",
    "currency": "EUR",
    "time_zone": "Europe/Paris",
    "kind": "startup",
}


@pytest.fixture
def sam(person):
    """One of the staff, who proposes."""
    return person("sam-proposes@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    """One of the staff, who decides."""
    return person("kim-decides@operator.example", is_staff=True)


@pytest.fixture
def propose(sam):
    """Propose twenty euros for who refers, ten for who comes."""

    def make(**facts):
        with service():
            terms = {"referrer_amount": Decimal(20), "newcomer_amount": Decimal(10)}
            return referral_terms.propose(currency="EUR", by=sam, **(terms | facts))

    return make


@pytest.fixture
def agree(propose, kim):
    """Let terms hold."""

    def make(**facts):
        terms = propose(**facts)
        with service():
            return referral_terms.approve(terms, by=kim)

    return make


@pytest.fixture
def code(acme, alice):
    """What Acme's link ends in."""
    demo.seed()
    with service():
        return referrals.code(acme, by=alice).code


@pytest.fixture
def come(person, code):
    """Let an organization be founded by Acme's link."""

    def make(email="nora@nova.example", name="Nova", **facts):
        owner = person(email)
        return organizations.found(
            name=name, owner=owner, country="FR", **({"referral": code} | facts)
        )

    return make


def buy(organization, **facts):
    """Have an organization pay for a bundle; nobody rings a bell."""
    with service():
        bundle = Bundle.objects.filter(currency="EUR", grant_unit="money").first()
        return Order.objects.create(
            organization=organization,
            operation_key=str(uuid7()),
            bundle=bundle,
            placed_by=organization.sign_up.applicant,
            **{
                "status": Order.Status.PAID,
                "paid_at": timezone.now(),
                **orders.terms(organization, bundle),
                **facts,
            },
        )


def credit_of(organization):
    with service():
        found = CreditGrant.objects.filter(
            organization=organization, source_key__startswith="referral:"
        )
        return [it.granted for it in found]


def standing(newcomer):
    with service():
        found = Referral.objects.get(newcomer=newcomer)
        return found.state, found.reason


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


def test_an_unknown_link_brings_nobody(acme, come):
    for name, referral in (("One", "nobodys"), ("Two", ""), ("Three", "x" * 300), ("Four", "a\0")):
        new = come(f"{name}@firm.example", name, referral=referral)
        assert referrals.settle(new.pk) is None

    with service():
        assert not Referral.objects.exists()
        assert SignUp.objects.get(organization=new).referral == ""


@pytest.mark.parametrize("odd", ["a\0", "Ab-c", "x" * 300])
def test_a_cookie_that_is_none_of_ours_keeps_nobody_from_founding(client, person, odd):
    client.force_login(person("nora@nova.example"))
    client.cookies["referral"] = odd

    answer = client.post("/organizations/new/", NOVA)

    assert (answer.status_code, answer.cookies["referral"].value) == (302, "")
    with service():
        assert SignUp.objects.get().referral == ""


def test_terms_wait_for_a_second_person(propose, sam, kim):
    terms = propose()
    with service():
        with pytest.raises(Forbidden):
            referral_terms.approve(terms, by=sam)
        with pytest.raises(Conflict):
            referral_terms.propose(
                currency="EUR", referrer_amount=Decimal(1), newcomer_amount=Decimal(1), by=kim
            )
        assert referral_terms.in_force("EUR") is None
        referral_terms.approve(terms, by=kim)
        with pytest.raises(TrialNotWaiting):
            referral_terms.refuse(terms, answer="No", by=kim)
        assert referral_terms.in_force("EUR") == terms


def test_the_database_knows_of_four_eyes_and_of_what_is_over(propose, sam, agree, come, kim):
    terms = propose()
    own = {"status": "approved", "decided_by": sam, "decided_at": timezone.now()}
    with pytest.raises(IntegrityError, match="four_eyes"), service():
        ReferralTerms.objects.filter(pk=terms.pk).update(**own)
    with service():
        referral_terms.approve(terms, by=kim)
    with pytest.raises(IntegrityError, match="then kept"), service():
        ReferralTerms.objects.filter(pk=terms.pk).update(referrer_amount=1)
    nova = come()
    buy(nova)
    referrals.settle(nova.pk)
    with pytest.raises(IntegrityError, match="not undone"), service():
        Referral.objects.update(state="waiting")
    with pytest.raises(IntegrityError, match="not undone"), service():
        Referral.objects.all().delete()


@pytest.mark.parametrize(
    ("column", "others"), [("order", "order"), ("newcomer_grant", "referrer_grant")]
)
def test_the_database_keeps_to_the_newcomers_own_purchase_and_grant(agree, come, column, others):
    agree()
    nova, luna = come(), come("luna@luna.example", "Luna")
    buy(luna)
    referrals.settle(luna.pk)
    with service():
        foreign = getattr(Referral.objects.get(newcomer=luna), others)
    with pytest.raises(IntegrityError, match="is_the_newcomers"), service():
        Referral.objects.filter(newcomer=nova).update(**{column: foreign})


def test_terms_end_no_sooner_than_today(propose):
    with pytest.raises(DomainError) as refusal:
        propose(ends_on=timezone.localdate() - timedelta(days=1))

    assert "ends_on" in refusal.value.field_errors


def test_customers_read_their_own_and_write_nothing(acme, come, charlie):
    come()
    elsewhere = organizations.found(name="Elsewhere", owner=charlie, country="FR")

    with scope(elsewhere):
        assert not Referral.objects.exists()
        assert not ReferralCode.objects.exists()
    with scope(acme):
        assert Referral.objects.count() == 1
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            Referral.objects.update(state="paid")
    with scope(acme), pytest.raises(Exception, match="permission denied"), transaction.atomic():
        ReferralTerms.objects.exists()


def test_a_link_is_remembered_until_an_organization_is_founded(acme, code, client, person):
    answer = client.get(f"/r/{code}/")
    cookie = answer.cookies["referral"]
    client.force_login(person("nora@nova.example"))
    founded = client.post("/organizations/new/", NOVA)

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/signup/")
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert founded.status_code == 302, founded.context["form"].errors
    assert founded.cookies["referral"].value == ""
    with service():
        assert Referral.objects.get().organization == acme


def test_a_link_of_nobody_looks_the_same_and_rubbish_is_not_kept(client, db):
    nobodys, rubbish = client.get("/r/nobodys/"), client.get("/r/%3Cx%3E;/")

    assert nobodys["Location"] == rubbish["Location"] == "/accounts/signup/"
    assert "referral" not in rubbish.cookies


def test_a_customer_makes_its_link_and_sees_what_came_of_it(alice_client, acme, agree, code, come):
    agree()
    nova = come(name="Hidden Name")
    buy(nova)
    referrals.settle(nova.pk)

    alice_client.post("/o/acme/billing/referrals/")
    page = alice_client.get("/o/acme/billing/referrals/").content.decode()
    told = alice_client.get("/api/v1/organizations/acme/referrals").json()
    again = alice_client.post("/api/v1/organizations/acme/referrals")

    assert f"/r/{code}/" in page
    assert "Credited" in page
    assert "Hidden Name" not in page
    assert told["link"].endswith(f"/r/{code}/")
    assert (told["terms"]["for_referrer"], told["brought"], told["credited"]) == ("20", 1, 1)
    assert told["referrals"][0]["earned"] == "20"
    assert (again.status_code, again.json()["link"]) == (201, told["link"])


def test_members_without_billing_and_strangers_see_none_of_it(bob_client, charlie_client, acme):
    assert bob_client.get("/o/acme/billing/referrals/").status_code == 403
    assert charlie_client.get("/o/acme/billing/referrals/").status_code == 404
    assert charlie_client.get("/api/v1/organizations/acme/referrals").status_code == 404
    assert charlie_client.get("/api/v1/staff/referrals").status_code == 404


def test_the_desk_proposes_decides_and_looks_into_it(staff_client, colleague_client, acme, come):
    facts = {"currency": "EUR", "referrer_amount": "20", "newcomer_amount": "10"}
    wrong = staff_client.post("/staff/referrals/new/", facts)
    made = staff_client.post("/staff/referrals/new/", facts | {"validity_days": "90"})
    own = staff_client.post(made["Location"] + "approve/")
    approved = colleague_client.post(made["Location"] + "approve/")
    nova = come()
    with service():
        referral = Referral.objects.get()
    page = f"/staff/referrals/{referral.pk}/"
    nameless = staff_client.post(page, {"decision": "hold", "note": ""})
    staff_client.post(page, {"decision": "hold", "note": "The same street"})

    assert wrong.context["form"].errors.keys() == {"validity_days"}
    assert (made.status_code, own.status_code, approved.status_code) == (302, 403, 302)
    assert nameless.status_code == 422
    assert standing(nova) == ("held", "")
    shown = staff_client.get(page).content.decode()
    assert "The same street" in shown
    assert "Nova" in staff_client.get("/staff/referrals/?state=held").content.decode()
    decide = f"/api/v1/staff/referrals/{referral.pk}/decide"
    refused = staff_client.post(decide, {"decision": "refuse", "note": "One family"}, **JSON)
    assert (refused.status_code, refused.json()["reason"]) == (200, "staff")
    again = staff_client.post(decide, {"decision": "hold", "note": "Again"}, **JSON)
    assert again.status_code == 409
    listed = staff_client.get("/api/v1/staff/referrals").json()["results"]
    assert [(it["organization"], it["newcomer"]) for it in listed] == [("acme", "nova")]


def test_a_page_of_referrals_asks_no_more_for_many(
    alice_client, agree, come, django_assert_max_num_queries
):
    agree()
    for number in range(4):
        come(f"n{number}@firm{number}.example", f"Firm {number}")
    alice_client.get("/o/acme/billing/referrals/")

    with django_assert_max_num_queries(15, connection=connections["service"]):
        alice_client.get("/o/acme/billing/referrals/")


def test_no_other_page_signs_in_for_it(acme, alice):
    client = signed_in(alice)

    assert client.get("/staff/referrals/").status_code == 404
