"""What staff types about the cost of GPUs."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.contract_forms import DAY
from marketplace.forms.fields import Amount
from marketplace.models import Offer, PriceBook
from marketplace.queries import DEFAULT_CURRENCY


class GpuCostForm(forms.Form):
    """How many GPUs a model holds from a day on, and what each costs."""

    offer = forms.ModelChoiceField(Offer.objects.none(), label=_("Model"))
    starts_on = forms.DateField(
        label=_("First day"),
        widget=DAY,
        help_text=_("It holds until the next one of the model begins. Days are UTC's."),
    )
    gpus = Amount(
        label=_("GPUs"),
        max_digits=10,
        decimal_places=3,
        help_text=_("A part of one where models share it, such as 0.5; 0 when it holds none."),
    )
    per_hour = Amount(label=_("Cost of a GPU an hour"), max_digits=12, decimal_places=6)
    currency = forms.ChoiceField(label=_("Currency"))
    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, help_text=_("Where the numbers are from.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["offer"].queryset = Offer.objects.order_by("name")  # type: ignore[attr-defined]
        books = PriceBook.objects.order_by("currency").values_list("currency", flat=True)
        known = dict.fromkeys([DEFAULT_CURRENCY, *books])
        self.fields["currency"].choices = [(it, it) for it in known]  # type: ignore[attr-defined]
