"""JSON bodies of the control API, checked as strictly as Stripe checks forms."""

import json
from collections.abc import Collection
from typing import Any

from billing.payments.loopback.errors import InvalidParameter


class Arguments:
    """One control request's arguments; those that nobody reads are refused by ``finish``."""

    def __init__(self, body: bytes) -> None:
        try:
            values = json.loads(body or b"{}")
        except ValueError as error:
            raise InvalidParameter("The body must be JSON.") from error
        if not isinstance(values, dict):
            raise InvalidParameter("The body must be a JSON object.")
        self._values: dict[str, Any] = values
        self._read: set[str] = set()

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a string."""
        value = self._take(name, default)
        if value is not None and not isinstance(value, str):
            raise InvalidParameter(f"{name} must be a string.", param=name)
        return value

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """Return one of the allowed words."""
        value = self._take(name, default)
        if value not in allowed:
            raise InvalidParameter(f"{name} must be one of {', '.join(allowed)}.", param=name)
        return str(value)

    def number(self, name: str, default: float, *, minimum: float = 0) -> float:
        """Return a number of at least ``minimum``."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < minimum:
            raise InvalidParameter(f"{name} must be a number of at least {minimum}.", param=name)
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return ``true`` or ``false``."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise InvalidParameter(f"{name} must be true or false.", param=name)
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of strings, or none where it is absent."""
        value = self._take(name, None)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidParameter(f"{name} must be a list of strings.", param=name)
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a JSON object; absent means empty."""
        value = self._take(name, {})
        if not isinstance(value, dict):
            raise InvalidParameter(f"{name} must be a JSON object.", param=name)
        return value

    def has(self, name: str) -> bool:
        """Tell whether an argument was sent."""
        return name in self._values

    def finish(self) -> None:
        """Refuse arguments that were not asked for."""
        unknown = sorted(set(self._values) - self._read)
        if unknown:
            raise InvalidParameter(f"Unknown argument: {', '.join(unknown)}", param=unknown[0])

    def _take(self, name: str, default: Any) -> Any:
        self._read.add(name)
        return self._values.get(name, default)
