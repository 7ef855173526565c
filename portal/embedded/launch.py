"""How a program of ours is started so that it never outlives us and never runs as root."""

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path

# PostgreSQL refuses to run as root. In a user namespace of its own the same files belong to
# "nobody" inside and to root outside, so nothing in the state folder changes hands.
AS_NOBODY = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]


def mortal(command: list[str], *, signal: str = "TERM") -> list[str]:
    """Return the command that gets this signal from the kernel when its parent dies."""
    return ["setpriv", "--pdeathsig", signal, "--", *command]


def unprivileged(command: list[str]) -> list[str]:
    """Return the command that runs as somebody who is not root."""
    return [*AS_NOBODY, *command] if os.geteuid() == 0 else command


def package_folder(name: str) -> Path:
    """Return where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def alive(pid: int, words: str) -> bool:
    """Tell whether the process runs and its command line holds these words."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(words) in line


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Tell whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
