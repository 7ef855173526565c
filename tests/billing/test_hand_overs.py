"""Credit handed over between an organization and who pays for it: as good as it was, and once."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from billing import queries
from billing.models import CreditGrant, LedgerEntry
from billing.services import hand_overs
from common.database import service
from common.errors import Conflict, DomainError, NotFound
from tenants.models import AuditEntry, Organization
from tenants.services import organizations
from tests.billing.test_payers import branch, dana, pays
from tests.support.people import signed_in

__all__ = ["branch", "dana", "pays"]
PAGE = "/o/acme/billing/hand-over/"
API = "/api/v1/organizations/acme/credits/hand-overs"


@pytest.fixture
def group(pays):
    """Acme pays for the branch."""
    pays(first=timezone.now().strftime("%Y-%m"))


@pytest.fixture
def hand(acme, alice, group):
    """Hand credit of Acme's over."""

    def hand(given, quantity=None, *, to="branch", key="one", by=alice, organization=acme):
        return hand_overs.hand_over(
            organization, given.pk, to=to, quantity=quantity, operation_key=key, by=by
        )

    return hand


def accounts(organization):
    """Return the organization's accounts that are not zero."""
    with service():
        found = LedgerEntry.objects.filter(organization=organization)
        rows = list(found.values_list("account__kind", "amount"))
    sums = {kind: sum(it for other, it in rows if other == kind) for kind, _amount in rows}
    return {kind: amount for kind, amount in sums.items() if amount}


def left(organization):
    with service():
        return queries.balance(organization).live.amount


def test_what_is_handed_over_is_worth_there_what_it_was_here(acme, branch, give, hand):
    ends = timezone.now() + timedelta(days=30)
    given = give("10", cost="8", expires_at=ends, priority=3)

    got = hand(given, Decimal("2.5"))

    assert (got.granted, got.cost_basis, got.expires_at, got.priority) == (
        Decimal("2.5"), 2, ends, 3,
    )  # fmt: skip
    assert (got.kind, left(acme), left(branch)) == ("purchased", Decimal("7.5"), Decimal("2.5"))
    # The gift of the discount goes along, and what was paid for it moves through clearing.
    assert accounts(branch) == {
        "customer_prepaid": Decimal("-2.5"), "adjustments": Decimal("0.5"), "payments_clearing": 2,
    }  # fmt: skip
    assert accounts(acme) == {
        "customer_prepaid": Decimal("-7.5"), "adjustments": Decimal("1.5"), "payments_clearing": 6,
    }  # fmt: skip
    with service():
        entry = AuditEntry.objects.get(action="credit.handed_over")
    assert (entry.organization_id, entry.after["to"]) == (acme.pk, "branch")


def test_tokens_stay_tokens_of_their_class(branch, give, hand, token_class):
    got = hand(give("1000", token_class=token_class, cost="5"), Decimal(400))

    assert (got.unit, got.token_class, got.cost_basis) == ("tokens", token_class, 2)
    assert accounts(branch) == {"deferred_revenue": -2, "payments_clearing": 2}


def test_the_same_operation_hands_over_once(acme, branch, give, hand):
    given = give("10")

    first, again = hand(given, Decimal(3)), hand(given, Decimal(3))

    assert (first.pk, left(acme), left(branch)) == (again.pk, 7, 3)
    with pytest.raises(Conflict):
        hand(given, Decimal(4))


def test_clicks_at_once_hand_over_once(acme, branch, give, hand):
    given, gate = give("10"), threading.Barrier(4)

    def click():
        gate.wait(10)
        try:
            return hand(given, Decimal(3)).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = {each.result(20) for each in [pool.submit(click) for _ in range(4)]}

    assert (len(found), left(acme), left(branch)) == (1, 7, 3)


def test_two_who_hand_over_to_each_other_lose_nothing(acme, branch, alice, dana, give, hand):
    here, there = give("10"), give("10", organization=branch)
    gate = threading.Barrier(2)

    def send(given, to, by, organization):
        gate.wait(10)
        try:
            return hand(given, Decimal(4), to=to, by=by, organization=organization)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        out = pool.submit(send, here, "branch", alice, acme)
        back = pool.submit(send, there, "acme", dana, branch)
        out.result(20), back.result(20)

    assert (left(acme), left(branch)) == (10, 10)


