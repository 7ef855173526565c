"""The state folder: what Tessera keeps on this machine's disk, and the sockets beside it."""

import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from portal.variables import ConfigurationError

# A socket's path may have 107 bytes; PostgreSQL's is the longest we make: "/.s.PGSQL.5432.lock".
LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432.lock")


def prepare(state: Path) -> None:
    """Make the folder, closed to other users."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = state / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"TESSERA_STATE is {str(state)!r}, which cannot be written ({error.strerror}); "
            "accepted: a folder that this user may create or write."
        ) from None


def sockets(state: Path) -> Path:
    """Return the folder of the sockets: in the state folder, or a short one when that is deep."""
    folder = state / "run"
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        return folder
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tessera-{os.getuid()}-{name}"


def prepare_sockets(state: Path) -> Path:
    """Make the folder of the sockets, ours alone; refuse one that somebody else made."""
    folder = sockets(state)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigurationError(
            f"TESSERA_STATE needs the socket folder {str(folder)!r}, which belongs to another "
            "user; accepted: a state folder with a shorter path."
        )
    folder.chmod(0o700)
    return folder


def secret_key(state: Path) -> str:
    """Return this installation's secret, made once and readable by its user alone."""
    path = state / "secret_key"
    prepare(state)
    draft = state / f".secret_key-{os.getpid()}-{secrets.token_hex(4)}"
    if not path.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            # A link is made by one process alone, and never shows a half-written file.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii").strip()
