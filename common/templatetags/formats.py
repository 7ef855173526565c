"""How numbers, amounts and times read on a page.

Digits are grouped by a narrow no-break space, which no language mistakes for a decimal mark; the
decimal mark is the active language's. What is shortened keeps its exact value in the title, in
the ``value`` of ``<data>`` and for screen readers.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Protocol

from django import template
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_bidi, gettext, ngettext, pgettext

from common import languages
from common.money import minor_digits

register = template.Library()

GROUP = "\N{NARROW NO-BREAK SPACE}"
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EM DASH}"
MARK = "\N{LEFT-TO-RIGHT MARK}"
LESS, MORE = f"<{SPACE}", f">{SPACE}"
MILLION = 1_000_000
#: Seconds of one.
HOUR = 3600
#: From here on a count of tokens is shortened.
COMPACT_FROM = 10_000


class Amount(Protocol):
    """Anything with an amount and a currency, ``Money`` above all."""

    @property
    def amount(self) -> Decimal:
        """How much."""

    @property
    def currency(self) -> str:
        """ISO 4217 code."""


def grouped(number: Decimal | int) -> str:
    """Write a number in full: ``1 240 500`` or with a true minus sign, never in scientific notation."""
    whole, _, decimals = f"{abs(Decimal(number)):,f}".partition(".")
    sign = MINUS if number < 0 else ""
    mark = str(formats.get_format("DECIMAL_SEPARATOR")) if decimals else ""
    return sign + whole.replace(",", GROUP) + mark + decimals


def rounded(number: Decimal, digits: int) -> Decimal:
    """Round half up to so many decimals."""
    return number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def trimmed(number: Decimal, at_least: int) -> Decimal:
    """Keep every decimal that says something, and at least so many."""
    exponent = number.normalize().as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    return rounded(number, max(at_least, decimals))


def _amount(number: Decimal, exact: Decimal, currency: str, bound: str = "") -> SafeString:
    return format_html(
        '<data class="money" value="{}"><bdi>{}{}{}<span class="money-currency">{}</span></bdi></data>',
        f"{exact:f}",
        bound,
        grouped(number),
        SPACE,
        currency,
    )


@register.filter
def money(value: Amount | None) -> SafeString | str:
    """Show an amount as documents do, rounded to the minor unit: ``1 240.50 EUR``.

    What is something is never shown as nothing: ``< 0.01 EUR``, and below zero ``> -0.01 EUR``.
    """
    if value is None:
        return NOTHING
    digits = minor_digits(value.currency)
    shown = rounded(value.amount, digits)
    if shown or not value.amount:
        return _amount(shown, value.amount, value.currency)
    least = Decimal(1).scaleb(-digits).copy_sign(value.amount)
    bound = LESS if least > 0 else MORE
    return _amount(least, value.amount, value.currency, bound)


@register.filter
def left(value: Amount | None) -> SafeString | str:
    """Show what there is to use, never more than that: ``29.99 EUR`` of 29.9992."""
    if value is None:
        return NOTHING
    digits = minor_digits(value.currency)
    shown = value.amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_FLOOR)
    if not shown and value.amount:
        return _amount(Decimal(1).scaleb(-digits), value.amount, value.currency, LESS)
    return _amount(shown, value.amount, value.currency)


@register.filter
def cost(value: Amount | None) -> SafeString | str:
    """Show an amount to its last digit: ``0.0000375 EUR``, ``2.50 EUR``."""
    if value is None:
        return NOTHING
    shown = trimmed(value.amount, minor_digits(value.currency))
    return _amount(shown, value.amount, value.currency)


@register.filter
def per_million(unit_amount: Decimal | None, currency: str) -> SafeString | str:
    """Show the price of one token as people compare it, for a million of them."""
    if unit_amount is None:
        return NOTHING
    price = unit_amount * MILLION
    return _amount(trimmed(price, minor_digits(currency)), price, currency)


@register.filter
def per_one(unit_amount: Decimal | None, currency: str) -> SafeString | str:
    """Show the price of what is priced one by one: an hour, a request."""
    if unit_amount is None:
        return NOTHING
    return _amount(trimmed(unit_amount, minor_digits(currency)), unit_amount, currency)


@register.filter
def number(value: Decimal | int | None) -> str:
    """Show a number in full, grouped: ``1 240 500``."""
    return NOTHING if value is None else grouped(value)


@register.filter
def tokens(count: Decimal | int | None) -> SafeString | str:
    """Show a count of tokens briefly: ``1.24 M``; the exact one stands in the title.

    Weights leave parts of a token; what the database keeps behind the last digit is not shown.
    """
    if count is None:
        return NOTHING
    exact = grouped(trimmed(Decimal(count), 0))
    if abs(Decimal(count)) < COMPACT_FROM:
        return format_html('<data class="tokens" value="{}"><bdi>{}</bdi></data>', count, exact)
    return format_html(
        '<data class="tokens" value="{}" title="{}"><bdi aria-hidden="true">{}</bdi>'
        '<span class="visually-hidden">{}</span></data>',
        count,
        ngettext("%(count)s token", "%(count)s tokens", int(count)) % {"count": exact},
        compact(count),
        exact,
    )


@register.filter
def gpu_hours(seconds: Decimal | int | None) -> SafeString | str:
    """Show seconds of GPUs in hours: ``2.5 h``, ``0.333 h``; the exact ones stand in the title."""
    if seconds is None:
        return NOTHING
    shown = trimmed(rounded(Decimal(seconds) / HOUR, 3).normalize(), 0)
    hours = gettext("%(hours)s h") % {"hours": grouped(shown)}
    return format_html(
        '<data class="tokens" value="{}" title="{}"><bdi aria-hidden="true">{}</bdi>'
        '<span class="visually-hidden">{}</span></data>',
        seconds,
        whole := gettext("%(seconds)s s") % {"seconds": grouped(trimmed(Decimal(seconds), 0))},
        hours,
        whole,
    )


def compact(count: Decimal | int) -> str:
    """Write a large count with three digits and a unit: ``12.4 k``, ``1.24 M``, ``3.10 B``."""
    units = (
        (Decimal(10**3), pgettext("thousand", "k")),
        (Decimal(10**6), pgettext("million", "M")),
        (Decimal(10**9), pgettext("thousand million", "B")),
        (Decimal(10**12), pgettext("million million", "T")),
    )
    for size, unit in units:
        scaled = _three_digits(Decimal(count) / size)
        if abs(scaled) < 1000 or unit is units[-1][1]:
            return f"{grouped(scaled)}{SPACE}{unit}"
    raise AssertionError("the last unit takes everything")


def _three_digits(number: Decimal) -> Decimal:
    for digits, limit in ((2, 10), (1, 100)):
        if abs(shown := rounded(number, digits)) < limit:
            return shown
    return rounded(number, 0)


@register.filter
def percent(share: Decimal | float | None) -> str:
    """Show a share of one as a percentage: ``0.125`` reads ``12.5 %``."""
    return NOTHING if share is None else _in_order(_percent(share))


def _percent(share: Decimal | float) -> str:
    return f"{grouped(trimmed(rounded(Decimal(share) * 100, 1), 0))}{SPACE}%"


def _in_order(text: str) -> str:
    """Keep a sign before its number and a unit after it, between words written from the right too."""
    return f"{MARK}{text}{MARK}" if get_language_bidi() else text


@register.filter
def per_cent(value: Decimal | None) -> str:
    """Show what is counted in hundredths already, to its last digit: ``99.95`` reads ``99.95 %``."""
    return NOTHING if value is None else _in_order(f"{grouped(trimmed(value, 0))}{SPACE}%")


@register.filter
def change(share: Decimal | None) -> str:
    """Show by which share something grew or shrank: ``+12.5 %``, ``-3 %``."""
    if share is None:
        return NOTHING
    sign = "+" if rounded(share * 100, 1) > 0 else ""
    return _in_order(sign + _percent(share))


@register.filter
def duration(value: timedelta | Decimal | int | float | None) -> str:
    """Show a time span, given as such or in milliseconds: ``184 ms``, ``1.24 s``, ``2 min 5 s``."""
    if value is None:
        return NOTHING
    if isinstance(value, timedelta):
        # In whole microseconds: a timedelta of years has more digits than a float.
        value = Decimal(value // timedelta(microseconds=1)) / 1000
    milliseconds = Decimal(value)
    if milliseconds < 1000 and (shown := rounded(milliseconds, 0)) < 1000:
        return grouped(shown) + SPACE + gettext("ms")
    if milliseconds < 10_000 and (shown := rounded(milliseconds / 1000, 2)) < 10:
        return grouped(shown) + SPACE + gettext("s")
    return _long(int(rounded(milliseconds / 1000, 0)))


def _long(seconds: int) -> str:
    units = (
        (86_400, pgettext("days", "d")),
        (3600, pgettext("hours", "h")),
        (60, gettext("min")),
        (1, gettext("s")),
    )
    parts = []
    for size, unit in units:
        count, seconds = divmod(seconds, size)
        parts.append((count, unit))
    first = next(index for index, (count, _) in enumerate(parts) if count)
    shown = [part for part in parts[first : first + 2] if part[0]]
    return " ".join(f"{grouped(count)}{SPACE}{unit}" for count, unit in shown)


@register.filter
def listed(items: Iterable[object]) -> str:
    """Show items as the reader's language lists them: ``Text, Image, and Audio``."""
    return languages.listed(items)


@register.filter
def month_name(label: str) -> str:
    """Show a month that is written as ``2026-03`` as people call it: ``March 2026``."""
    return formats.date_format(date.fromisoformat(f"{label}-01"), "YEAR_MONTH_FORMAT")


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Show a moment unmistakably: ``5 March 2026, 14:03 UTC``."""
    return NOTHING if value is None else _time(value, _words(value))


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """Show a moment that ``times.js`` turns into “3 minutes ago”, with the exact one as title."""
    if value is None:
        return NOTHING
    at = value.astimezone(UTC)
    words = _words(at)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>', _iso(at), words, words
    )


def _words(value: datetime) -> str:
    at = value.astimezone(UTC)
    day = formats.date_format(at, "DATE_FORMAT")
    return gettext("%(day)s, %(time)s UTC") % {"day": day, "time": at.strftime("%H:%M")}


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _time(value: datetime, words: str) -> SafeString:
    at = value.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', _iso(at), words)
