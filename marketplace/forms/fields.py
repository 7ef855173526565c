"""Fields that several forms of the desk share."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.validators import RegexValidator, URLValidator
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.money import minor_digits
from marketplace.queries import DEFAULT_CURRENCY

#: What programs can pass as ``model``: letters, digits and the marks that model names carry.
API_NAME = RegexValidator(
    re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/-]*\Z"),
    _("Letters, digits and . _ : / - only, beginning with a letter or a digit."),
)

# Python would also read Arabic digits, underscores and exponents.
_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]*", re.ASCII)
_WHOLE = re.compile(r"([+-]?[0-9]+)?", re.ASCII)


class Amount(forms.DecimalField):
    """A number as the reader's language writes it: with its decimal mark, or with a point.

    Digits are never grouped, so that no mark can be taken for another.
    """

    default_error_messages = {"invalid": _("Write a number with a point, such as 0.10.")}

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"localize": True, "widget": widget, **options})

    # The stubs know a decimal field as a field of whole numbers.
    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        """Return the number; neither exponents nor digits of other scripts are read."""
        if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        number: Decimal | None = super().to_python(value)
        return number


class Whole(forms.IntegerField):
    """A whole number in plain digits."""

    def to_python(self, value: Any) -> int | None:
        """Return the number; digits of other scripts are not read."""
        if isinstance(value, str) and not _WHOLE.fullmatch(value.strip()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        number: int | None = super().to_python(value)
        return number


#: The finest amount of money there is: of currencies with three decimals.
FINEST, DIGITS = Decimal("0.001"), 3
CURRENCY = RegexValidator(re.compile(r"^[A-Z]{3}\Z"), _("Three letters, such as EUR."))


def money(label: Any, *, least: Decimal = FINEST, **options: Any) -> Amount:
    """Return a field for money; its form asks ``check_fineness`` once it knows the currency."""
    return Amount(label=label, min_value=least, decimal_places=DIGITS, **options)


def currency(**options: Any) -> forms.CharField:
    """Return a field for the three letters of a currency."""
    facts = {"label": _("Currency"), "initial": DEFAULT_CURRENCY, "validators": [CURRENCY]}
    return forms.CharField(**{**facts, **options})


def check_fineness(form: forms.BaseForm, currency: str, *names: str) -> None:
    """Refuse amounts that are finer than their currency: no document could write them."""
    digits = minor_digits(currency)
    for name in names:
        amount = form.cleaned_data.get(name)
        if amount is not None and amount != round(amount, digits):
            sentence = _("%(currency)s has %(digits)d decimals at most.")
            form.add_error(name, sentence % {"currency": currency, "digits": digits})


def _in_the_currency() -> str:
    return gettext("In %(currency)s, excluding tax.") % {"currency": DEFAULT_CURRENCY}


def per_million(label: Any, *, required: bool) -> Amount:
    """Return a field for a price per million tokens."""
    return Amount(
        label=label,
        required=required,
        min_value=Decimal(0),
        max_value=Decimal(1_000_000),
        max_digits=14,
        decimal_places=6,
        help_text=lazy(_in_the_currency, str)(),
    )


class WebAddress(forms.URLField):
    """A page on the web: http or https, nothing that a browser would run."""

    default_validators = [URLValidator(schemes=["http", "https"])]

    def __init__(self, **options: Any) -> None:
        super().__init__(assume_scheme="https", **options)


class ServerAddress(forms.CharField):
    """Where an engine listens; a bare host name of the operator's own network will do."""

    default_error_messages = {
        "address": _("Write an address such as http://vllm:8000/v1."),
        "secret": _("A user or a password in the address would be shown. Use the credential."),
        "query": _("An address ends before “?” and “#”."),
    }

    def clean(self, value: Any) -> str:
        """Return the address without a slash at its end."""
        text: str = super().clean(value)
        if not text:
            return text
        try:
            parts = urlsplit(text)
            has_host, _port = bool(parts.hostname), parts.port
        except ValueError:
            raise self._refusal("address") from None
        if parts.scheme not in ("http", "https") or not has_host or re.search(r"[\s\\]", text):
            raise self._refusal("address")
        if parts.username is not None or parts.password is not None:
            raise self._refusal("secret")
        if "?" in text or "#" in text:
            raise self._refusal("query")
        return text.rstrip("/")

    def _refusal(self, code: str) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code=code)


class Moment(forms.DateTimeField):
    """A moment in UTC, typed in the browser's own field."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **options)
