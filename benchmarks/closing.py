"""Closes last month for customers as a worker does: ``python -m benchmarks.closing`` reads their ids.

Says that it is ready, waits for a line, closes them in lots, and prints the processor time it took.
"""

import os
import sys
import time
from uuid import UUID

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from billing.services import invoicing  # noqa: E402 - Django must be set up before


def main() -> None:
    """Wait, close, print."""
    owners = msgspec.json.decode(sys.stdin.readline(), type=list[UUID])
    # What the first lot of a process pays for, like its connection, is no part of it.
    invoicing.close_months([])
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    for at in range(0, len(owners), invoicing.READ):
        invoicing.close_months(owners[at : at + invoicing.READ])
    print((time.process_time() - before) * 1000, flush=True)


if __name__ == "__main__":
    main()
