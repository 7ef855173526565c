"""Of whom the operator has stopped what is new: no door to more credit, over page or API, opens."""

import json
from decimal import Decimal

import pytest

from billing.models import CreditGrant, TopUpRule, VoucherRedemption
from common.database import service
from common.errors import Conflict
from tenants.errors import NothingNew
from tenants.scope import scope
from tenants.services import restrictions
from tests.billing.test_hand_overs import group, hand
from tests.billing.test_payers import branch, dana, pays
from tests.billing.test_top_ups import bundle, rule
from tests.billing.test_vouchers import issue, sam

__all__ = ["branch", "bundle", "dana", "group", "hand", "issue", "pays", "rule", "sam"]
PAGES = "/o/acme/billing/"
API = "/api/v1/organizations/acme/credits/"


@pytest.fixture
def stop(acme, sam):
    """Stop what is new of an organization, Acme unless another is named."""

    def stop(organization=acme, level="new"):
        with service():
            restrictions.impose(organization, level=level, reason="Unpaid", by=sam)

    return stop


def redeemed():
    with service():
        return VoucherRedemption.objects.count()


def granted(organization):
    with service():
        return CreditGrant.objects.filter(organization=organization).count()


def test_no_voucher_is_redeemed_and_its_code_stays_good(alice_client, acme, issue, stop, sam):
    _campaign, (code,) = issue()
    stop()

    page = alice_client.post(f"{PAGES}redeem/", {"code": code})
    answer = alice_client.post(f"{API}redeem", {"code": code}, content_type="application/json")

    assert (page.status_code, answer.status_code, answer.json()["code"]) == (
        422,
        403,
        "nothing_new",
    )
    assert "has stopped what is new" in page.content.decode()
    assert redeemed() == 0
    with service():
        restrictions.lift(acme, level="new", reason="Paid", by=sam)
    alice_client.post(f"{PAGES}redeem/", {"code": code})
    assert redeemed() == 1


def test_a_warning_leaves_vouchers_alone(alice_client, issue, stop):
    _campaign, (code,) = issue()
    stop(level="warn")

    alice_client.post(f"{PAGES}redeem/", {"code": code})

    assert redeemed() == 1


def test_no_credit_is_handed_over(acme, branch, give, hand, stop, alice_client):
    given = give("10")
    stop()

    with pytest.raises(NothingNew):
        hand(given)
    body = json.dumps({"grant": str(given.pk), "to": "branch"})
    answer = alice_client.post(f"{API}hand-overs", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (403, "nothing_new")
    assert granted(branch) == 0


def test_no_credit_is_handed_to_whom_it_is_stopped(branch, give, hand, stop):
    given = give("10")
    stop(branch)

    with pytest.raises(Conflict, match="stopped what is new in their"):
        hand(given)

    assert granted(branch) == 0


def test_what_was_handed_over_before_is_still_answered(branch, give, hand, stop):
    given = give("10")
    got = hand(given, Decimal(2))
    stop()

    assert hand(given, Decimal(2)).pk == got.pk
    assert granted(branch) == 1


def test_no_rule_of_top_ups_is_switched_on_but_off(acme, rule, stop):
    rule()
    stop()

    with pytest.raises(NothingNew):
        rule(below=Decimal(50))
    rule(is_on=False)

    with scope(acme):
        found = TopUpRule.objects.get()
    assert (found.is_on, found.below) == (False, 5)
