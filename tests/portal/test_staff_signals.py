"""Signs of abuse at the desk, over the API, and on the customer's own pages."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.models import SpendAlarm, SpendBucket
from billing.services import unusual_spend
from common.database import service
from metering.models import UsageBucket
from tenants.models import AbuseSignal, ApiKey, Organization, Project, Restriction
from tenants.scope import scope
from tenants.services import api_keys, leaks, organizations

LIST, API = "/staff/signals/", "/api/v1/staff/signals"
ACT = {"act": "yes", "reason": "Stolen", "level": "new", "told": "Call us"}


@pytest.fixture
def key(acme, alice):
    """A key of Acme's, with its text."""
    with scope(acme):
        return api_keys.create(acme, name="Scripts", by=alice)


@pytest.fixture
def spike(acme, key):
    """A signal: Acme, a customer of long ago, spends 450 EUR with a key, and nothing before."""
    now = timezone.now()
    with service():
        Organization.objects.update(created_at=now - timedelta(days=100))
        used = {
            "organization": acme,
            "project": Project.objects.get(organization=acme),
            "api_key": key.api_key,
            "offer_name": "llama-8b",
            "starts_at": now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0),
        }
        UsageBucket.objects.create(**used, region="fr", requests=3)
        SpendBucket.objects.create(**used, currency="EUR", amount=Decimal(450))
    unusual_spend.sweep()
    with service():
        return AbuseSignal.objects.get()


def page_of(signal):
    return f"{LIST}{signal.pk}/"


def now(signal):
    with service():
        return AbuseSignal.objects.get(pk=signal.pk)


def test_an_empty_desk_says_so(staff_client, db):
    assert "Nothing looks like abuse" in staff_client.get(LIST).content.decode()
    assert "Nothing was decided yet" in staff_client.get(LIST + "?state=decided").content.decode()
    assert "Nothing fits" in staff_client.get(LIST + "?q=nobody").content.decode()


def test_a_sign_is_listed_and_shown_with_what_is_usual(staff_client, spike, key):
    listed = staff_client.get(LIST).content.decode()
    shown = staff_client.get(page_of(spike)).content.decode()

    assert page_of(spike) in listed
    assert "Unusual spend" in listed
    assert 'value="450"' in shown
    assert "Spent in an hour" in shown
    assert str(key.api_key.prefix) in shown
    assert "Usage by day" in shown


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("kind=spend_spike", True),
        ("kind=leaked_key", False),
        ("q=acm", True),
        ("q=other", False),
        ("state=decided", False),
    ],
)
def test_the_list_is_filtered_by_its_address(staff_client, spike, query, is_there):
    assert (page_of(spike) in staff_client.get(f"{LIST}?{query}").content.decode()) is is_there


def test_a_filter_without_sense_is_named(staff_client, db):
    assert staff_client.get(LIST + "?kind=nonsense").status_code == 422


def test_dismissing_needs_a_reason_and_is_final(staff_client, spike):
    refused = staff_client.post(page_of(spike), {"quiet_days": "7"})
    too_long = staff_client.post(page_of(spike), {"reason": "A launch", "quiet_days": "91"})
    still = now(spike).closed_at
    staff_client.post(page_of(spike), {"reason": "A launch", "quiet_days": "7"})
    late = staff_client.post(page_of(spike), ACT, follow=True)

    assert (refused.status_code, too_long.status_code, still) == (422, 422, None)
    assert (now(spike).decision, now(spike).reason) == ("dismissed", "A launch")
    assert "Somebody has decided about this already" in late.content.decode()
    assert "A launch" in staff_client.get(page_of(spike)).content.decode()
    assert page_of(spike) in staff_client.get(LIST + "?state=decided").content.decode()


def test_acting_does_all_of_it(staff_client, spike, key):
    staff_client.post(page_of(spike), ACT | {"keys": str(key.api_key.pk)})

    assert now(spike).decision == "acted"
    with service():
        assert Restriction.objects.get().reason == "Call us"
        assert ApiKey.objects.get().state == "revoked"


def test_a_customer_is_held_to_something_only_with_words(staff_client, spike, key):
    facts = {name: it for name, it in ACT.items() if name != "told"}

    answer = staff_client.post(page_of(spike), facts | {"keys": str(key.api_key.pk)})

    assert answer.status_code == 422
    assert "Say what the customer reads." in answer.content.decode()
    with service():
        assert ApiKey.objects.get().state == "active"
        assert not Restriction.objects.exists()


