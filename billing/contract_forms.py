"""What staff types about contracts and purchase orders."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import QuerySet
from django.forms.models import construct_instance
from django.utils.translation import gettext_lazy as _

from billing.models import Contract, Plan
from billing.stages import Stages, read, written
from common.errors import DomainError
from common.money import round_to_minor
from marketplace.forms import fields
from marketplace.models import PriceBook

ZERO = Decimal(0)
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
TERMS = (
    "price_book", "commitment", "overage", "credit_limit", "net_days", "grace_days", "late_days",
    "tax_treatment", "collection", "dunning",
)  # fmt: skip
#: In the place of a plan's code it stands for the form.
RESERVED = "new"
MONEY = ("commitment", "credit_limit")
#: How long something takes, in days.
WHOLE = dict.fromkeys(("net_days", "grace_days", "late_days"), fields.Whole)
FIELDS = ("number", "starts_on", "ends_on", "time_zone", *TERMS, "recipients")


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


class TermsForm(forms.ModelForm[Any]):
    """What a plan and a contract have in common; the service says which of it goes together."""

    commitment = fields.money(_("Commitment a month"), least=ZERO, max_digits=20)
    credit_limit = fields.money(_("Credit limit"), least=ZERO, max_digits=20)

    dunning = forms.CharField(
        label=_("When invoices are not paid in time"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "ltr"}),
        help_text=_(
            "One stage a line: days after the due date, then mail, restrict or suspend. "
            "Empty: the operator's usual stages. “none”: nothing is done."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["dunning"] = written(self.instance.dunning)
        for name in MONEY:
            amount = getattr(self.instance, name)
            self.initial[name] = round_to_minor(amount, self.instance.currency)
        self.fields["price_book"].queryset = self.books()  # type: ignore[attr-defined]

    def books(self) -> QuerySet[PriceBook]:
        """Return the price books that can be named."""
        raise NotImplementedError

    def clean_dunning(self) -> Stages | None:
        """Return the stages that were written."""
        return read_stages(self.cleaned_data["dunning"])

    def clean(self) -> dict[str, Any]:
        """Refuse amounts finer than their currency."""
        cleaned = super().clean() or self.cleaned_data
        fields.check_fineness(self, cleaned.get("currency") or self.instance.currency, *MONEY)
        return cleaned

    def _post_clean(self) -> None:
        """Fill the instance only: the service validates, and a clash is its to tell."""
        self.instance = construct_instance(self, self.instance, self._meta.fields)

    def facts(self) -> dict[str, Any]:
        """Return what was typed, by name."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}


class ContractForm(TermsForm):
    """The terms of one customer."""

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
        field_classes = WHOLE
        widgets = {"starts_on": DAY, "ends_on": DAY}

    def books(self) -> QuerySet[PriceBook]:
        """Return the books of nobody in particular, and the customer's own."""
        organization = self.instance.organization
        books = PriceBook.objects.filter(currency=organization.currency, customer_group=None)
        return books.filter(organization=organization) | books.filter(organization=None)


class PlanForm(TermsForm):
    """A plan; what it says is copied when a contract is made of it."""

    class Meta:
        model = Plan
        fields = ("name", "code", "currency", *TERMS)
        field_classes = WHOLE
        help_texts = {"code": _("What programs call it, such as standard.")}

    currency = forms.ChoiceField(label=_("Currency"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        books = PriceBook.objects.order_by("currency").values_list("currency", flat=True)
        known = dict.fromkeys([self.instance.currency, *books])
        self.fields["currency"].choices = [(it, it) for it in known]  # type: ignore[attr-defined]
        for name in ("code", "currency"):
            self.fields[name].disabled = not self.instance._state.adding

    def clean_code(self) -> str:
        """Refuse the word that the address of the form for new ones takes."""
        code: str = self.cleaned_data["code"]
        if code == RESERVED:
            raise forms.ValidationError(_("This code is taken by the desk itself; use another."))
        return code

    def books(self) -> QuerySet[PriceBook]:
        """Return the books that are for nobody in particular."""
        return PriceBook.objects.filter(organization=None, customer_group=None)


class EndForm(forms.Form):
    """The end of a contract, and what follows."""

    ends_on = forms.DateField(
        label=_("Last day"), widget=DAY, help_text=_("Today or later, never in the past.")
    )
    followed_by = forms.ModelChoiceField(
        Plan.objects.none(),
        label=_("What follows"),
        required=False,
        empty_label=_("Prepaid credit at list prices"),
        help_text=_("The terms of a plan hold from the day after."),
    )
    words = forms.CharField(
        label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = Plan.objects.filter(is_offered=True, currency=currency)
        self.fields["followed_by"].queryset = offered  # type: ignore[attr-defined]


class OrderForm(forms.Form):
    """A purchase order of the customer's."""

    number = forms.CharField(label=_("Number"), max_length=60)
    amount = fields.money(_("Amount, without tax"), max_digits=20)
    starts_on = forms.DateField(label=_("First day"), widget=DAY)
    lapses_on = forms.DateField(
        label=_("Lapses on"), widget=DAY, help_text=_("The end of their fiscal year.")
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"].help_text = _("In %(currency)s.") % {"currency": currency}

    def clean(self) -> dict[str, Any]:
        """Refuse an amount finer than the customer's currency."""
        cleaned = super().clean() or self.cleaned_data
        fields.check_fineness(self, self.currency, "amount")
        return cleaned
