"""Vouchers grant once, however many redeem them at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing import queries, voucher_codes
from billing.errors import VoucherOver, VoucherUnknown, VoucherUsed
from billing.models import CreditGrant, Voucher, VoucherCampaign
from billing.services import vouchers
from common.database import service
from common.errors import DomainError
from tenants.models import AuditEntry, Organization
from tenants.scope import scope
from tenants.services import organizations

REDEEM = "/o/acme/billing/redeem/"
API = "/api/v1/organizations/acme/credits/redeem"


@pytest.fixture
def sam(person):
    """A member of the operator's staff."""
    return person("sam-the-marketer@operator.example", is_staff=True)


@pytest.fixture
def issue(sam):
    """Issue a campaign of vouchers over ten euros; answers it and its codes."""

    def issue(**facts):
        terms = {
            "name": "Spring",
            "unit": "money",
            "quantity": Decimal(10),
            "currency": "EUR",
            "validity_days": 30,
            "redeem_until": timezone.now() + timedelta(days=1),
        }
        with service():
            return vouchers.issue(by=sam, **(terms | facts))

    return issue


def live(organization):
    with scope(organization):
        return queries.balance(organization).live.amount


def test_a_voucher_grants_promotional_credit(acme, alice, issue, books):
    _campaign, (code,) = issue()

    given = vouchers.redeem(acme, f" {code.lower()} ", by=alice)

    assert (given.kind, given.granted, given.cost_basis) == ("promotional", 10, 0)
    assert books() == {"adjustments": 10, "customer_prepaid": -10}


def test_a_voucher_grants_tokens_of_a_class(acme, alice, issue, token_class):
    _campaign, (code,) = issue(unit="tokens", quantity=Decimal(5000), token_class=token_class)

    given = vouchers.redeem(acme, code, by=alice)

    assert (given.unit, given.granted, given.token_class) == ("tokens", 5000, token_class)


def test_no_code_is_kept_in_clear(acme, issue):
    _campaign, (code,) = issue()

    with service():
        voucher = Voucher.objects.get()
        told = str(list(AuditEntry.objects.values_list("after", flat=True)))
    assert code.replace("-", "") not in f"{vars(voucher)}{told}"


def test_fifty_sessions_redeem_a_voucher_once(acme, alice, issue):
    _campaign, (code,) = issue()
    gate = threading.Barrier(50)

    def redeem():
        gate.wait()
        try:
            return str(vouchers.redeem(acme, code, by=alice).pk)
        except VoucherUsed:
            return "used"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as pool:
        answers = [each.result() for each in [pool.submit(redeem) for _ in range(50)]]

    assert answers.count("used") == 49
    assert live(acme) == 10


def test_a_voucher_is_redeemed_by_one_of_two_organizations(acme, alice, charlie, issue):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    _campaign, (code,) = issue()

    vouchers.redeem(acme, code, by=alice)

    with pytest.raises(VoucherUsed):
        vouchers.redeem(other, code, by=charlie)
    assert live(other) == 0


def test_a_code_that_is_handed_around_ends_with_its_uses(acme, alice, charlie, issue):
    _campaign, (code,) = issue(uses=1000)
    other = organizations.found(name="Other", owner=charlie, country="FR")

    vouchers.redeem(acme, code, by=alice)
    vouchers.redeem(other, code, by=charlie)

    with pytest.raises(VoucherUsed):
        vouchers.redeem(acme, code, by=alice)
    assert (live(acme), live(other)) == (10, 10)


def test_two_vouchers_of_a_campaign_that_is_once_each(acme, alice, issue):
    _campaign, codes = issue(codes=2)

    vouchers.redeem(acme, codes[0], by=alice)

    with pytest.raises(VoucherUsed):
        vouchers.redeem(acme, codes[1], by=alice)
    assert live(acme) == 10
    with service():
        assert sum(Voucher.objects.values_list("redeemed", flat=True)) == 1


def test_two_vouchers_of_a_campaign_that_is_not(acme, alice, issue):
    _campaign, codes = issue(codes=2, is_once_each=False)

    for code in codes:
        vouchers.redeem(acme, code, by=alice)

    assert live(acme) == 20


def test_a_campaign_that_ended_grants_nothing(acme, alice, sam, issue):
    campaign, (code,) = issue()
    with service():
        vouchers.end(campaign, by=sam)

    with pytest.raises(VoucherOver):
        vouchers.redeem(acme, code, by=alice)
    assert live(acme) == 0


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"redeem_until": timezone.now() - timedelta(seconds=1)}, "voucher_over"),
        ({"currency": "USD"}, "voucher_in_other_currency"),
    ],
)
def test_a_voucher_that_does_not_fit_is_refused(acme, alice, issue, facts, refusal):
    _campaign, (code,) = issue(**facts)

    with pytest.raises(DomainError) as refused:
        vouchers.redeem(acme, code, by=alice)

    assert refused.value.code == refusal
    assert live(acme) == 0


