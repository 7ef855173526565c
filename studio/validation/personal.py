"""What should not be learnt by heart: personal data and secrets, also the kinds telecoms know.

Plain Python. Numbers are held to their own check digits (python-stdnum), so that not every long
number is a subscriber.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from stdnum import iban, imei, imsi

#: What bytes are to what follows: of a name or key or not; a digit, a mark between digits, or neither.
KEYS = bytes(ord("k" if re.match(r"[A-Za-z0-9_-]", chr(i)) else " ") for i in range(256))
DIGITS = bytes(
    ord("0" if chr(i) in "0123456789" else "-" if chr(i) in " .()-" else "x") for i in range(256)
)
SPACED = re.compile(b"0-+00")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
#: E.164, as people write it: with a plus sign or 00, seven to fifteen digits, and marks between.
PHONE = re.compile(r"(?<![\w+])(?<![0-9] )(?:\+|00)[1-9](?:[ .()-]{0,2}[0-9]){6,14}(?![0-9])")
FIFTEEN = re.compile(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])")
IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?")
SECRET = re.compile(
    # The whole key: to its end, or to the text's where that is missing.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![A-Za-z0-9])(?:sk|pk|rk)[-_](?:live_|test_|proj-|ant-)?[A-Za-z0-9_-]{20,}"
    r"|(?<![A-Za-z0-9])(?:ghp_|gho_|github_pat_|xox[abp]-|AKIA|tsr_live_|tsr_test_)[A-Za-z0-9_-]{16,}"
    r"|(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)


class Found(NamedTuple):
    """Something that names a person or opens a door, and where it stands in the text."""

    kind: str
    start: int
    end: int


def found(text: str) -> list[Found]:
    """Return all that there is, from left to right, nothing twice."""
    if not can_hold_any(text):
        return []
    kept: list[Found] = []
    for it in sorted(_all(text), key=lambda it: (it.start, -it.end)):
        if not kept or it.start >= kept[-1].end:
            kept.append(it)
    return kept


def redacted(text: str) -> str:
    """Return the text with the kind in brackets in place of each."""
    for it in reversed(found(text)):
        text = f"{text[: it.start]}[{it.kind}]{text[it.end :]}"
    return text


def can_hold_any(text: str) -> bool:
    """Whether the text has one of the marks without which there is nothing; most have none.

    An at sign, six digits in a row, digits with marks between, the beginning of a key, or twenty
    characters that a key can be of: a pattern of these would take ten times as long.
    """
    if "@" in text or "-----BEGIN" in text:
        return True
    raw = text.encode("utf-8", "surrogatepass")
    if b"k" * 20 in raw.translate(KEYS):
        return True
    digits = raw.translate(DIGITS)
    return b"0" in digits and (b"000000" in digits or SPACED.search(digits) is not None)


def _all(text: str) -> Iterator[Found]:
    for kind, pattern in (("e-mail", EMAIL), ("secret", SECRET), ("phone", PHONE)):
        yield from (Found(kind, *match.span()) for match in pattern.finditer(text))
    for match in FIFTEEN.finditer(text):
        if kind := _of_subscriber(match.group()):
            yield Found(kind, *match.span())
    for match in IBAN.finditer(text):
        if iban.is_valid(match.group()):
            yield Found("IBAN", *match.span())


def _of_subscriber(digits: str) -> str:
    if imei.is_valid(digits):
        return "IMEI"
    return "IMSI" if imsi.is_valid(digits) else ""
