"""What staff types about price books."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace import price_words
from marketplace.forms import fields
from marketplace.forms.prices import FURTHEST
from marketplace.models import PRICED_PARTS, CustomerGroup, Offer, ServiceTier
from tenants.models import Organization

LARGEST_FILE = 2_000_000
CONTRACT, GROUP, CUSTOMER = "contract", "group", "customer"
AUDIENCES = (
    (GROUP, _("A group of customers")),
    (CUSTOMER, _("One customer")),
    (CONTRACT, _("Those whose contract names it")),
)


class CustomerField(forms.CharField):
    """A customer, by the address behind ``/o/``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "label": _("Customer"),
                "max_length": 60,
                "help_text": _("The address after /o/, such as northwind-ai."),
                **options,
            }
        )

    def clean(self, value: Any) -> Any:
        """Return the organization that has the address."""
        slug = super().clean(value)
        if not slug:
            return None
        found = Organization.objects.filter(slug=slug.strip()).first()
        if found is None:
            raise forms.ValidationError(_("There is no customer with this address."))
        return found


class AudienceForm(forms.Form):
    """Whom a book is for."""

    audience = forms.ChoiceField(label=_("For"), choices=AUDIENCES, widget=forms.RadioSelect)
    group = forms.ModelChoiceField(
        label=_("Group"), queryset=CustomerGroup.objects.none(), required=False
    )
    organization = CustomerField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].queryset = CustomerGroup.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for whom it is to be, and keep nothing else."""
        cleaned = super().clean() or self.cleaned_data
        audience = cleaned.get("audience")
        for name, wanted in (("group", GROUP), ("organization", CUSTOMER)):
            if audience != wanted:
                cleaned[name] = None
                self.errors.pop(name, None)
            elif cleaned.get(name) is None and name not in self.errors:
                self.add_error(name, _("Say which."))
        return cleaned

    def whom(self) -> dict[str, Any]:
        """Return the customer or the group."""
        return {name: self.cleaned_data[name] for name in ("organization", "group")}


class BookForm(AudienceForm):
    """A new book."""

    name = forms.CharField(label=_("Name"), max_length=100)
    code = forms.SlugField(
        label=_("Code"), max_length=40, help_text=_("In exports and the API; it never changes.")
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}\Z", label=_("Currency"), help_text=_("Three letters, such as EUR.")
    )
    field_order = ("name", "code", "currency", "audience", "group", "organization")


class DraftForm(forms.Form):
    """Why there is a new version."""

    note = forms.CharField(label=_("What changes and why"), max_length=200, required=False)


class PublishForm(forms.Form):
    """From when on a version holds."""

    effective_from = fields.Moment(
        label=_("From (UTC)"),
        required=False,
        help_text=_("Empty means now. Usage before this time keeps the price it had."),
    )

    def clean_effective_from(self) -> datetime | None:
        """Refuse a mistyped year."""
        begins: datetime | None = self.cleaned_data["effective_from"]
        if begins is not None and begins > timezone.now() + FURTHEST:
            raise forms.ValidationError(_("A price is set three years ahead at most."))
        return begins


class PlaceForm(forms.Form):
    """Which price of a draft is meant."""

    offer = forms.ModelChoiceField(label=_("Model"), queryset=Offer.objects.none())
    part = forms.ChoiceField(label=_("What is priced"), choices=PRICED_PARTS)
    tier = forms.ChoiceField(label=_("Service tier"), choices=ServiceTier.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["offer"].queryset = Offer.objects.all()  # type: ignore[attr-defined]


class Definition(forms.JSONField):
    """A price definition as it is written: over several lines, and nothing where there is none."""

    def prepare_value(self, value: Any) -> Any:
        """Return what the form shows; what could not be read stays as it was typed."""
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)


class DraftPriceForm(PlaceForm):
    """One price of a draft: an amount, or a definition for all that is not plain."""

    amount = fields.Amount(
        label=_("Price"),
        required=False,
        max_digits=18,
        decimal_places=12,
        help_text=_("Per million tokens; requests and GPU hours each. Excluding tax."),
    )
    definition = Definition(
        label=_("Or a price definition"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "dir": "ltr"}),
        help_text=_("For tiers, packages, minimums and the like, in JSON."),
    )

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        cleaned = super().clean() or self.cleaned_data
        amount, definition = cleaned.get("amount"), cleaned.get("definition")
        if not self.errors and (amount is None) == (definition is None):
            self.add_error("amount", _("Give a price, or a definition: one of the two."))
        return cleaned

    def price(self) -> dict[str, Any]:
        """Return the definition that was given, or the one that the amount means."""
        facts = self.cleaned_data
        if facts["amount"] is None:
            return facts["definition"] if isinstance(facts["definition"], dict) else {}
        unit: Decimal = facts["amount"] / price_words.size(facts["part"])
        return {"model": "per_unit", "unit_amount": f"{unit.normalize():f}"}


def shown(part: str, definition: Any) -> dict[str, Any]:
    """Return what the form begins with for a price that is there."""
    if definition is None:
        return {}
    if set(definition) == {"model", "unit_amount"}:
        amount = Decimal(definition["unit_amount"]) * price_words.size(part)
        return {"amount": f"{amount.normalize():f}"}
    return {"definition": definition}


class AdjustForm(forms.Form):
    """A percentage on all prices of a draft, or on some of them."""

    percent = fields.Amount(
        label=_("Change in %"),
        max_digits=8,
        decimal_places=4,
        help_text=_("-10 makes prices a tenth cheaper."),
    )
    offer = forms.ModelChoiceField(
        label=_("Model"),
        queryset=Offer.objects.none(),
        required=False,
        empty_label=_("All"),
    )
    part = forms.ChoiceField(
        label=_("What is priced"), choices=[("", _("All")), *PRICED_PARTS], required=False
    )
    tier = forms.ChoiceField(
        label=_("Service tier"), choices=[("", _("All")), *ServiceTier.choices], required=False
    )

    def __init__(self, *args: Any, offers: Sequence[uuid.UUID] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drafted = Offer.objects.filter(pk__in=offers)
        self.fields["offer"].queryset = drafted  # type: ignore[attr-defined]

    def filters(self) -> dict[str, Any]:
        """Return what the prices must be like."""
        facts = self.cleaned_data
        names = (("offers", "offer"), ("parts", "part"), ("tiers", "tier"))
        return {plural: [facts[name]] if facts[name] else [] for plural, name in names}


class PriceFileForm(forms.Form):
    """A draft's prices from a file."""

    file = forms.FileField(
        label=_("Prices"),
        help_text=_("Comma-separated, as the export writes it. The file replaces the draft."),
    )

    def clean_file(self) -> Any:
        """Refuse what no price list is as large as."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("This file is larger than 2 MB."))
        return file


class GroupForm(forms.Form):
    """A new group of customers."""

    name = forms.CharField(label=_("Name"), max_length=100)
    code = forms.SlugField(label=_("Code"), max_length=40)


class MemberForm(forms.Form):
    """A customer who joins a group, and leaves any other."""

    organization = CustomerField()
