"""Form bodies with nested keys: ``a[b][0]=c`` becomes ``{"a": {"b": ["c"]}}``."""

import re
from typing import Any
from urllib.parse import parse_qsl

from billing.payments.loopback.errors import InvalidParameter

MAX_FIELDS = 2000
MAX_DEPTH = 8
KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
SUBKEY = re.compile(r"\[([^\[\]]*)\]")


def decode(body: str) -> dict[str, Any]:
    """Return the nested parameters of a form body or a query string."""
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidParameter("The request body is not a valid form.") from error
    tree: dict[str, Any] = {}
    for key, value in pairs:
        _insert(tree, _path(key), value)
    return {key: _with_lists(value) for key, value in tree.items()}


def _path(key: str) -> list[str]:
    match = KEY.match(key)
    if match is None:
        raise InvalidParameter(f"Invalid parameter name: {key[:100]}")
    path = [match[1], *SUBKEY.findall(match[2])]
    if len(path) > MAX_DEPTH:
        raise InvalidParameter(f"Parameter is nested too deeply: {key[:100]}")
    return path


def _insert(tree: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        branch = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(branch, dict):
            raise InvalidParameter("Invalid object", param=path[0])
        tree = branch
    last = path[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise InvalidParameter("Invalid object", param=path[0])
    tree[last] = value


def _with_lists(value: Any) -> Any:
    """Turn every mapping whose keys are all indexes into a list, in index order."""
    if not isinstance(value, dict):
        return value
    children = {key: _with_lists(child) for key, child in value.items()}
    if children and all(key.isascii() and key.isdigit() for key in children):
        return [children[key] for key in sorted(children, key=int)]
    return children
