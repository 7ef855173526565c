"""What we tell allauth about our people."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tenants import ports
from tenants.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Signs people in by address alone, and notes which terms they signed up to."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("The address or the password is not right."),
        "incorrect_code": _("This code is not right. Copy it from our newest message."),
        "too_many_login_attempts": _("Too many attempts. Wait five minutes, then try again."),
    }

    def get_from_email(self) -> str:
        """Write as the operator."""
        return ports.operator.face().sender

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Save the new person with the version of the terms that the sign-up page linked to."""
        user.terms_version = ports.operator.terms_version()
        saved: User = super().save_user(request, user, form, commit)
        return saved


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Names passkeys for people who do not."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right. Use the one your app shows now."),
    }

    def get_totp_issuer(self) -> str:
        """Name the operator in people's authenticator apps."""
        return ports.operator.face().name

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """Return the name a new passkey has until its owner gives it another."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("Passkey") if not count else gettext("Passkey %(n)s") % {"n": count + 1}
