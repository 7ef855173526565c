"""Adding a passkey to one's account."""

from allauth.core import context
from django.test import RequestFactory

from tenants.account_forms import AddPasskeyForm


def test_a_passkey_that_is_added_signs_in_by_itself_unless_somebody_unticks_it(alice):
    with context.request_context(RequestFactory().get("/")):
        field = AddPasskeyForm(user=alice)["passwordless"]

    assert "checked" in str(field)
    assert field.label == "Sign in with this passkey alone"


def test_the_page_asks_with_our_form(settings):
    assert settings.MFA_FORMS["add_webauthn"] == "tenants.account_forms.AddPasskeyForm"
