"""vLLM as far as adapters go: its addresses, its words, its statuses; it forgets when it restarts."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = "base"


class FakeVllm:
    """A server on a port of its own."""

    def __init__(self):
        self.adapters = {}
        self.asked = []
        self.is_full = False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, {"object": "list", "data": owner.models()})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                owner.asked.append((self.path, body["lora_name"]))
                self.answer(*owner.change(self.path.removeprefix("/v1/"), body))

            def answer(self, status, facts):
                body = json.dumps(facts).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base_url(self):
        """Return the address an upstream has."""
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def models(self):
        """Return what it lists: its base, and every adapter with where it lies."""
        listed = [{"id": BASE, "object": "model", "root": BASE}]
        return listed + [
            {"id": name, "object": "model", "root": path, "parent": BASE}
            for name, path in self.adapters.items()
        ]

    def change(self, what, asked):
        """Load or unload; return the status and what it says."""
        name = asked["lora_name"]
        is_there = name in self.adapters
        if what == "unload_lora_adapter":
            if not is_there:
                words = f"The lora adapter '{name}' cannot be found."
                return 404, {"error": {"message": words, "type": "NotFoundError", "code": 404}}
            del self.adapters[name]
            return 200, f"Success: LoRA adapter '{name}' removed successfully."
        if is_there:
            words = f"The lora adapter '{name}' has already been loaded."
            return 400, {"error": {"message": words, "type": "InvalidUserInput", "code": 400}}
        if self.is_full or not any(Path(asked["lora_path"]).glob("*.safetensors")):
            words = f"No adapter found for {asked['lora_path']}"
            return 404, {"error": {"message": words, "type": "NotFoundError", "code": 404}}
        self.adapters[name] = asked["lora_path"]
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def restart(self):
        """Forget what was loaded."""
        self.adapters.clear()

    def stop(self):
        """Close the port."""
        self.server.shutdown()
        self.server.server_close()
