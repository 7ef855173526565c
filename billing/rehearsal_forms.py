"""Which months staff want to see under other prices."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from billing import periods

#: How far back usage is rehearsed on.
OFFERED = 24


def months() -> Iterator[tuple[str, str]]:
    """Yield the months that can be chosen, this one first, as far as it has come."""
    period = periods.containing(timezone.now(), "UTC")
    for _number in range(OFFERED):
        yield period.label, formats.date_format(period.start, "F Y")
        period = periods.before(period, "UTC")


class RehearsalForm(forms.Form):
    """The first and the last month of usage to replay."""

    first_month = forms.ChoiceField(label=_("First month"))
    last_month = forms.ChoiceField(
        # The last of them, not the one before this: other languages have two words.
        label=capfirst(_("last month")),
        help_text=_("At most twelve months. Each is rated as a whole, as its invoice is."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = list(months())
        for name in ("first_month", "last_month"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
            self.fields[name].initial = choices[1][0]
