"""What leaves the simulator: objects without our private notes, and expanded where asked."""

from collections.abc import Sequence
from typing import Any

from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.store import Object, Store

MAX_LEVELS = 4


def public(value: Any) -> Any:
    """Return a value without the keys that begin with an underscore, at every depth."""
    if isinstance(value, dict):
        return {key: public(item) for key, item in value.items() if not key.startswith("_")}
    if isinstance(value, list):
        return [public(item) for item in value]
    return value


def list_of(items: Sequence[Object], url: str, *, has_more: bool = False) -> Object:
    """Return Stripe's list object."""
    return {"object": "list", "url": url, "has_more": has_more, "data": list(items)}


def expand(store: Store, item: Object, paths: Sequence[str]) -> Object:
    """Replace the ids at the given paths by the objects they name."""
    for path in paths:
        parts = path.split(".")
        if len(parts) - (parts[0] == "data") > MAX_LEVELS:
            raise InvalidParameter(f"You cannot expand more than {MAX_LEVELS} levels of a property")
        _expand(store, item, parts, path)
    return item


def _expand(store: Store, value: Any, parts: Sequence[str], path: str) -> None:
    if not parts or value is None:
        return
    if isinstance(value, list):
        for item in value:
            _expand(store, item, parts, path)
        return
    name = parts[0]
    if not isinstance(value, dict) or name.startswith("_"):
        raise _cannot(path)
    _include(store, value, name)
    value[name] = _expanded(store, value.get(name, path), path, last=len(parts) == 1)
    _expand(store, value[name], parts[1:], path)


def _expanded(store: Store, value: Any, path: str, *, last: bool) -> Any:
    """Return the object behind an id; what is neither id nor object cannot be expanded."""
    if isinstance(value, str):
        value = store.find(value)
        if value is None:
            raise _cannot(path)
    elif last and not isinstance(value, dict | list | None):
        raise _cannot(path)
    return value


def _include(store: Store, value: Object, name: str) -> None:
    """Add a list that Stripe leaves out unless it is asked for."""
    kind = value.get("object")
    if kind == "checkout.session" and name == "line_items":
        url = f"/v1/checkout/sessions/{value['id']}/line_items"
        value[name] = list_of(value["_line_items"], url)
    elif kind == "charge" and name == "refunds":
        refunds = list(reversed(store.where("refund", charge=value["id"])))
        value[name] = list_of(refunds, f"/v1/charges/{value['id']}/refunds")


def _cannot(path: str) -> InvalidParameter:
    return InvalidParameter(f"This property cannot be expanded ({path}).", param="expand")
