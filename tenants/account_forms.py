"""allauth's forms in our words, and as password managers understand them."""

from typing import Any

from allauth.account import forms
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django.forms import Field
from django.utils.translation import gettext_lazy as _


def _ask_for_address(field: Field) -> None:
    """Ask by a label alone, the same on every form."""
    field.label = _("E-mail address")
    field.widget.attrs.pop("placeholder", None)


class LoginForm(forms.LoginForm):  # type: ignore[misc]
    """Address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_for_address(self.fields["login"])
        self.fields["login"].widget.attrs["autocomplete"] = "username"
        self.fields["password"].help_text = ""
        self.fields["remember"].label = _("Keep me signed in on this device")


class SignupForm(forms.SignupForm):  # type: ignore[misc]
    """The address, and a password where no passkey is made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_for_address(self.fields["email"])
        if "password1" in self.fields:
            self.fields["password1"].help_text = _(
                "At least 12 characters. A sentence is easier to remember than a riddle."
            )


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """One more passkey; it opens the door by itself unless somebody says otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        field = self.fields["passwordless"]
        field.initial = True
        field.label = _("Sign in with this passkey alone")
        field.help_text = _(
            "The device asks for a fingerprint, your face or its PIN. Untick it for a security key"
            " that has none of these: it is then asked for after your password."
        )


class _AddressForm:
    """Any form that asks for an address."""

    fields: dict[str, Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_for_address(self.fields["email"])


class AddEmailForm(_AddressForm, forms.AddEmailForm):  # type: ignore[misc]
    """Another address of one's own."""


class ChangeEmailForm(_AddressForm, forms.ChangeEmailForm):  # type: ignore[misc]
    """The right address, when the code went to a wrong one."""


class RequestLoginCodeForm(_AddressForm, forms.RequestLoginCodeForm):  # type: ignore[misc]
    """Where the code to sign in with goes."""


class ResetPasswordForm(_AddressForm, forms.ResetPasswordForm):  # type: ignore[misc]
    """Whose password is forgotten."""