def test_who_is_suspended_redeems_nothing(acme, alice, issue):
    _campaign, (code,) = issue()
    acme.status = Organization.Status.SUSPENDED

    with pytest.raises(DomainError, match="suspended"):
        vouchers.redeem(acme, code, by=alice)


@pytest.mark.parametrize(
    "text", ["", "x", "0000-0000-0000-0000", "\N{ARABIC-INDIC DIGIT ZERO}" * 16, "é" * 16, "0" * 17]
)
def test_what_is_no_code_of_ours_is_unknown(acme, alice, issue, text):
    issue()

    with pytest.raises(VoucherUnknown):
        vouchers.redeem(acme, text, by=alice)


@given(st.text())
def test_whatever_is_typed_is_a_code_or_none(text):
    code = voucher_codes.plain(text)

    assert code is None or voucher_codes.plain(code) == code


def test_the_page_redeems(alice_client, acme, issue):
    _campaign, (code,) = issue()

    response = alice_client.post(REDEEM, {"code": code}, follow=True)

    assert "redeemed" in response.content.decode()
    assert live(acme) == 10


def test_the_page_tells_of_a_code_it_does_not_know(alice_client, acme):
    response = alice_client.post(REDEEM, {"code": "1234"})

    assert response.status_code == 422
    assert "no voucher with this code" in response.content.decode()


def test_a_developer_redeems_nothing(bob_client, acme):
    assert bob_client.get(REDEEM).status_code == 403


def test_the_api_redeems_once(alice_client, acme, issue):
    _campaign, (code,) = issue()

    replies = [
        alice_client.post(API, {"code": code}, content_type="application/json") for _ in range(2)
    ]

    assert [reply.status_code for reply in replies] == [201, 409]
    assert (replies[0].json()["granted"], replies[1].json()["code"]) == ("10", "voucher_used")


def test_who_asks_again_under_one_key_gets_the_first_answer(issue, alice_client):
    (code,) = issue()[1]
    headers = {"Idempotency-Key": "spring"}
    facts = {"content_type": "application/json", "headers": headers}

    first, again = (alice_client.post(API, {"code": code}, **facts) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), again["Idempotent-Replayed"]) == (again.json(), "true")


def campaign(**facts):
    tomorrow = timezone.now().date() + timedelta(days=1)
    return {
        "name": "Autumn",
        "unit": "money",
        "quantity": "5",
        "currency": "EUR",
        "validity_days": "30",
        "last_day": tomorrow.isoformat(),
        "codes": "3",
        "uses": "1",
        "is_once_each": "on",
    } | facts


def test_staff_issues_a_campaign_and_sees_its_codes_once(staff_client, acme, alice):
    shown = staff_client.post("/staff/vouchers/new/", campaign()).content.decode()

    codes = [line for line in shown.split() if voucher_codes.plain(line)]
    assert vouchers.redeem(acme, codes[-1], by=alice).granted == 5
    listed = staff_client.get("/staff/vouchers/").content.decode()
    assert "Autumn" in listed
    assert codes[-1] not in listed


@pytest.mark.parametrize(
    "facts",
    [
        {"quantity": "0"},
        {"quantity": "-1"},
        {"quantity": "NaN"},
        {"quantity": "1000000"},
        {"unit": "tokens"},
        {"codes": "0"},
        {"codes": "100000"},
        {"last_day": "2001-01-01"},
        {"last_day": "9999-12-31"},
        {"name": ""},
    ],
)
def test_a_campaign_that_cannot_be_meant_is_refused(staff_client, facts):
    assert staff_client.post("/staff/vouchers/new/", campaign(**facts)).status_code == 422
    with service():
        assert VoucherCampaign.objects.count() == 0


def test_staff_ends_a_campaign(staff_client, acme, alice, issue):
    spring, (code,) = issue()

    staff_client.post(f"/staff/vouchers/{spring.pk}/end/")

    with pytest.raises(VoucherOver):
        vouchers.redeem(acme, code, by=alice)


def test_no_customer_sees_the_campaigns(alice_client, acme):
    assert alice_client.get("/staff/vouchers/").status_code == 404


def test_the_app_role_sees_no_voucher(acme, issue):
    issue()

    with pytest.raises(Exception, match="permission denied"), scope(acme):
        Voucher.objects.count()
    with scope(acme):
        assert CreditGrant.objects.count() == 0
