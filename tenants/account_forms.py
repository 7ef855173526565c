"""allauth's forms in our words, and as password managers understand them."""

import re
from typing import Any

from allauth.account import forms
from allauth.core import context
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.forms import Field
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common.database import atomic
from common.errors import DomainError
from tenants.errors import InvitationUnusable
from tenants.models import SignUpPolicy
from tenants.services import invitations, sign_ups


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


#: Where the page of an invitation is, with its token.
INVITATION = re.compile(r"/invitations/([^/]+)/\Z")


class SignupForm(forms.SignupForm):  # type: ignore[misc]
    """The address, and a password where no passkey is made.

    Whom the operator takes is said of addresses alone, whether or not they have an account.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_for_address(self.fields["email"])
        if "password1" in self.fields:
            self.fields["password1"].help_text = _(
                "At least 12 characters. A sentence is easier to remember than a riddle."
            )

    @property
    def notice(self) -> StrOrPromise:
        """What to know before typing; empty where everybody may sign up, and for the invited."""
        if _is_invited():
            return ""
        return NOTICES.get(sign_ups.policy().way, "")

    def clean_email(self) -> str:
        """Refuse addresses with which nothing could be founded, unless they were invited."""
        address: str = super().clean_email()
        if not _is_invited():
            try:
                sign_ups.check_address(sign_ups.policy(), address)
            except DomainError as refusal:
                raise ValidationError(str(refusal.detail)) from refusal
        return address

    def try_save(self, request: HttpRequest) -> tuple[Any, Any]:
        """Make the account; a moment too late, answer as to anybody whose address has one.

        Two clicks come at once, and so do two who try an address: the form sees no account yet.
        """
        try:
            with atomic():
                return self._saved(request)
        except IntegrityError as error:
            if "email" not in str(error):
                raise
        self.account_already_exists = True
        return self._saved(request)

    def _saved(self, request: HttpRequest) -> tuple[Any, Any]:
        saved: tuple[Any, Any] = super().try_save(request)
        return saved


#: What whoever signs up reads first.
NOTICES: dict[str, StrOrPromise] = {
    SignUpPolicy.Way.APPROVAL: _(
        "Everybody may sign up. A person of the operator looks at each new organization before it"
        " can begin."
    ),
    SignUpPolicy.Way.INVITED: _(
        "Accounts are for who was invited. Open the link in your invitation, or use the address"
        " that the operator knows."
    ),
}


def _is_invited() -> bool:
    """Whether the page was reached by the link of an open invitation."""
    request = context.request
    onward = request.POST.get("next") or request.GET.get("next") or ""
    found = INVITATION.match(onward)
    if found is None:
        return False
    try:
        invitations.find(found[1])
    except InvitationUnusable:
        return False
    return True


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
