"""What changes how one signs in is told to the address of the account."""

import time

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client

PASSWORD, NEW = "correct horse battery", "another horse battery"
SET_UP = "/accounts/2fa/totp/activate/"


@pytest.fixture
def known(person):
    """Somebody who has an account."""
    user = person("known@example.com")
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


@pytest.fixture
def browser(known):
    """A browser in which they have just typed their password."""
    client = Client(headers={"user-agent": "Firefox of an internet café", "accept-language": "en"})
    client.force_login(known)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def subjects():
    """Return what was sent, to the account's address alone."""
    assert {address for message in mail.outbox for address in message.to} <= {"known@example.com"}
    return [message.subject for message in mail.outbox]


def test_a_changed_password_is_told_and_from_where(browser):
    browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW},
    )

    assert subjects() == ["Your password was changed"]
    assert "Firefox of an internet café" in mail.outbox[0].body
    assert "end your other sessions at once" in mail.outbox[0].body


def test_an_app_is_told_when_it_comes_and_when_it_goes(browser, django_capture_on_commit_callbacks):
    secret = browser.get(SET_UP).context["form"].secret
    with (
        time_machine.travel(time.time(), tick=False),
        django_capture_on_commit_callbacks(execute=True),
    ):
        code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
        browser.post(SET_UP, {"code": code})
    browser.post("/accounts/2fa/totp/deactivate/")

    assert subjects() == ["An authenticator app was added", "An authenticator app was removed"]


def test_a_passkey_is_told_when_it_goes(browser, known):
    passkey = known.authenticator_set.create(
        type="webauthn", data={"name": "Laptop", "credential": {}}
    )

    browser.post(f"/accounts/2fa/webauthn/keys/{passkey.pk}/remove/")

    assert subjects() == ["A passkey was removed"]


def test_the_mail_comes_in_the_language_of_the_page(browser):
    browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW},
        headers={"accept-language": "fr"},
    )

    assert "mot de passe" in mail.outbox[0].subject
