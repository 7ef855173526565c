"""The first steps follow what is true, and respect who may do what."""

from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from billing.models import Order
from billing.services import credits
from common.database import service
from marketplace import demo
from marketplace.models import Bundle
from tenants.models import Membership, Role
from tenants.scope import scope
from tenants.services import api_keys

PAGE = "/o/acme/onboarding/"


@pytest.fixture
def confirmed(alice):
    """Alice's address is confirmed."""
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)


@pytest.fixture
def funded(acme):
    """Acme has credit."""
    with service():
        credits.grant(acme, unit="money", quantity=Decimal(1), source_key="test")


@pytest.fixture
def keyed(acme, alice):
    """Acme has a key."""
    with scope(acme):
        return api_keys.create(acme, name="ci", by=alice).api_key


def steps(client):
    return {step.name: step for step in client.get(PAGE).context["steps"]}


def done(client):
    return {name for name, step in steps(client).items() if step.is_done}


def asked(client, seen):
    return client.get(f"{PAGE}?seen={seen}", headers={"HX-Request": "true"})


def test_a_new_organization_is_all_that_is_done(acme, alice_client):
    assert done(alice_client) == {"organization"}


def test_a_confirmed_address_is_done(confirmed, alice_client):
    assert done(alice_client) == {"organization", "email"}


def test_a_second_factor_is_done_and_nobody_must(
    acme, alice, confirmed, funded, keyed, used, alice_client
):
    used()
    RecoveryCodes.activate(alice)  # which are no factor of their own
    before = alice_client.get(PAGE)
    TOTP.activate(alice, generate_totp_secret())

    assert before.context["is_done"]
    assert "second-factor" not in {it.name for it in before.context["steps"] if it.is_done}
    assert "second-factor" in done(alice_client)


def test_credit_is_done(funded, alice_client):
    assert done(alice_client) == {"organization", "credit"}


def test_credit_to_try_is_no_bundle_and_nobody_must_buy_one_before_the_first_call(
    acme, confirmed, alice_client
):
    with service():
        credits.grant(acme, unit="money", quantity=Decimal(1), source_key="t", kind="promotional")

    found = steps(alice_client)

    assert not found["credit"].is_done
    assert found["credit"].is_optional
    assert found["credit"].url == "/o/acme/billing/bundles/"
    assert [name for name, step in found.items() if step.is_next] == ["key"]


@pytest.mark.parametrize(("status", "is_done"), [("paid", True), ("pending", False)])
def test_a_bundle_that_was_paid_for_stays_bought_when_it_is_used_up(
    acme, alice, alice_client, status, is_done
):
    demo.seed()
    bundle = Bundle.objects.get(slug="starter")
    with scope(acme):
        Order.objects.create(
            organization=acme, operation_key="o1", bundle=bundle, bundle_name=bundle.name,
            status=status, currency="EUR", net=20, tax_rate=0, tax=0, total=20,
            grant_unit="money", grant_quantity=20, validity_days=9, placed_by=alice,
        )  # fmt: skip

    assert steps(alice_client)["credit"].is_done is is_done


def test_a_key_is_done_until_it_is_revoked(acme, alice, keyed, alice_client):
    with_key = done(alice_client)
    with scope(acme):
        api_keys.revoke(keyed, by=alice)

    assert with_key == {"organization", "key"}
    assert done(alice_client) == {"organization"}


def test_the_next_step_is_the_first_that_must_be_done(confirmed, alice_client):
    found = steps(alice_client)

    assert [name for name, step in found.items() if step.is_next] == ["credit"]
    assert found["credit"].url == "/o/acme/billing/bundles/"


def test_an_open_list_flips_when_the_first_request_arrives(
    confirmed, funded, keyed, alice_client, used
):
    seen = alice_client.get(PAGE).context["done"]
    waiting = asked(alice_client, seen)
    used()
    arrived = asked(alice_client, seen)

    assert waiting.status_code == 204
    assert arrived.status_code == 286
    assert "Your first request arrived" in arrived["HX-Trigger"]
    assert "You are live" in arrived.content.decode()
    assert "hx-get" not in arrived.content.decode()
    assert "<html" not in arrived.content.decode()


def test_an_open_list_goes_on_asking_while_something_is_open(acme, alice_client, funded):
    response = asked(alice_client, "organization")

    assert response.status_code == 200
    assert 'hx-trigger="every 2s"' in response.content.decode()
    assert "HX-Trigger" not in response


@pytest.mark.parametrize(
    ("role", "step", "who"),
    [
        (Role.DEVELOPER, "credit", "Owner, Admin, and Billing."),
        (Role.VIEWER, "credit", "Owner, Admin, and Billing."),
        (Role.VIEWER, "key", "Owner, Admin, and Developer."),
        (Role.BILLING, "key", "Owner, Admin, and Developer."),
    ],
)
def test_who_may_not_is_told_who_may(acme, bob, bob_client, role, step, who):
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    found = steps(bob_client)[step]

    assert found.url == ""
    assert found.text.endswith(who)


def test_the_samples_call_this_very_portal(acme, alice_client, settings):
    demo.seed()
    settings.PUBLIC_URL = "https://ai.example.com"

    response = alice_client.get(PAGE)

    assert [sample.name for sample in response.context["samples"]] == [
        "curl",
        "python",
        "javascript",
        "langchain",
    ]
    assert all("https://ai.example.com/v1" in it.code for it in response.context["samples"])
    assert "$TESSERA_API_KEY" in response.context["samples"][0].code
