"""A JSON value that fits a schema, filled from the words and numbers of the question."""

import re
from typing import Any

import msgspec

from gateway.upstreams.demo.errors import ApiError

_WORD = re.compile(r"[^\W\d_][\w-]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
DEEPEST = 24
#: Characters of a text, however long the schema wants it.
LONGEST = 1000
FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}


class Question(msgspec.Struct, frozen=True):
    """What can be taken out of a question."""

    text: str

    @property
    def name(self) -> str:
        """Return the last name in it, else its last word."""
        words: list[str] = _WORD.findall(self.text)
        # A sentence's first word is written large whatever it is.
        names = [word for word in words[1:] if word[0].isupper()]
        return (names or words or ["example"])[-1]

    @property
    def number(self) -> float | None:
        """Return the first number in it."""
        found = _NUMBER.search(self.text)
        return float(found[0]) if found else None


def fill(schema: dict[str, Any], question: str, *, param: str) -> Any:
    """Return a value of the schema's shape, or refuse a schema that is none."""
    try:
        return _Filler(schema, Question(question)).value(schema, 0)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise ApiError("This is not a JSON schema.", param=param, code="invalid_schema") from None


class _Filler:
    def __init__(self, root: dict[str, Any], question: Question) -> None:
        self.root = root
        self.question = question

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > DEEPEST:
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][0]
        makers = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
        }
        maker = makers.get(_kind(schema))
        return maker(schema, depth) if maker else None

    def _resolved(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Follow a reference, or take the first of several shapes."""
        for _ in range(DEEPEST - depth):
            if isinstance(schema.get("$ref"), str):
                schema = self._referred(schema["$ref"])
            elif choices := schema.get("anyOf") or schema.get("oneOf"):
                schema = choices[0] if isinstance(choices[0], dict) else {}
            elif isinstance(schema.get("allOf"), list):
                schema = _merged(schema)
            else:
                break
        return schema

    def _referred(self, reference: str) -> dict[str, Any]:
        found: Any = self.root
        for name in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(name, {}) if name and isinstance(found, dict) else found
        return found if isinstance(found, dict) else {}

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return {}
        # Towards the depth limit only what is required, so that recursive shapes end.
        names = schema.get("required", []) if depth > DEEPEST // 2 else properties
        return {name: self.value(properties.get(name), depth + 1) for name in names}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 1)
        if depth > DEEPEST // 2:
            least = schema.get("minItems", 0)
        number = min(int(least), 16)
        return [self.value(schema.get("items", {"type": "string"}), depth + 1)] * number

    def _string(self, schema: dict[str, Any], _depth: int) -> str:
        text = FORMATS.get(str(schema.get("format")), self.question.name)
        least, most = schema.get("minLength", 0), schema.get("maxLength", LONGEST)
        return text.ljust(min(least, LONGEST), ".")[: min(most, LONGEST)]

    def _integer(self, schema: dict[str, Any], depth: int) -> int:
        return int(self._number(schema, depth))

    def _number(self, schema: dict[str, Any], _depth: int) -> float:
        given = self.question.number
        least, most = schema.get("minimum"), schema.get("maximum")
        value = 1.0 if given is None else given
        if isinstance(least, int | float):
            value = max(value, least)
        return min(value, most) if isinstance(most, int | float) else value

    def _boolean(self, _schema: dict[str, Any], _depth: int) -> bool:
        return True


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return kind if isinstance(kind, str) else "object" if "properties" in schema else "string"


def _merged(schema: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {name: inner for name, inner in schema.items() if name != "allOf"}
    for part in schema["allOf"]:
        if isinstance(part, dict):
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            merged |= part
            if properties:
                merged["properties"] = properties
    return merged
