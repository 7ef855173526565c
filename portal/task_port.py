"""The port on which a worker tells its counts: the first free one from ``METRICS_ADDRESS`` on."""

import errno
import logging
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from celery import Celery, signals
from django.conf import settings
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from gateway.exposition import MEDIA, may_read
from gateway.metrics_port import MOST_PROCESSES
from portal.task_counts import Counts

logger = logging.getLogger(__name__)
PATIENCE = 5.0


class _Page(BaseHTTPRequestHandler):
    """Answers GET /metrics to who may read it, and 404 to all else."""

    timeout = PATIENCE

    def __init__(self, registry: CollectorRegistry, *args: Any) -> None:
        self._registry = registry
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer."""
        headers = {
            name.lower().encode(): value.encode("latin-1", "replace")
            for name, value in self.headers.items()
        }
        allowed = may_read(headers, self.client_address[0], settings.METRICS_TOKEN)
        if self.path != "/metrics" or not allowed:
            self.send_error(404)
            return
        body = generate_latest(self._registry)
        self.send_response(200)
        self.send_header("content-type", MEDIA)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Keep scrapes out of the log."""


@signals.worker_ready.connect
def _open(sender: Any, **_rest: Any) -> None:
    """Tell counts from a thread of the worker's parent, where an address is set for it."""
    if settings.METRICS_ADDRESS:
        serve(sender.app, *settings.METRICS_ADDRESS)


def serve(app: Celery, host: str, first: int) -> None:
    """Listen on the first port that is free; without one, tasks are done all the same."""
    registry = CollectorRegistry()
    registry.register(Counts(app))
    ProcessCollector(registry=registry)
    for port in range(first, first + MOST_PROCESSES):
        try:
            server = ThreadingHTTPServer((host, port), partial(_Page, registry))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            logger.warning("metrics cannot be served at %s:%s: %s", host, port, error)
            return
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return
    logger.warning("no port for metrics is free from %s on", first)
