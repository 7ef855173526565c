"""`manage.py gateway`: the gateway on a port of its own, one process per core."""

import socket
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandParser

from gateway import serving
from gateway.app import server

GRACE = 30


class Command(BaseCommand):
    """Serve `/v1`, `/healthz` and `/readyz` until SIGTERM, then let running answers end."""

    help = "Serve the gateway on a port of its own."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to listen, how long answers may take to end, and how long before it is told."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--grace", type=int, default=GRACE, help="seconds, at SIGTERM")
        parser.add_argument(
            "--notice",
            type=float,
            default=0.0,
            help="seconds in which /readyz says 503 and all is still served, before the port closes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        listening = _socket(options["host"], options["port"])
        uvloop.run(serving.serve(server, listening, options["grace"], options["notice"]))


def _socket(host: str, port: int) -> socket.socket:
    """Return a listening socket that other gateway processes may share."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, port))
    return listening
