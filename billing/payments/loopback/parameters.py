"""Typed reading of a request's parameters, with Stripe's refusals."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from billing.payments.loopback.errors import InvalidParameter

INTEGER = re.compile(r"-?[0-9]{1,15}", re.ASCII)
MAX_TEXT = 5000
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500


class Parameters:
    """One request's parameters; those that nobody reads are refused by ``finish``."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self._values = dict(values)
        self._prefix = prefix
        self._read: set[str] = set()
        self._children: list[Parameters] = []

    def path(self, name: str) -> str:
        """Return the parameter's full name, as an error's ``param`` shows it."""
        return f"{self._prefix}[{name}]" if self._prefix else name

    def has(self, name: str) -> bool:
        """Tell whether the caller sent the parameter at all, even empty."""
        return name in self._values

    def text(self, name: str, *, limit: int = MAX_TEXT) -> str | None:
        """Return a string; absent and empty both mean none."""
        value = self._take(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise InvalidParameter("Invalid string", param=self.path(name))
        if len(value) > limit:
            raise InvalidParameter(
                f"Invalid string: must be at most {limit} characters", param=self.path(name)
            )
        return value

    def needed(self, name: str, *, limit: int = MAX_TEXT) -> str:
        """Return a string that must be there."""
        self._require(name)
        value = self.text(name, limit=limit)
        if value is None:
            raise InvalidParameter(
                f"You passed an empty string for '{self.path(name)}'.",
                code="parameter_invalid_empty",
                param=self.path(name),
            )
        return value

    def integer(self, name: str, *, minimum: int = 0, maximum: int | None = None) -> int | None:
        """Return a whole number within bounds, or none where it is absent."""
        text = self.text(name)
        if text is None:
            return None
        if not INTEGER.fullmatch(text):
            raise self._not_integer(f"Invalid integer: {text[:40]}", name)
        number = int(text)
        if number < minimum or (maximum is not None and number > maximum):
            wanted = f"at least {minimum}" if number < minimum else f"at most {maximum}"
            raise self._not_integer(f"This value must be {wanted}; it was {number}.", name)
        return number

    def needed_integer(self, name: str, *, minimum: int = 0) -> int:
        """Return a whole number that must be there."""
        self.needed(name)
        number = self.integer(name, minimum=minimum)
        return number if number is not None else minimum

    def flag(self, name: str) -> bool | None:
        """Return ``true`` or ``false``, or none where it is absent."""
        text = self.choice(name, ("true", "false"))
        return None if text is None else text == "true"

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return one of the allowed words, or none where it is absent."""
        text = self.text(name)
        if text is not None and text not in allowed:
            raise InvalidParameter(
                f"Invalid {self.path(name)}: must be one of {', '.join(allowed)}",
                param=self.path(name),
            )
        return text

    def url(self, name: str) -> str | None:
        """Return an absolute web address, or none where it is absent."""
        text = self.text(name)
        if text is None:
            return None
        if not _is_web_address(text):
            raise InvalidParameter("Not a valid URL", code="url_invalid", param=self.path(name))
        return text

    def texts(self, name: str) -> list[str]:
        """Return a list of strings; absent means empty."""
        value = self._take(name)
        if value is None or value == "":
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidParameter("Invalid array", param=self.path(name))
        return list(value)

    def child(self, name: str) -> Self | None:
        """Return a nested mapping, or none where it is absent or emptied."""
        value = self._take(name)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise InvalidParameter("Invalid object", param=self.path(name))
        return self._nested(value, self.path(name))

    def children(self, name: str) -> list[Self]:
        """Return a list of nested mappings; absent means empty."""
        value = self._take(name)
        if value is None or value == "":
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InvalidParameter("Invalid array", param=self.path(name))
        return [self._nested(item, f"{self.path(name)}[{i}]") for i, item in enumerate(value)]

    def metadata(self, name: str = "metadata") -> dict[str, str] | None:
        """Return the caller's key-value pairs; none where nothing was sent."""
        value = self._take(name)
        if value is None:
            return None
        if value == "":
            return {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise InvalidParameter("Invalid object", param=self.path(name))
        self._check_metadata(name, value)
        return dict(value)

    def echo(self, name: str) -> Any:
        """Return a value that is accepted and repeated, but has no effect here."""
        return self._take(name)

    def finish(self) -> None:
        """Refuse the request when it carries a parameter that was not asked for."""
        for name in self._values:
            if name not in self._read:
                raise InvalidParameter(
                    f"Received unknown parameter: {self.path(name)}",
                    code="parameter_unknown",
                    param=self.path(name),
                )
        for child in self._children:
            child.finish()

    def _take(self, name: str) -> Any:
        self._read.add(name)
        return self._values.get(name)

    def _require(self, name: str) -> None:
        if not self.has(name):
            raise InvalidParameter(
                f"Missing required param: {self.path(name)}.",
                code="parameter_missing",
                param=self.path(name),
            )

    def _nested(self, values: Mapping[str, Any], prefix: str) -> Self:
        child = type(self)(values, prefix)
        self._children.append(child)
        return child

    def _not_integer(self, message: str, name: str) -> InvalidParameter:
        return InvalidParameter(message, code="parameter_invalid_integer", param=self.path(name))

    def _check_metadata(self, name: str, pairs: Mapping[str, str]) -> None:
        problem = None
        if len(pairs) > MAX_METADATA_KEYS:
            problem = f"Metadata can have up to {MAX_METADATA_KEYS} keys."
        elif any(len(key) > MAX_METADATA_KEY for key in pairs):
            problem = f"Metadata keys can have up to {MAX_METADATA_KEY} characters."
        elif any(len(value) > MAX_METADATA_VALUE for value in pairs.values()):
            problem = f"Metadata values can have up to {MAX_METADATA_VALUE} characters."
        if problem:
            raise InvalidParameter(problem, param=self.path(name))


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
