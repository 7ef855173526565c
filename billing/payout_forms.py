"""What people may type about money that no invoice asks for."""

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.models import Payout, Surplus

IBAN = _("IBAN, where a bank transfer has to carry it")


class WishForm(forms.Form):
    """What the customer wants done with it."""

    wish = forms.ChoiceField(
        choices=[
            (Surplus.Wish.INVOICES, Surplus.Wish.INVOICES.label),
            (Surplus.Wish.PAY_BACK, Surplus.Wish.PAY_BACK.label),
        ]
    )
    iban = forms.CharField(label=IBAN, max_length=42, required=False)


class PayoutForm(forms.Form):
    """Which way it goes back, and why."""

    way = forms.ChoiceField(choices=Payout.Way)
    iban = forms.CharField(label=IBAN, max_length=42, required=False)
    words = forms.CharField(label=_("Reason"), max_length=1000)


class TransferredForm(forms.Form):
    """The bank's reference of a transfer that went out."""

    reference = forms.CharField(label=_("The bank's reference"), max_length=140)
