"""``python -m compute.schedulers.local --root FOLDER``: run the local cluster's node."""

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any

from compute.schedulers.local.node import Lock, Node

ATTEMPTS = 10


def main() -> int:
    """Run until SIGTERM or SIGINT; refuse a folder that another node works on."""
    parser = argparse.ArgumentParser(description="Run jobs of the local cluster.")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--places", type=int, default=2)
    asked = parser.parse_args()
    node = Node(asked.root, places=asked.places)

    def stop(*_: Any) -> None:
        node.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    lock = Lock(asked.root)
    if not take(lock):
        sys.stderr.write(f"Another node works on {asked.root}.\n")
        return 1
    node.run()
    return 0


def take(lock: Lock) -> bool:
    """Return whether the folder is ours; somebody who only asks holds the lock for an instant."""
    for _ in range(ATTEMPTS):
        if lock.take():
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    sys.exit(main())
