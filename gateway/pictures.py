"""How large a picture is, read from the first bytes of its data: URL as decoders read them.

Nothing is decoded. What cannot be read so has no size: it counts as the largest there is. So does a
GIF, whose frames may be larger than the screen it names.
"""

import base64
import binascii
import struct
from collections.abc import Callable
from typing import Any

#: So many bytes are looked at, then so many: cameras put previews before the size.
LOOKED_AT = (3 * 1024, 384 * 1024)
NO_SIZE = (0, 0)
#: Markers of JPEG that begin a frame, and so tell its size.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without anything behind them.
BARE = frozenset({0x01, *range(0xD0, 0xD9)})

Size = tuple[int, int]


def measured(value: Any) -> tuple[int, int, str]:
    """Return width, height and the detail asked for of an ``image_url``."""
    detail = value.get("detail") if isinstance(value, dict) else None
    address = value.get("url") if isinstance(value, dict) else value
    width, height = _size(address) if isinstance(address, str) else NO_SIZE
    return width, height, detail if isinstance(detail, str) else "auto"


def _size(address: str) -> Size:
    kind, comma, data = address.partition(",")
    if not comma or not kind.endswith(";base64"):
        return NO_SIZE
    for length in LOOKED_AT:
        try:
            found = size(base64.b64decode(data[: length // 3 * 4], validate=True))
        except (binascii.Error, ValueError):
            return NO_SIZE
        if found != NO_SIZE:
            return found
    return NO_SIZE


def size(data: bytes) -> Size:
    """Return width and height, zeros where they cannot be told."""
    for mark, reader in READERS.items():
        if data.startswith(mark):
            try:
                return reader(data)
            except (struct.error, IndexError):
                return NO_SIZE
    return NO_SIZE


def _png(data: bytes) -> Size:
    if data[12:16] != b"IHDR":
        return NO_SIZE
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg(data: bytes) -> Size:
    place = 2
    while data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in BARE:
            place += 2
        elif marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        else:
            (length,) = struct.unpack_from(">H", data, place + 2)
            place += 2 + length
    return NO_SIZE


def _webp(data: bytes) -> Size:
    if data[8:12] != b"WEBP":
        return NO_SIZE
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return NO_SIZE


READERS: dict[bytes, Callable[[bytes], Size]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
}
