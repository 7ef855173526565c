"""Whether an example stood there before; plain Python."""

import hashlib
import json
from array import array
from typing import Any

FIRST_SIZE = 1 << 10
FULLEST = 0.7
#: One way of writing an example; made once, since making it costs as much as using it.
WRITER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Seen:
    """Remembers examples by 64 bits of a hash each: 12 to 23 bytes an example, however long they are.

    Of ten million different examples, two are taken for the same in three cases of a million.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * FIRST_SIZE))
        self._count = 0

    def add(self, example: dict[str, Any]) -> bool:
        """Remember an example; return whether it, word for word, was remembered before."""
        if self._count >= FULLEST * len(self._slots):
            self._grow()
        is_new = _put(self._slots, _mark(example))
        self._count += is_new
        return not is_new

    def _grow(self) -> None:
        larger = array("Q", bytes(16 * len(self._slots)))
        for mark in self._slots:
            if mark:
                _put(larger, mark)
        self._slots = larger


def _put(slots: "array[int]", mark: int) -> bool:
    """Put the mark where it belongs, or behind; return whether it was not there."""
    last = len(slots) - 1
    place = mark & last
    while (there := slots[place]) and there != mark:
        place = (place + 1) & last
    slots[place] = mark
    return there != mark


def _mark(example: dict[str, Any]) -> int:
    text = WRITER.encode(example)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) or 1
