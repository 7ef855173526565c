"""From which amounts on spend in a currency is worth a look: what staff set, or what stands in for it.

A currency that nobody has set follows the amounts of the one the catalogue is priced in first. How
many units of it make one of that, the operator's own prices say: no rate comes from outside.
"""

from collections.abc import Iterable
from decimal import ROUND_UP, Decimal
from statistics import median

from django.utils import timezone
from django.utils.translation import gettext as _

from billing.errors import AlarmOutOfBounds
from billing.models import SpendAlarm
from common.database import atomic
from common.money import minor_digits
from marketplace.models import OtherPart, Price, PriceBook
from marketplace.queries import DEFAULT_CURRENCY
from tenants.models import User
from tenants.services import audit

AMOUNTS = ("hour", "day", "new_account")
MOST = SpendAlarm.MOST
ONE = Decimal(1)


def currencies() -> list[str]:
    """Return the currencies that something is sold in, or was set for; the usual one first."""
    books = PriceBook.objects.order_by("currency").values_list("currency", flat=True)
    kept = SpendAlarm.objects.values_list("currency", flat=True)
    return list(dict.fromkeys([DEFAULT_CURRENCY, *books, *kept]))


def of(currency: str) -> SpendAlarm:
    """Return the amounts of a currency; ``is_set`` where staff wrote them."""
    return of_all([currency])[currency]


def of_all(currencies: Iterable[str]) -> dict[str, SpendAlarm]:
    """Return the amounts of each of these currencies."""
    asked = list(dict.fromkeys(currencies))
    kept = {
        it.currency: it for it in SpendAlarm.objects.filter(currency__in=[*asked, DEFAULT_CURRENCY])
    }
    base = kept.get(DEFAULT_CURRENCY) or SpendAlarm(currency=DEFAULT_CURRENCY)
    missing = [it for it in asked if it not in kept and it != DEFAULT_CURRENCY]
    units = _units(missing) if missing else {}
    stand_ins = {it: _times(base, units.get(it, ONE), it) for it in missing}
    return {it: kept.get(it) or stand_ins.get(it) or base for it in asked}


def _units(currencies: list[str]) -> dict[str, Decimal]:
    """Return how many units of each currency are asked for what one unit of the usual one buys.

    The median over all that is priced in both; of what is priced in neither nothing is known.
    """
    priced = Price.objects.standard().in_force(timezone.now())
    priced = priced.exclude(token_part__in=OtherPart.values)
    base = {(it.offer_id, it.token_part): it.per_token for it in priced.listed(DEFAULT_CURRENCY)}
    ratios: dict[str, list[Decimal]] = {}
    for price in priced.filter(book__currency__in=currencies).select_related("book"):
        usual = base.get((price.offer_id, price.token_part))
        if usual and price.per_token:
            ratios.setdefault(price.book.currency, []).append(price.per_token / usual)
    return {currency: median(found) for currency, found in ratios.items()}


def _times(base: SpendAlarm, units: Decimal, currency: str) -> SpendAlarm:
    amounts = {name: _plain(getattr(base, name) * units) for name in AMOUNTS}
    return SpendAlarm(currency=currency, **amounts)


def _plain(amount: Decimal) -> Decimal:
    """Return the amount up to its first digit, as people set amounts: 27,311 is 30,000."""
    step = ONE.scaleb(amount.adjusted())
    return min(max((amount / step).quantize(ONE, ROUND_UP) * step, Decimal("0.01")), MOST)


@atomic()
def set_for(currency: str, *, by: User, hour: Decimal, day: Decimal, new_account: Decimal) -> None:
    """Set from which amounts on spend in a currency is worth a look; the same again says nothing."""
    amounts = {"hour": hour, "day": day, "new_account": new_account}
    _check(amounts, currency)
    made, is_new = SpendAlarm.objects.get_or_create(currency=currency, defaults=amounts)
    kept = SpendAlarm.objects.locked(made.pk)
    before = None if is_new else {name: getattr(kept, name) for name in AMOUNTS}
    if before == amounts:
        return
    for name, amount in amounts.items():
        setattr(kept, name, amount)
    kept.save()
    audit.record(
        organization=None,
        actor=by,
        action="spend_alarm.set",
        target=kept,
        before=before,
        after={"currency": currency, **amounts},
    )


def _check(amounts: dict[str, Decimal], currency: str) -> None:
    digits = minor_digits(currency)
    finer = _("%(currency)s has %(digits)d decimals at most.")
    errors = {
        name: [_("Accepted is an amount above nought, up to %(most)s.") % {"most": f"{MOST:,f}"}]
        for name, amount in amounts.items()
        if not 0 < amount <= MOST
    }
    for name, amount in amounts.items():
        if name not in errors and amount != round(amount, digits):
            errors[name] = [finer % {"currency": currency, "digits": digits}]
    if not errors and amounts["hour"] > amounts["day"]:
        errors["hour"] = [_("An hour's amount is that of a day at most.")]
    if errors:
        raise AlarmOutOfBounds(field_errors=errors)
