"""Start the simulator: ``python -m billing.payments.loopback --port 8002 …``."""

import logging
import sys

import uvicorn

from billing.payments.loopback import application, options
from billing.payments.loopback.store import StateFolderInUse


def main() -> int:
    """Serve until told to stop; return the process's exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    given = options.parse()
    try:
        app = application.build(given)
    except StateFolderInUse as error:
        sys.stderr.write(f"{error}\n")
        return 1
    uvicorn.run(
        app,
        host=given.host,
        port=given.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
