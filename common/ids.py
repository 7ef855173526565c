"""Identifiers: time-ordered UUIDs (RFC 9562, version 7)."""

import secrets
import time
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def uuid7() -> uuid.UUID:
    """Return a new UUID whose order is its creation order to the millisecond (RFC 9562, 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random_a = secrets.randbits(12)
    random_b = secrets.randbits(62)
    return uuid.UUID(int=milliseconds << 80 | _VERSION | random_a << 64 | _VARIANT | random_b)
