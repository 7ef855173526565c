"""Files in one file, written piece by piece: nothing of it stands in memory or on a disk as a whole."""

import zipfile
from collections.abc import Iterable, Iterator

#: So many bytes are handed on at once.
PIECE = 64 * 1024


class _Pieces:
    """What was written and not handed on yet; nobody can go back in it."""

    def __init__(self) -> None:
        self.kept = bytearray()

    def write(self, data: bytes) -> int:
        """Keep the bytes."""
        self.kept += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: whatever was written is there."""

    def taken(self) -> bytes:
        """Return what was kept, and keep it no longer."""
        found = bytes(self.kept)
        self.kept.clear()
        return found


def zipped(files: Iterable[tuple[str, Iterable[str]]]) -> Iterator[bytes]:
    """Yield a ZIP of texts by their names; one that breaks off is no ZIP to any reader."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, texts in files:
            with archive.open(name, "w", force_zip64=True) as file:
                for text in texts:
                    file.write(text.encode())
                    if len(pieces.kept) >= PIECE:
                        yield pieces.taken()
    yield pieces.taken()
