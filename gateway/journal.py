"""The append-only file in which this process writes down usage before an answer ends.

One line per event; the last line of an event counts, so a stream in flight is written again as it
goes. The file is locked as long as its process lives: whoever can lock it may replay it.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from billing.funds import Settled

SUFFIX = ".journal"
#: Events that PostgreSQL refused, with the reason.
ASIDE = "refused.jsonl"
#: At this size lines that are in PostgreSQL are dropped.
SPENT = 4 * 1024 * 1024


class Journal:
    """The journal of the present process."""

    def __init__(self, folder: Path, process_id: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / (process_id + SUFFIX)
        self._encoder = msgspec.json.Encoder(decimal_format="string")
        self._file = _locked(self.path)
        self.size = 0
        #: What stands before the next line: after a line that broke off, an end for it.
        self._before = b""

    def write(self, settled: Settled) -> None:
        """Append the event; when this returns the kernel has it, and ``kill -9`` cannot undo it."""
        line = self._before + self._encoder.encode(settled) + b"\n"
        try:
            self.size += _append(self._file, line)
        except OSError:
            self._before = b"\n"
            raise
        self._before = b""

    def set_aside(self, settled: Settled, reason: str) -> None:
        """Keep an event that the books refuse where people find it; it is never dropped."""
        line = self._encoder.encode({"reason": reason, "event": settled}) + b"\n"
        with (self.path.parent / ASIDE).open("ab") as file:
            file.write(line)

    def compact(self, unrecorded: Iterable[Settled]) -> None:
        """Once the file is large, keep only the events that are still to be recorded."""
        if self.size < SPENT:
            return
        fresh = self.path.with_suffix(".fresh")
        file = _locked(fresh)
        lines = b"".join(self._encoder.encode(settled) + b"\n" for settled in unrecorded)
        try:
            size = _append(file, lines)
        except OSError:
            os.close(file)
            fresh.unlink(missing_ok=True)
            raise
        fresh.replace(self.path)
        self.size = size
        os.close(self._file)
        self._file = file

    def close(self, *, remove: bool) -> None:
        """Let go of the file, and of what it holds when all of that is recorded."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


def _locked(path: Path) -> int:
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_TRUNC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _append(file: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    return len(data)


class Leftover:
    """The journal of a process that has ended."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.process_id = path.name.removesuffix(SUFFIX)
        self._file = file

    def events(self) -> list[Settled]:
        """Return each event's last line; a line cut off by the end is skipped."""
        last: dict[str, Settled] = {}
        with open(self._file, "rb", closefd=False) as file:
            for line in file:
                try:
                    event = msgspec.json.decode(line, type=Settled)
                except (msgspec.DecodeError, msgspec.ValidationError):
                    continue
                last[event.event_id] = event
        return list(last.values())

    def close(self, *, remove: bool) -> None:
        """Let go of the file; remove it once its events are recorded."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


def leftovers(folder: Path) -> Iterator[Leftover]:
    """Find the journals whose processes have ended, each locked for us alone."""
    for path in sorted(folder.glob("*" + SUFFIX)):
        file = _abandoned(path)
        if file is not None:
            yield Leftover(path, file)


def _abandoned(path: Path) -> int | None:
    """Return the locked file; None when its process lives or another has taken it up."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A living process may have put a new file here, another may have finished with this one.
        if os.path.samestat(os.fstat(file), os.stat(path)):  # noqa: PTH116 - compared by inode
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(file)
    return None
