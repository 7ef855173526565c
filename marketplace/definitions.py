"""Whether a price definition can stand in a price book: for something sold, and worth something."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from marketplace import ports
from marketplace.errors import UnknownDimension, UnratablePrice
from marketplace.models import OtherPart, ServiceTier, TokenPart
from marketplace.models.prices import TWELFTH_DECIMAL, dearest_per_token

#: Nobody sells a token for more than this, nor an hour of a GPU: a slip of the finger.
HIGHEST: dict[str, Decimal] = {
    OtherPart.GPU_HOURS: Decimal(100_000),
    OtherPart.REQUESTS: Decimal(10_000),
}
HIGHEST_PER_TOKEN = Decimal(1)
PARTS = frozenset([*TokenPart.values, *OtherPart.values])
SHAPES = ("per_unit", "graduated", "volume", "package")


def check(part: str, tier: str, definition: Mapping[str, Any]) -> None:
    """Refuse what cannot be rated, with the field and the reason."""
    if part not in PARTS:
        raise UnknownDimension(
            field_errors={"token_part": [_("Unknown: %(word)s") % {"word": part}]}
        )
    if tier not in ServiceTier.values:
        raise UnknownDimension(
            field_errors={"service_tier": [_("Unknown: %(word)s") % {"word": tier}]}
        )
    if fault := ports.rater.fault(part, definition):
        field, reason = fault
        raise _refusal(part, f"{field}: {reason}")
    if definition["model"] not in SHAPES:
        raise _refusal(
            part, "model: " + _("must be one of %(words)s") % {"words": ", ".join(SHAPES)}
        )
    unit = dearest_per_token(dict(definition))
    if not unit:
        # What is given away is a credit or a free quantity: those are seen, a zero is overlooked.
        raise _refusal(part, _("comes to nothing: a price is more than zero"))
    if unit > HIGHEST.get(part, HIGHEST_PER_TOKEN):
        raise _refusal(part, _("is absurdly high for one unit"))
    if unit != unit.quantize(TWELFTH_DECIMAL):
        raise _refusal(part, _("has more than twelve decimals"))


def _refusal(part: str, sentence: str) -> UnratablePrice:
    return UnratablePrice(field_errors={part: [sentence]})
