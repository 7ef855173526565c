"""What people may type about alerts and automatic top-up."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.budget_forms import MOST
from marketplace.forms import fields
from marketplace.models import Bundle, GrantUnit
from tenants.models import Organization


class AlertForm(forms.Form):
    """Below which balance people are told."""

    alert_below = fields.money(
        _("Tell us when less than this is left"),
        required=False,
        max_value=MOST,
        help_text=_("Empty: you are only told when it is used up. By e-mail and by webhook."),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean(self) -> dict[str, Any]:
        """Refuse a level finer than the currency."""
        cleaned = super().clean() or self.cleaned_data
        fields.check_fineness(self, self.currency, "alert_below")
        return cleaned


class PayingForm(forms.Form):
    """Whether invoices are paid by themselves."""

    is_automatic = forms.BooleanField(
        label=_("Pay invoices automatically"),
        required=False,
        help_text=_(
            "Each invoice is charged to the payment method above as soon as it is issued. "
            "What you dispute is not charged."
        ),
    )


class RuleForm(forms.Form):
    """Which bundle is bought by itself, and within which bounds."""

    is_on = forms.BooleanField(label=_("Buy a bundle when the balance gets low"), required=False)
    below = fields.money(
        _("When less than this is left"),
        max_value=MOST,
        help_text=_("Of money, net. Tokens are not counted."),
    )
    bundle = forms.ModelChoiceField(
        label=_("Bundle"), queryset=Bundle.objects.none(), empty_label=_("Choose a bundle")
    )
    monthly_cap = fields.money(
        _("At most in a month"),
        max_value=MOST,
        help_text=_("With tax. What would pass it is not bought, and you are told."),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["bundle"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
        field.queryset = Bundle.objects.filter(
            is_active=True, currency=organization.currency, grant_unit=GrantUnit.MONEY
        )
        self.currency = organization.currency

    def clean(self) -> dict[str, Any]:
        """Refuse bounds finer than the currency."""
        cleaned = super().clean() or self.cleaned_data
        fields.check_fineness(self, self.currency, "below", "monthly_cap")
        return cleaned
