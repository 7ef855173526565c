"""Unit vectors from text: the same for the same text, and alike for texts that share words."""

import base64
import functools
import hashlib
import math
import struct

from gateway.upstreams.demo import tokenizer

#: Each token leans on so many dimensions.
LEANS = 8


def vector(text: str, dimensions: int) -> list[float]:
    """Return the text's direction."""
    sums = [0.0] * dimensions
    # Even a text whose tokens cancel out points somewhere.
    sums[0] = 1e-6
    for token in tokenizer.encode(text.lower()):
        for place, sign in leans(token):
            sums[place % dimensions] += sign
    length = math.sqrt(sum(value * value for value in sums))
    return [value / length for value in sums]


@functools.cache
def leans(token: int) -> list[tuple[int, float]]:
    """Return where a token points: dimensions, and in which of their two directions."""
    digest = hashlib.sha256(str(token).encode()).digest()
    values = struct.unpack(f"<{LEANS}H", digest[: 2 * LEANS])
    # Common tokens are short; what is long says more.
    weight = math.sqrt(len(tokenizer.token_bytes(token)))
    return [(value >> 1, weight if value & 1 else -weight) for value in values]


def packed(values: list[float]) -> str:
    """Return a vector as OpenAI's clients ask for it: little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def likeness(one: list[float], other: list[float]) -> float:
    """Return how alike two directions are, from 0 to 1."""
    cosine = sum(left * right for left, right in zip(one, other, strict=True))
    return round((1 + max(-1.0, min(1.0, cosine))) / 2, 6)
