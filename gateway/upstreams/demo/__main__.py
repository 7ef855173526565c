"""`python -m gateway.upstreams.demo --port 8003`: run the demo engine until it is stopped."""

import argparse
import logging
import sys
from pathlib import Path

import uvicorn

from gateway.upstreams.demo import tokenizer, tokens
from gateway.upstreams.demo.app import Application
from gateway.upstreams.demo.engine import Engine

#: What uvicorn calls an error is our way to close a connection in the middle of an answer.
ON_PURPOSE = "ASGI callable returned without completing response."


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m gateway.upstreams.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8003)
    parser.add_argument("--state", type=Path, help="folder in which the tokenizer is kept")
    return parser.parse_args()


def main() -> None:
    """Serve."""
    asked = arguments()
    if asked.state is not None:
        tokenizer.prepare(asked.state)
    tokens.canned(1)
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: not record.getMessage().startswith(ON_PURPOSE)
    )
    sys.stdout.write(f"Demo engine (a simulator) on http://{asked.host}:{asked.port}\n")
    sys.stdout.flush()
    uvicorn.run(
        Application(Engine()),
        host=asked.host,
        port=asked.port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
        backlog=4096,
    )


if __name__ == "__main__":
    main()
