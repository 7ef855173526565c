"""A server that lists models as a test has scripted it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ListingEngine:
    """Answers ``GET /v1/models``; remembers what it was asked with."""

    def __init__(self):
        self.models = ["nova-instruct"]
        self.status = 200
        self.statuses = {}
        self.raw = None
        self.location = ""
        self.asked = []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                engine.asked.append((self.path, self.headers.get("Authorization")))
                self.send_response(engine.statuses.get(self.path, engine.status))
                if engine.location:
                    self.send_header("Location", engine.location)
                self.end_headers()
                self.wfile.write(engine.body())

            def log_message(self, *_arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def body(self):
        """Return OpenAI's list of models, or what the test wants instead."""
        listed = {"object": "list", "data": [{"id": name} for name in self.models]}
        return json.dumps(listed).encode() if self.raw is None else self.raw

    @property
    def base_url(self):
        """Return the address a server of ours has."""
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def stop(self):
        """Refuse connections from now on."""
        self.server.shutdown()
        self.server.server_close()
