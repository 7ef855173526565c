"""Identifiers: time-ordered UUIDs (RFC 9562, version 7), and how ``/v1`` writes them."""

import os
import time
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_B = (1 << 62) - 1
#: Each digit with its upper bits those of the variant.
_VARIANT_DIGITS = {f"{digit:x}": f"{8 | digit & 3:x}" for digit in range(16)}


def uuid7() -> uuid.UUID:
    """Return a new UUID whose order is its creation order to the millisecond (RFC 9562, 5.7)."""
    return uuid.UUID(int=_uuid7())


def uuid7_hex() -> str:
    """Return the 32 digits of a new UUID, which cost less than the whole."""
    chance = _chance()
    variant = _VARIANT_DIGITS[chance[3]]
    return f"{time.time_ns() // 1_000_000:012x}7{chance[:3]}{variant}{chance[4:19]}"


#: Digits drawn for ids to come: to ask the system costs more than all else of an id.
_drawn: list[str] = []
_DRAWN_AT_ONCE, _DIGITS = 64, 20
# Of two processes none may use what the other does.
os.register_at_fork(after_in_child=_drawn.clear)


def _chance() -> str:
    """Return twenty random digits; each are used once, by whichever thread."""
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            digits = os.urandom(_DRAWN_AT_ONCE * _DIGITS // 2).hex()
            _drawn.extend(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))


def _uuid7() -> int:
    milliseconds = time.time_ns() // 1_000_000
    # Asked of the system once, for this is asked for with every row.
    chance = int.from_bytes(os.urandom(10))
    random_a, random_b = chance >> 68, chance & _RANDOM_B
    return milliseconds << 80 | _VERSION | random_a << 64 | _VARIANT | random_b


def uuid7s(count: int) -> list[uuid.UUID]:
    """Return so many new UUIDs of the present millisecond; among themselves they have no order."""
    milliseconds = time.time_ns() // 1_000_000
    first = milliseconds << 80 | _VERSION | _VARIANT
    chance = os.urandom(10 * count)
    numbers = [int.from_bytes(chance[start : start + 10]) for start in range(0, 10 * count, 10)]
    return [uuid.UUID(int=first | each >> 68 << 64 | each & _RANDOM_B) for each in numbers]


def public_id(prefix: str, key: uuid.UUID) -> str:
    """Return the key as ``/v1`` shows it: ``file-0199…``."""
    return f"{prefix}-{key.hex}"


def from_public_id(prefix: str, text: str) -> uuid.UUID | None:
    """Return the key that ``/v1`` shows as this text; None when it shows none so."""
    digits = text.removeprefix(f"{prefix}-")
    try:
        key = uuid.UUID(hex=digits)
    except ValueError:
        return None
    return key if text == public_id(prefix, key) else None
