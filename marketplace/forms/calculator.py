"""What readers reckon with: requests of a size, and a budget."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms.fields import Amount, Whole
from marketplace.listing import Entry

#: What a reader may ask at most.
MOST_REQUESTS, MOST_TOKENS, MOST_MONEY = 1_000_000_000, 10_000_000, 1_000_000_000
USUAL: dict[str, Any] = {"requests": 2000, "input": 800, "output": 300, "budget": Decimal(100)}


def _whole(label: Any, most: int) -> Whole:
    attrs = {"class": "form-control", "inputmode": "numeric"}
    return Whole(
        label=label,
        min_value=0,
        max_value=most,
        widget=forms.NumberInput(attrs=attrs),
        required=False,
    )


class CalculatorForm(forms.Form):
    """All of it stands in the address; what is left out is as usual."""

    offer = forms.ChoiceField(
        label=_("Model"), required=False, widget=forms.Select(attrs={"class": "form-select"})
    )
    requests = _whole(_("Requests a day"), MOST_REQUESTS)
    input = _whole(_("Input tokens each"), MOST_TOKENS)
    output = _whole(_("Output tokens each"), MOST_TOKENS)
    budget = Amount(label=_("Your budget"), min_value=0, max_value=MOST_MONEY, required=False)

    def __init__(
        self, address: Mapping[str, str], *, entries: Sequence[Entry], first: Entry
    ) -> None:
        self.usual = {**USUAL, "offer": first.api_name}
        asked = {name: address[name] for name in self.usual if address.get(name, "") != ""}
        super().__init__({**self.usual, **asked}, auto_id="calc-%s")
        field = self.fields["offer"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared as one
        field.choices = [(it.api_name, it.name) for it in entries]
        self.fields["budget"].widget.attrs["class"] = "form-control"

    def wish(self) -> dict[str, Any]:
        """Return what was asked; the usual in place of what makes no sense, which the page names."""
        self.is_valid()
        return {**self.usual, **self.cleaned_data}
