"""JSON as it should be: what Python's reader lets through and others do not is refused.

Plain Python. Every way in which a line can be broken ends in ``Unusable``, none in a crash.
"""

import json
import re
from typing import Any, NoReturn

from studio.validation.problems import Unusable, quoted

DEEPEST = 64
SURROGATES = re.compile("[\ud800-\udfff]")
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def decode(line: bytes) -> dict[str, Any]:
    """Return the object on the line."""
    _check_depth(line)
    try:
        found = READER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unusable("invalid_utf8", f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Unusable("invalid_json", f"{error.msg} at character {error.pos + 1}") from None
    except ValueError:
        raise Unusable("invalid_number", "a number has too many digits") from None
    if not isinstance(found, dict):
        raise Unusable("not_an_object", f"an object is expected, not {quoted(found)}")
    return found


def check_text(text: str, path: str) -> None:
    """Refuse characters that no database or tokenizer takes."""
    if "\0" in text:
        raise Unusable("invalid_character", "the character U+0000 cannot be used", path)
    if not text.isascii() and SURROGATES.search(text):
        raise Unusable("invalid_character", "half of a surrogate pair cannot be used", path)


def _check_depth(line: bytes) -> None:
    """Refuse deep nesting before the reader's recursion meets it."""
    if line.count(b"[") + line.count(b"{") <= DEEPEST:
        return
    depth = 0
    for byte in STRINGS.sub(b"", line):
        if byte in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise Unusable("too_deep", f"it is nested deeper than {DEEPEST} levels")
        elif byte in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise Unusable("duplicate_key", f"the key {quoted(double)} stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise Unusable("invalid_number", f"{name} is no JSON")


#: Made once, since making it costs as much as reading a line.
READER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
