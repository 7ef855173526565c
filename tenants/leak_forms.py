"""What anybody types to report a key that they found."""

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants import keys

#: Of a file that is pasted whole; a key has 58 characters.
LONGEST_TEXT = 100_000
LONGEST_PLACE = 500
MOST_KEYS = 100


class LeakForm(forms.Form):
    """Text with keys in it, and where it was found."""

    text = forms.CharField(
        label=_("The keys"),
        max_length=LONGEST_TEXT,
        help_text=_("One or several, or the whole text in which they stand."),
        widget=forms.Textarea(
            attrs={"rows": 6, "dir": "ltr", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    found_at = forms.CharField(
        label=_("Where you found them"),
        max_length=LONGEST_PLACE,
        required=False,
        help_text=_(
            "An address or a sentence. Whoever owns the key reads it; who you are, nobody."
        ),
    )

    def clean_text(self) -> list[str]:
        """Return the keys in the text; refuse a text without any, or with too many."""
        found = keys.found_in(self.cleaned_data["text"])
        if not found:
            raise forms.ValidationError(
                _(
                    "There is no whole key in this text: one begins with “tsr_” and is some 58 "
                    "characters long. A part of a key, or one with a typo, opens nothing."
                )
            )
        if len(found) > MOST_KEYS:
            raise forms.ValidationError(
                _("There are %(count)d keys in this text; report %(most)d at a time at most."),
                params={"count": len(found), "most": MOST_KEYS},
            )
        return found
