"""What staff types about contracts and purchase orders."""

from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.forms.models import construct_instance
from django.utils.translation import gettext_lazy as _

from billing.models import Contract
from billing.stages import Stages, read
from common.errors import DomainError
from marketplace.forms.fields import Amount
from marketplace.models import PriceBook

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
FIELDS = (
    "number", "starts_on", "ends_on", "time_zone", "price_book", "commitment", "overage",
    "credit_limit", "net_days", "grace_days", "late_days", "tax_treatment", "collection", "dunning",
    "recipients",
)  # fmt: skip


def read_stages(text: str) -> Stages | None:
    """Return the stages that somebody wrote, or say what is wrong with them."""
    try:
        return read(text)
    except DomainError as refusal:
        raise forms.ValidationError([str(it) for it in refusal.field_errors["stages"]]) from None


class StagesForm(forms.Form):
    """The operator's usual stages."""

    stages = forms.CharField(
        label=_("Usual stages"),
        widget=forms.Textarea(attrs={"rows": 5, "dir": "ltr"}),
        help_text=_(
            "One a line: days after the due date, then mail, restrict or suspend. "
            "“none”: nothing is done."
        ),
    )

    def clean_stages(self) -> Stages | None:
        """Return the stages that were written."""
        return read_stages(self.cleaned_data["stages"])


class ContractForm(forms.ModelForm[Contract]):
    """The terms of one customer; the service says which of them go together."""

    commitment = Amount(label=_("Commitment a month"), min_value=0, max_digits=20, decimal_places=2)
    credit_limit = Amount(label=_("Credit limit"), min_value=0, max_digits=20, decimal_places=2)

    dunning = forms.CharField(
        label=_("When invoices are not paid in time"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "ltr"}),
        help_text=_(
            "One stage a line: days after the due date, then mail, restrict or suspend. "
            "Empty: the operator's usual stages. “none”: nothing is done."
        ),
    )
    recipients = SimpleArrayField(
        forms.EmailField(),
        delimiter="\n",
        label=_("Invoices go to"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One address a line. Empty: the customer's billing addresses."),
    )

    class Meta:
        model = Contract
        fields = FIELDS
        widgets = {"starts_on": DAY, "ends_on": DAY}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organization = self.instance.organization
        books = PriceBook.objects.filter(currency=organization.currency, customer_group=None)
        own = books.filter(organization=organization) | books.filter(organization=None)
        self.fields["price_book"].queryset = own  # type: ignore[attr-defined]

    def clean_dunning(self) -> Stages | None:
        """Return the stages that were written."""
        return read_stages(self.cleaned_data["dunning"])

    def _post_clean(self) -> None:
        """Fill the instance only: the service validates, and a clash is its to tell."""
        self.instance = construct_instance(self, self.instance, self._meta.fields)

    def facts(self) -> dict[str, Any]:
        """Return the terms by name."""
        return {name: self.cleaned_data[name] for name in FIELDS}


class OrderForm(forms.Form):
    """A purchase order of the customer's."""

    number = forms.CharField(label=_("Number"), max_length=60)
    amount = Amount(label=_("Amount, without tax"), max_digits=20, decimal_places=2)
    starts_on = forms.DateField(label=_("First day"), widget=DAY)
    lapses_on = forms.DateField(
        label=_("Lapses on"), widget=DAY, help_text=_("The end of their fiscal year.")
    )
