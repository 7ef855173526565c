"""Signing up and in by passkey, with the authenticator of a device."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)


def test_a_passkey_made_at_sign_up_signs_in_again(window):
    page = window()
    steps.plug_in_authenticator(page)

    steps.sign_up_by_passkey(page, "petra@passkeys.example")
    slug = steps.found(page, "Passkeys")
    steps.sign_out(page)
    page.goto("/accounts/login/")
    take_picture(page, "passkey-sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page).to_have_url(re.compile(f"/o/{slug}/$"))


def test_a_device_without_the_passkey_gets_nowhere(window):
    page = window()
    steps.plug_in_authenticator(page)

    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("The passkey was not accepted")).to_be_visible()
    page.goto("/organizations/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
