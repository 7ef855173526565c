"""A whole Tessera, started as people start it: `manage.py up` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import openai

from portal.embedded.launch import wait_until
from portal.environment import ROOT
from tests.support import processes

REPLACEMENTS = ("DATABASE_URL", "DATABASE_ADMIN_URL", "DATABASE_SERVICE_URL", "REDIS_URL")
SETTINGS = ("ENGINE_URL", "ENGINE_API_KEY", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "EMAIL_URL")


class Instance:
    """One run of `manage.py up` on ports and a state folder of its own."""

    def __init__(self, state, port=None, **variables):
        self.state = state
        self.port = port or processes.free_port()
        own = {"TESSERA_STATE": str(state), "PORT": str(self.port), **variables}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in (*REPLACEMENTS, *SETTINGS, "DEMO", "DJANGO_SETTINGS_MODULE")
        }
        self.environment = {**inherited, **own}
        self.lines = []
        self.first_words = ""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """Collect what it writes."""
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self):
        """Return all it has written so far."""
        return "".join(self.lines)

    def wait_until_ready(self, seconds=180):
        """Wait for the addresses; return how long the start took."""
        finished = wait_until(
            lambda: "Ctrl-C stops" in self.output or self.process.poll() is not None,
            seconds=seconds,
        )
        assert finished, self.output
        assert self.process.poll() is None, self.output
        self.first_words = self.output
        return time.monotonic() - self.started

    def end(self, number=signal.SIGINT):
        """Send the signal; return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=20)
        self.reader.join(timeout=10)
        return status

    def processes(self):
        """Return every process that belongs to it."""
        return processes.of_state(self.state)

    def child(self, words):
        """Return the child whose command line holds these words, None when there is none."""
        own = self.process.pid
        found = [pid for pid in self.processes() if pid != own and words in command_line(pid)]
        return min(found, default=None)

    def get(self, path, port=None):
        """Return the status of a GET, 0 when nobody answers."""
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": f"localhost:{self.port}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def call(self, model):
        """Call a model with the key of a demo organization; return the tokens of the answer."""
        demo = json.loads((self.state / "demo.json").read_text("utf-8"))
        key = next(iter(demo["organizations"].values()))["api_key"]
        client = openai.OpenAI(base_url=f"http://localhost:{self.port}/v1", api_key=key)
        messages = [{"role": "user", "content": "Say five words."}]
        answer = client.chat.completions.create(model=model, messages=messages, max_tokens=20)
        return answer.usage.completion_tokens


def command_line(pid):
    """Return a process's command line in one string."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return line.replace(b"\0", b" ").decode()
