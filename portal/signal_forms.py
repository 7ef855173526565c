"""What staff types about signals of abuse."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms.fields import Amount
from tenants.models import AbuseSignal, ApiKey, Restriction

#: So long the same may be kept quiet.
MOST_DAYS = 90


class SignalFilter(forms.Form):
    """Which signals are listed; the words stand in the address."""

    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("All")), *AbuseSignal.Kind.choices]
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Nobody has decided")), ("decided", _("Decided"))],
    )
    q = forms.CharField(label=_("Customer"), required=False, max_length=100)


class DismissForm(forms.Form):
    """Why there is nothing to act upon, and for how long the same is kept quiet."""

    reason = forms.CharField(
        label=_("Why it is nothing"),
        max_length=250,
        help_text=_("For staff alone; the customer does not read it."),
    )
    quiet_days = forms.IntegerField(
        label=_("Days in which the same is not raised again"),
        initial=7,
        min_value=1,
        max_value=MOST_DAYS,
        help_text=_("It is raised all the same where it gets graver."),
    )


class ActForm(forms.Form):
    """What is done about it, all at once."""

    keys = forms.ModelMultipleChoiceField(
        ApiKey.objects.none(),
        label=_("Keys to revoke"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("They open nothing from then on; the customer is told by their audit log."),
    )
    level = forms.ChoiceField(
        label=_("Hold the customer to"),
        choices=[("", _("Nothing")), *Restriction.Level.choices],
        required=False,
        widget=forms.RadioSelect,
    )
    told = forms.CharField(
        label=_("What the customer reads about it"),
        max_length=250,
        required=False,
        help_text=_("Only where you hold them to something; it stands in their mail."),
    )
    reason = forms.CharField(
        label=_("What you did, and why"),
        max_length=250,
        help_text=_("For staff alone; the customer does not read it."),
    )

    def __init__(self, *args: Any, keys: list[ApiKey], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = ApiKey.objects.usable().filter(pk__in=[it.pk for it in keys])
        self.fields["keys"].queryset = usable  # type: ignore[attr-defined]
        if not any(it.state == "active" for it in keys):
            del self.fields["keys"]

    def clean(self) -> dict[str, Any]:
        """Ask for the customer's words where they are held to something."""
        facts: dict[str, Any] = self.cleaned_data
        if facts.get("level") and not facts.get("told"):
            self.add_error("told", _("Say what the customer reads."))
        return facts


class AlarmForm(forms.Form):
    """From which amounts on spend in a currency is worth a look."""

    hour = Amount(label=_("Spent in an hour"), max_digits=14, decimal_places=2)
    day = Amount(label=_("Spent in a day"), max_digits=14, decimal_places=2)
    new_account = Amount(
        label=_("Spent in a day by a new customer"),
        max_digits=14,
        decimal_places=2,
        help_text=_("New for fourteen days. Whoever is older is compared with themselves."),
    )
