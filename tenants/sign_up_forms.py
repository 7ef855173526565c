"""What staff may type about who becomes a customer."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from tenants.limit_forms import LimitField
from tenants.models import SignUpPolicy
from tenants.services import sign_ups

#: Two labels at least: of ``com`` nobody is welcome or blocked.
DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
MOST_LINES = 1000


class NamesField(forms.CharField):
    """Domains, and e-mail addresses where they are taken, one a line."""

    def __init__(self, *, with_addresses: bool, **options: Any) -> None:
        self.with_addresses = with_addresses
        attributes = {"rows": 5, "dir": "ltr", "spellcheck": "false"}
        widget = forms.Textarea(attrs=attributes)
        super().__init__(required=False, max_length=60_000, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        """Show a list one a line."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Return the names as policies keep them; refuse each that is none."""
        lines = sign_ups.normalized(str(super().clean(value)).splitlines())
        if len(lines) > MOST_LINES:
            raise ValidationError(_("At most %(most)d lines."), params={"most": MOST_LINES})
        wrong = [line for line in lines if not self._is_name(line)]
        if wrong:
            sentence = (
                _("“%(line)s” is neither a domain nor an e-mail address.")
                if self.with_addresses
                else _("“%(line)s” is no domain. Write it like example.com.")
            )
            raise ValidationError([ValidationError(sentence, params={"line": it}) for it in wrong])
        return lines

    def _is_name(self, line: str) -> bool:
        if "@" not in line:
            return DOMAIN.fullmatch(line) is not None
        try:
            validate_email(line)
        except ValidationError:
            return False
        return self.with_addresses and len(line) <= LONGEST


#: What the column holds.
LONGEST = 254


class PolicyForm(forms.Form):
    """Who may sign up from now on, and on which first limits."""

    #: The policy that was read; another one may have come meanwhile.
    after = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    way = forms.ChoiceField(
        label=_("Who may found an organization"),
        choices=SignUpPolicy.Way.choices,
        widget=forms.RadioSelect,
    )
    welcome = NamesField(
        with_addresses=True,
        label=_("Who is welcome without asking"),
        help_text=_(
            "Domains, with all below them, and single addresses; one a line. They wait for nobody,"
            " once their address is confirmed."
        ),
    )
    blocked = NamesField(
        with_addresses=False,
        label=_("Blocked domains"),
        help_text=_(
            "With all below them; one a line. For throw-away addresses: they found nothing."
        ),
    )
    first_rpm = LimitField(
        label=_("First requests per minute"),
        help_text=_(
            "Of all keys together, until the first purchase or contract. Empty means no limit."
        ),
    )
    first_tpm = LimitField(label=_("First tokens per minute"))
    first_concurrency = LimitField(label=_("First calls at the same time"))

    def facts(self) -> dict[str, Any]:
        """Return what the policy says."""
        return dict(self.cleaned_data)


class RefusalForm(forms.Form):
    """Why an organization is not let in."""

    reason = forms.CharField(
        label=_("Why"),
        max_length=500,
        help_text=_("The applicant reads it, on their page and in their mail."),
        widget=forms.Textarea({"rows": 3, "dir": "auto"}),
    )
