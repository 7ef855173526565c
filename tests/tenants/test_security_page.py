"""The page of how one signs in, for people with each of the means."""

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP

SECURITY = "/accounts/2fa/"


@pytest.fixture
def sam(person):
    """Somebody with an authenticator app and recovery codes."""
    sam = person("sam@example.com")
    TOTP.activate(sam, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(sam)
    return sam


@pytest.fixture
def browser(client, sam):
    """A browser in which Sam is signed in."""
    client.force_login(sam)
    return client


def security(browser):
    """Return the page as Sam sees it."""
    return browser.get(SECURITY).content.decode()


def test_an_app_is_shown_with_the_day_it_was_added(browser):
    page = security(browser)

    assert "Remove the app" in page
    assert 'Added <time datetime="' in page


def test_an_app_is_shown_with_when_it_was_last_used(browser, sam):
    sam.authenticator_set.get(type="totp").record_usage()

    assert 'last used <time datetime="' in security(browser)


def test_recovery_codes_that_are_left_are_counted(browser):
    assert "10 codes are left" in security(browser)
