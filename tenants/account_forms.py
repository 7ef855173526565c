"""allauth's forms in our words, and as password managers understand them."""

from typing import Any

from allauth.account import forms
from django.utils.translation import gettext_lazy as _


class LoginForm(forms.LoginForm):  # type: ignore[misc]
    """Address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        self.fields["login"].widget.attrs["autocomplete"] = "username"
        self.fields["password"].help_text = ""
        self.fields["remember"].label = _("Keep me signed in on this device")


class SignupForm(forms.SignupForm):  # type: ignore[misc]
    """The address, and a password where no passkey is made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")
        if "password1" in self.fields:
            self.fields["password1"].help_text = _(
                "At least 12 characters. A sentence is easier to remember than a riddle."
            )
