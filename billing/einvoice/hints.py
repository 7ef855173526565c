"""What a rule of EN 16931 asks for, in the words of people who are not its authors."""

import re

from django.utils.translation import gettext_noop as _

#: The first that matches says it; the rule's own words stand beside it.
HINTS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"BR-(AE|IC|G|O)-0[2-4]",
            _("This tax needs the VAT numbers of both sides; one is missing."),
        ),
        (r"BR-(S|Z|E)-0[2-4]|BR-CO-26", _("The legal entity has no VAT number.")),
        (r"BR-0[689]$", _("The name or the address of the legal entity is incomplete.")),
        (r"BR-(07|10|11)$", _("The name or the address of the customer is incomplete.")),
        (r"BR-CO-09", _("A VAT number does not begin with the letters of its country.")),
        (r"BR-(50|61)$", _("The account for transfers is missing or wrong.")),
        (r"BR-(S|Z|E|AE)-10|BR-(E|AE)-05", _("The reason why no VAT is asked for is missing.")),
        (r"BR-CO-1|BR-S-0[89]|BR-DEC", _("The sums do not agree with each other.")),
        (r"BR-CL", _("A country, a currency or a unit is not on the official list.")),
        (r"XML", _("A text does not fit into the form of an electronic invoice.")),
    )
)


def plain(code: str) -> str:
    """Return what the rule asks for; empty where only its own words say it."""
    return next((words for pattern, words in HINTS if pattern.match(code)), "")
