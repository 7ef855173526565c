"""How long a sound can be, read from its bytes as decoders read them; nothing is decoded."""

import base64
import binascii
import struct
from typing import Any

#: Bytes of a second at the least rate that MP3 knows, and at a usual one.
SLOWEST_MP3 = 1_000
USUAL = 16_000
#: Samples as they are: the forms of WAV whose length its bytes tell.
PCM = frozenset({1, 3})
HEAD = 3 * 1024
#: A tag that may stand before the first frame of an MP3, and the ten bytes of its own head.
TAG, TAG_HEAD = b"ID3", 10


def measured(value: Any) -> tuple[int | None, int]:
    """Return the seconds of an ``input_audio`` at most, none where nobody can say, and likely ones."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, str):
        return None, 0
    size = len(data) // 4 * 3
    head = _head(data)
    if rate := _bytes_a_second(head):
        return -(-size // rate), -(-size // rate)
    most = -(-size // SLOWEST_MP3) if _is_mp3(head) else None
    return most, -(-size // USUAL)


def _head(data: str) -> bytes:
    try:
        return base64.b64decode(data[: HEAD // 3 * 4], validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_mp3(head: bytes) -> bool:
    """Tell whether an MP3's first frame is seen; behind a long tag anything may stand."""
    start = 0
    if head.startswith(TAG) and len(head) >= TAG_HEAD:
        start = TAG_HEAD + sum((byte & 0x7F) << 7 * (3 - n) for n, byte in enumerate(head[6:10]))
    return head[start : start + 1] == b"\xff" and head[start + 1 : start + 2] >= b"\xe0"


def _bytes_a_second(head: bytes) -> int:
    """Return the rate at which a WAV's samples are played: computed, not the one it only names."""
    if not (head.startswith(b"RIFF") and head[8:12] == b"WAVE"):
        return 0
    place = 12
    try:
        while head[place : place + 4] != b"fmt ":
            (length,) = struct.unpack_from("<I", head, place + 4)
            place += 8 + length + length % 2
        form, channels, rate, _named, _block, bits = struct.unpack_from("<HHIIHH", head, place + 8)
    except struct.error:
        return 0
    return rate * channels * (bits // 8) if form in PCM else 0
