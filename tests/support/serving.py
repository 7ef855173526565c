"""An engine of paper: says where it listens, is well, and answers as OpenAI's chats do.

Run by a cluster as a service; it needs nothing but Python.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "Pong pong pong"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class Engine(BaseHTTPRequestHandler):
    """Answers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Say that all is well, unless it is asked where it is not."""
        self.answer({"status": "ok"}, 503 if self.path == "/ill" else 200)

    def do_POST(self):
        """Answer a chat; all of it is the same."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": ANSWER}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.answer(
            {
                "id": "chatcmpl-paper", "object": "chat.completion", "created": 1,
                "model": asked["model"], "choices": [choice], "usage": USAGE,
            }
        )  # fmt: skip

    def answer(self, facts, status=200):
        """Send JSON."""
        body = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    sys.stdout.write(f"listens at http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
