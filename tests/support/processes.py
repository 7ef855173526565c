"""Which processes belong to a Tessera started by a test, whatever has become of their parents."""

import os
import random
import socket
from pathlib import Path


def of_state(state):
    """Return the processes that were started for this state folder, dead ones left out."""
    return sorted(int(entry.name) for entry in Path("/proc").iterdir() if belongs(entry, state))


def belongs(entry, state):
    """Tell whether a process has the folder in its environment or works inside it."""
    if not entry.name.isdigit() or int(entry.name) == os.getpid():
        return False
    try:
        variables = (entry / "environ").read_bytes()
        folder = (entry / "cwd").readlink()
    except OSError:
        return False
    return f"TESSERA_STATE={state}\0".encode() in variables or folder.is_relative_to(state)


def free_port():
    """Return a port that has the three above it free as well, in a range of this worker's own."""
    lowest = 20_000 + 2_000 * (worker_number() % 5)
    while True:
        first = random.randrange(lowest, lowest + 2_000, 4)  # noqa: S311 - no secret
        if all(is_free(first + offset) for offset in range(4)):
            return first


def worker_number():
    """Return the number of this pytest-xdist worker, 0 without workers."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1")[2:]) + 1


def is_free(port):
    """Tell whether nobody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
