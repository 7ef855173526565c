"""What a notice tells of prices that rise, as people read it: each part, from what to what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from common.languages import listed
from marketplace import price_words
from marketplace.comparison import LABELS
from marketplace.models import Notice, ServiceTier


@dataclass(frozen=True, slots=True)
class Line:
    """A part of the tokens, per million, or of requests each; before and after, in words."""

    label: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.label}: {self.before} → {self.after}"


def lines(notice: Notice) -> list[Line]:
    """Return what rises, in the currency of the customer, by what they pay by."""
    return [_line(facts, notice.currency) for facts in notice.prices]


def _line(facts: Mapping[str, Any], currency: str) -> Line:
    label = str(LABELS[facts["part"]])
    if facts["tier"] == ServiceTier.BATCH:
        label = _("%(part)s in batches") % {"part": label}
    before, after = (
        listed(price_words.words(facts["part"], facts[name], currency))
        for name in ("before", "after")
    )
    return Line(label, before or _("nothing"), after)
