"""What people choose in the catalogue."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms.words import FEATURES, LANGUAGES, MODALITIES
from marketplace.listing import Entry
from marketplace.models.catalogue import SERVED

ANY = ("", _("Any"))
CONTEXTS = (ANY, ("32000", "32 k"), ("128000", "128 k"), ("1000000", "1 M"))
PRICES = (ANY, ("0.10", "0.10"), ("0.50", "0.50"), ("1", "1.00"), ("5", "5.00"))
SORTS = (
    ("", _("Best match")),
    ("name", _("Name")),
    ("price", _("Input price, cheapest first")),
    ("answers", _("Output price, cheapest first")),
    ("context", _("Context, longest first")),
    ("latency", _("First token, fastest first")),
    ("speed", _("Tokens a second, most first")),
    ("newest", _("Newest first")),
)


def _choice(label: Any, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=False)


class FilterForm(forms.Form):
    """The catalogue's filters; all of them stand in the address."""

    q = forms.CharField(
        label=_("Search"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    kind = _choice(_("Kind"), [ANY, *((it.value, it.label) for it in SERVED)])
    region = _choice(_("Region"), [ANY])
    publisher = _choice(_("Publisher"), [ANY])
    licence = _choice(_("Licence"), [ANY])
    language = _choice(_("Language"), [ANY, *LANGUAGES])
    modality = _choice(_("Modality"), [ANY, *MODALITIES])
    context = forms.TypedChoiceField(
        label=_("Context, at least"),
        choices=CONTEXTS,
        coerce=int,
        empty_value=None,
        required=False,
    )
    price = forms.TypedChoiceField(
        label=_("Input price, at most"),
        choices=PRICES,
        coerce=Decimal,
        empty_value=None,
        required=False,
    )
    features = forms.MultipleChoiceField(
        label=_("Features"),
        choices=FEATURES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    sort = _choice(_("Sort by"), SORTS)

    def __init__(self, *args: Any, entries: Sequence[Entry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        regions = {it.offer.region_id: it.region for it in entries}
        publishers = {it.model.publisher.slug: it.publisher for it in entries}
        licences = {it.model.licence: it.model.licence for it in entries if it.model.licence}
        for name, found in {
            "region": regions,
            "publisher": publishers,
            "licence": licences,
        }.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared as one
            field.choices = [ANY, *sorted(found.items(), key=lambda pair: pair[1])]
        sort = self.fields["sort"]
        assert isinstance(sort, forms.ChoiceField)  # noqa: S101 - declared as one
        if not str(self.data.get("q", "")).strip():
            # Nothing is looked for, so nothing fits best: models stand by name.
            sort.choices = [("", SORTS[1][1]), *SORTS[2:]]
            if self.data.get("sort") == SORTS[1][0]:
                sort.choices = SORTS[1:]

    def facts(self) -> dict[str, Any]:
        """Return the filters that make sense; the others are named beside their fields."""
        self.is_valid()
        return self.cleaned_data
