"""Voucher codes: eighty random bits in letters that people do not confuse. Plain Python."""

import hashlib
import re
import secrets

#: Crockford's alphabet: no I, L, O or U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
GROUP = 4
_MISREAD = str.maketrans("OIL", "011")
_CODE = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}")


def new() -> str:
    """Return a code nobody can guess, in groups of four."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(text[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def plain(text: str) -> str | None:
    """Return what somebody typed as the code it is; None for what is no code at all."""
    if not text.isascii():
        return None
    typed = re.sub(r"[\s-]", "", text).upper().translate(_MISREAD)
    return typed if _CODE.fullmatch(typed) else None


def digest(code: str) -> str:
    """Return what is kept of a plain code."""
    return hashlib.sha256(code.encode()).hexdigest()