def test_a_key_of_somebody_else_is_not_revoked(staff_client, spike, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with scope(other):
        theirs = api_keys.create(other, name="Theirs", by=charlie).api_key

    page = staff_client.post(page_of(spike), ACT | {"keys": str(theirs.pk)})
    body = {"reason": "Stolen", "keys": [str(theirs.pk)]}
    api = staff_client.post(f"{API}/{spike.pk}/act", body, content_type="application/json")

    assert (page.status_code, api.status_code) == (422, 400)
    assert now(spike).closed_at is None
    with service():
        assert ApiKey.objects.get(pk=theirs.pk).state == "active"


def test_staff_sets_the_amounts(staff_client, spike):
    address = f"{LIST}amounts/EUR/"
    wrong = staff_client.post(address, {"hour": "0", "day": "x", "new_account": "5"})
    staff_client.post(address, {"hour": "500", "day": "900.50", "new_account": "5"})

    assert wrong.status_code == 422
    over = staff_client.post(address, {"hour": "901", "day": "900", "new_account": "5"})
    assert "An hour&#x27;s amount is that of a day at most." in over.content.decode()
    with service():
        kept = SpendAlarm.objects.get()
    assert (kept.hour, kept.day, kept.new_account) == (500, Decimal("900.50"), 5)
    assert staff_client.get(f"{LIST}amounts/XXX/").status_code == 404


def test_it_is_shown_wherever_staff_looks(staff_client, spike):
    overview = staff_client.get("/staff/").content.decode()
    customer = staff_client.get("/staff/customers/acme/").content.decode()

    assert "Signs of abuse: 1" in overview
    assert "Signs of abuse: 1" in customer
    assert page_of(spike) in customer


def test_the_customer_reads_what_was_seen(alice_client, bob_client, spike):
    page = alice_client.get("/o/acme/").content.decode()

    assert "More is spent than usual" in page
    assert "450.00 EUR in an hour; usual at this time of day is 0.00 EUR." in page


def test_the_customer_reads_of_a_leak(alice_client, key):
    leaks.report([key.text])

    assert "A key leaked and is revoked" in alice_client.get("/o/acme/").content.decode()


def test_what_is_decided_disturbs_the_customer_no_longer(alice_client, staff_client, spike):
    staff_client.post(page_of(spike), {"reason": "A launch", "quiet_days": "7"})

    page = alice_client.get("/o/acme/").content.decode()
    assert "More is spent than usual" not in page
    assert "A launch" not in page


@pytest.mark.parametrize("address", [LIST, f"{LIST}{uuid.UUID(int=7)}/", f"{LIST}amounts/EUR/"])
def test_nobody_else_knows_of_the_pages(alice_client, client, address):
    assert alice_client.get(address).status_code == 404
    assert client.get(address).status_code in (302, 404)


def test_staff_decides_over_the_api(staff_client, spike):
    (listed,) = staff_client.get(API).json()
    none = staff_client.get(f"{API}?kind=leaked_key").json()
    wrong = staff_client.get(f"{API}?kind=nonsense")
    address = f"{API}/{spike.pk}"
    words = {"level": "warn", "reason": "x"}
    unsaid = staff_client.post(f"{address}/act", words, content_type="application/json")
    answer = staff_client.post(
        f"{address}/dismiss",
        {"reason": "A launch", "quiet_days": 3},
        content_type="application/json",
    )
    again = staff_client.post(
        f"{address}/dismiss", {"reason": "x", "quiet_days": 3}, content_type="application/json"
    )

    assert (listed["organization"], listed["figures"]["spent"]) == ("acme", "450")
    assert (none, wrong.status_code, unsaid.status_code) == ([], 400, 400)
    assert (answer.status_code, answer.json()["decision"]) == (200, "dismissed")
    assert (again.status_code, again.json()["code"]) == (409, "signal_decided")
    assert staff_client.get(f"{API}?open=false").json()[0]["decided_by"] == "sam@operator.example"


def test_the_api_is_for_staff_alone(alice_client, spike, key):
    address = f"{API}/{spike.pk}"

    assert alice_client.get(API).status_code == 404
    assert alice_client.get(address).status_code == 404
    assert alice_client.post(f"{address}/dismiss", {"reason": "x"}).status_code == 404
    assert now(spike).closed_at is None