async def test_what_requests_hold_stays(acme, conn, give, hand, take):
    given = give("10")
    await take(conn, "4")

    with pytest.raises(DomainError) as refused:
        hand(given, Decimal(7))
    got = hand(given)

    assert (refused.value.field_errors.keys(), got.granted) == ({"quantity"}, 6)
    with service():
        here = CreditGrant.objects.get(pk=given.pk)
    assert (here.remaining, here.leased) == (4, 4)


@pytest.mark.parametrize("quantity", ["0", "-1", "10.01", "NaN", "Infinity", "1e-13"])
def test_what_is_not_there_does_not_go(acme, branch, give, hand, quantity):
    given = give("10")

    with pytest.raises(DomainError) as refused:
        hand(given, Decimal(quantity))

    assert refused.value.field_errors.keys() == {"quantity"}
    assert (left(acme), left(branch)) == (10, 0)


def test_credit_goes_to_nobody_else(acme, branch, dana, give, hand, pays, person):
    mila = person("mila@other.example")
    other = organizations.found(name="Other", owner=mila, country="FR")
    pays(first=timezone.now().strftime("%Y-%m"), organization=other)
    stranger = organizations.found(name="Stranger", owner=mila, country="FR")
    given, theirs = give("10"), give("10", organization=branch)

    # Not to strangers, not to oneself, and of two that are paid for not to one another.
    for to in (stranger.slug, "acme", "nobody"):
        with pytest.raises(DomainError):
            hand(given, Decimal(1), to=to)
    with pytest.raises(DomainError):
        hand(theirs, Decimal(1), to=other.slug, by=dana, organization=branch)
    with pytest.raises(NotFound):
        hand(theirs, Decimal(1))
    assert [left(it) for it in (acme, branch, other, stranger)] == [10, 10, 0, 0]


def test_what_is_owed_another_currency_or_suspended_does_not_go(acme, branch, give, hand):
    given = give("10")
    with service():
        limit = CreditGrant.objects.create(
            organization=acme, wallet=given.wallet, unit="money", kind="limit", granted=5,
            remaining=5, source_key="limit:EUR", cost_basis=0,
        )  # fmt: skip
        Organization.objects.filter(pk=branch.pk).update(currency="KWD")
    with pytest.raises(NotFound):
        hand(limit, Decimal(1))
    with pytest.raises(Conflict):
        hand(given, Decimal(1))
    acme.status = Organization.Status.SUSPENDED
    with pytest.raises(DomainError):
        hand(given, Decimal(1))


def test_it_is_done_on_the_page(acme, branch, alice_client, bob_client, group, give):
    given = give("10.125")
    page = alice_client.get(PAGE).content.decode()
    facts = {"grant": given.pk, "to": "branch", "operation": "0190b0d0-0000-7000-8000-000000000001"}

    assert alice_client.post(PAGE, facts | {"quantity": "0.001"}).status_code == 422
    sent = [alice_client.post(PAGE, facts | {"quantity": "2.50"}) for _ in range(2)]

    assert [it.status_code for it in sent] == [302, 302]
    assert ("10.125 EUR" in page, left(branch)) == (True, Decimal("2.5"))
    assert PAGE in alice_client.get("/o/acme/billing/").content.decode()
    assert bob_client.get(PAGE).status_code == 403
    assert "Credit handed over" in alice_client.get("/o/acme/billing/ledger/").content.decode()


def test_who_has_no_payer_is_told_so(acme, alice_client, charlie_client, give):
    give("1")

    assert "Nothing can be handed over" in alice_client.get(PAGE).content.decode()
    assert PAGE not in alice_client.get("/o/acme/billing/").content.decode()
    assert charlie_client.get(PAGE).status_code == 404


def test_it_is_done_over_the_api(branch, dana, alice_client, group, give):
    given = give("10")

    def send(**facts):
        return alice_client.post(
            API,
            json.dumps({"grant": str(given.pk), "to": "branch"} | facts),
            content_type="application/json",
            headers={"Idempotency-Key": "k1"},
        )

    first, again = send(quantity="3"), send(quantity="3")

    assert (first.status_code, again.json()) == (201, first.json())
    assert (first.json()["quantity"], first.json()["to"], left(branch)) == ("3", "branch", 3)
    theirs = signed_in(dana).get("/api/v1/organizations/branch/credits").json()
    assert first.json()["grant"] in json.dumps(theirs)
