"""Customers who bring customers: their links, the terms that two people agree on, and the pages."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from billing.errors import TrialNotWaiting
from billing.models import (
    Referral,
    ReferralCode,
    ReferralTerms,
)
from billing.services import referral_terms, referrals
from common.database import service
from common.errors import Conflict, DomainError, Forbidden
from tenants.models import SignUp
from tenants.scope import scope
from tenants.services import organizations
from tests.billing.referring import buy, standing
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
