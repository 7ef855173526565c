"""What a hostile site, proxy or visitor could do to somebody who is signed in."""

from urllib.parse import urljoin, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.test import Client

from common.database import service
from tenants.models import ApiKey, Membership
from tests.support.people import signed_in

PUBLIC = ("/", "/models/", "/accounts/login/", "/accounts/signup/")


@pytest.fixture
def strict(alice, acme):
    """Alice's browser, held to what forms must carry."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    return client


@pytest.mark.parametrize(
    "address",
    ["/o/acme/keys/", "/o/acme/members/invite/", "/o/acme/billing/checkout/", "/i18n/setlang/"],
)
def test_a_form_of_another_site_is_refused(strict, address):
    reply = strict.post(address, {"name": "x"}, headers={"origin": "https://evil.example"})

    assert reply.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_the_api_takes_no_session_without_its_token(strict, kind):
    reply = strict.post("/api/v1/organizations/acme/keys", '{"name": "x"}', content_type=kind)

    assert reply.status_code == 403
    with service():
        assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a b", "localhost:x"])
def test_another_host_is_not_answered(client, db, host):
    assert client.get("/", headers={"host": host}).status_code == 400


def test_a_forwarded_host_is_not_believed(client, db):
    page = client.get("/accounts/login/", headers={"x-forwarded-host": "evil.example"})

    assert b"evil.example" not in page.content


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "/\t/evil.example",
        "%2f%2fevil.example",
    ],
)
def test_nothing_leads_to_another_site(person, db, onward):
    dora = person("dora@acme.example")
    EmailAddress.objects.create(user=dora, email=dora.email, verified=True, primary=True)
    client = Client()
    said = {"login": dora.email, "password": "correct horse battery", "next": onward}

    spoken = client.post("/i18n/setlang/", {"language": "en", "next": onward})
    entered = client.post("/accounts/login/", said)

    assert (spoken.status_code, entered.status_code) == (302, 302)
    for reply in (spoken, entered):
        assert stays(reply["Location"]), reply["Location"]


def stays(address):
    """Tell whether a browser, which takes a backslash for a slash, stays on our site."""
    found = urlsplit(urljoin("http://ours/accounts/", address.replace("\\", "/").strip()))
    return (found.scheme, found.netloc) == ("http", "ours")


@pytest.mark.parametrize("address", [*PUBLIC, "/o/acme/", "/o/acme/keys/", "/api/docs/"])
def test_no_page_can_be_framed_or_run_what_is_not_ours(alice_client, address):
    reply = alice_client.get(address)

    policy = reply["Content-Security-Policy"]
    assert reply["X-Frame-Options"] == "DENY"
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "address", ["/o/acme/", "/o/acme/billing/", "/o/acme/audit/", "/organizations/"]
)
def test_a_private_page_is_kept_by_nobody(alice_client, address):
    assert "no-store" in alice_client.get(address)["Cache-Control"]


def test_a_refusal_to_somebody_signed_in_is_kept_by_nobody(charlie_client, acme):
    assert "no-store" in charlie_client.get("/o/acme/")["Cache-Control"]


def test_what_everybody_gets_may_be_kept(client, db):
    assert "no-store" not in client.get("/theme.css")["Cache-Control"]


def test_signing_in_changes_the_session(person, db):
    person("dora@acme.example")
    client = Client()
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = "x"
    session.save()
    planted = session.session_key

    client.login(email="dora@acme.example", password="correct horse battery")

    assert client.session.session_key != planted


def test_who_leaves_is_out_with_the_next_request(bob, bob_client, acme):
    assert bob_client.get("/o/acme/").status_code == 200
    with service():
        Membership.objects.filter(user=bob).delete()

    assert bob_client.get("/o/acme/").status_code == 404


def test_who_may_not_sign_in_any_more_is_out_with_the_next_request(alice, alice_client):
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)

    assert alice_client.get("/o/acme/").status_code == 302


def test_the_mailbox_is_the_demos_alone(client, db, settings):
    settings.DEMO = False

    assert client.get("/mailbox/").status_code == 404


def test_staff_without_a_second_factor_stay_outside(person):
    client = signed_in(person("sam@operator.example", is_staff=True))

    assert client.get("/staff/").status_code == 302


def test_the_desk_does_not_exist_for_customers(alice_client):
    assert alice_client.get("/staff/").status_code == 404


def test_cookies_are_not_for_scripts(client, db):
    assert django_settings.SESSION_COOKIE_HTTPONLY
    assert django_settings.SESSION_COOKIE_SAMESITE == "Lax"
