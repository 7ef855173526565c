"""A price definition as people read it: amounts for what is priced, then what else it says."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from common.money import minor_digits
from common.templatetags.formats import SPACE, grouped, trimmed
from marketplace.models import OtherPart
from marketplace.models.prices import dearest_per_token

MILLION = Decimal(1_000_000)
#: What is priced one by one; all else is read per million.
SINGLE = frozenset({OtherPart.GPU_HOURS.value, OtherPart.REQUESTS.value})


def size(part: str) -> Decimal:
    """Return for how many units people read the price of a part."""
    return Decimal(1) if part in SINGLE else MILLION


def words(part: str, definition: Mapping[str, Any] | None, currency: str) -> list[str]:
    """Return the price in lines; the first says what it is, none where there is none."""
    if definition is None:
        return []
    return [*_shape(part, definition, currency), *_extras(definition, currency)]


def share(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Decimal | None:
    """Return by which share the dearest unit of the new price differs from the old one's."""
    if old is None or new is None:
        return None
    before = dearest_per_token(dict(old))
    return (dearest_per_token(dict(new)) - before) / before if before else None


def _shape(part: str, definition: Mapping[str, Any], currency: str) -> list[str]:
    match definition["model"]:
        case "per_unit":
            return [_amount(definition["unit_amount"], size(part), currency)]
        case "package":
            facts = {
                "amount": _amount(definition["package_amount"], Decimal(1), currency),
                "size": grouped(Decimal(definition["package_size"])),
            }
            return [_("%(amount)s for each %(size)s begun") % facts]
        case model:
            name = _("graduated") if model == "graduated" else _("by volume")
            return [name, *(_tier(part, it, currency) for it in definition["tiers"])]


def _tier(part: str, tier: Mapping[str, Any], currency: str) -> str:
    amount = _amount(tier.get("unit_amount", "0"), size(part), currency)
    if tier.get("package_size"):
        amount = _amount(tier.get("unit_amount", "0"), Decimal(1), currency)
        amount += " / " + grouped(Decimal(tier["package_size"]))
    if tier.get("flat_amount"):
        amount += " + " + _amount(tier["flat_amount"], Decimal(1), currency)
    if tier.get("up_to") is None:
        return _("beyond: %(amount)s") % {"amount": amount}
    bound = grouped(Decimal(tier["up_to"]))
    return _("up to %(bound)s: %(amount)s") % {"bound": bound, "amount": amount}


def _extras(definition: Mapping[str, Any], currency: str) -> list[str]:
    amounts = {
        "minimum_amount": _("at least %s a month"),
        "maximum_amount": _("at most %s a month"),
    }
    found = [
        sentence % _amount(definition[name], Decimal(1), currency)
        for name, sentence in amounts.items()
        if definition.get(name) is not None
    ]
    numbers = {"free_quantity": _("first %s free"), "discount_percent": _("%s %% off")}
    found += [
        sentence % grouped(trimmed(Decimal(definition[name]), 0))
        for name, sentence in numbers.items()
        if definition.get(name) is not None
    ]
    conditions = {
        "long_context": _("other for long prompts"),
        "time_of_day": _("other by the time of day"),
        "batch_multiplier": _("says what batches count"),
        "unit_conversion": _("in converted units"),
    }
    return found + [sentence for name, sentence in conditions.items() if definition.get(name)]


def _amount(amount: str, times: Decimal, currency: str) -> str:
    number = grouped(trimmed(Decimal(amount) * times, minor_digits(currency)))
    return f"{number}{SPACE}{currency}"
