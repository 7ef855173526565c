"""A real inference engine: `transformers serve` with a model that was built on the spot."""

import json
import os
import subprocess
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from portal.embedded import launch
from portal.environment import ROOT
from tests.support import processes

BIN = Path(os.environ.get("ENGINES_BIN") or ROOT / ".venv-engines" / "bin")
SCRIPT = ROOT / "tests" / "engines" / "model.py"
MODEL = "tessera/tiny"
#: The number of the token that ends an answer.
END = 3
#: A core for the engine, the other one for everything else.
QUIET = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(*arguments, **options):
    """Start a program of the engine's environment that dies with us."""
    command = launch.mortal([str(each) for each in arguments])
    return subprocess.Popen(
        command, env={**os.environ, **QUIET, **options.pop("env", {})}, **options
    )


def build(home):
    """Lay the model into the folder, as if it had been downloaded."""
    builder = run(BIN / "python", SCRIPT, "build", home, stderr=subprocess.DEVNULL)
    assert builder.wait(timeout=120) == 0


class EngineServer:
    """One engine on a port of its own."""

    def __init__(self, home):
        self.port = processes.free_port()
        self.log = home / f"engine-{self.port}.log"
        command = [BIN / "transformers", "serve", MODEL, "--device", "cpu"]
        command += ["--host", "127.0.0.1", "--port", self.port]
        with self.log.open("wb") as log:
            self.process = run(*command, env={"HF_HOME": str(home)}, stdout=log, stderr=log)

    @property
    def base_url(self):
        """Return the address an upstream has."""
        return f"http://127.0.0.1:{self.port}/v1"

    def wait_until_ready(self):
        """Wait until it has loaded the model."""
        assert launch.wait_until(self.is_ready, seconds=90), self.log.read_text()

    def is_ready(self):
        """Tell whether it takes requests; fail at once when it has ended."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("GET", "/health")[0] == 200
        except (OSError, HTTPException):
            return False

    def ask(self, method, path, body=None):
        """Return status and JSON of a request without a gateway in between."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def prompt_tokens(self, body):
        """Return how many tokens it counts for the prompt of a chat."""
        asked = {**body, "model": MODEL, "max_tokens": 1}
        status, answer = self.ask("POST", "/v1/chat/completions", asked)
        assert status == 200, answer
        return answer["usage"]["prompt_tokens"]

    def kill(self):
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


class Counter:
    """The engine's own tokenizer, in a process of its own."""

    def __init__(self, home):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = run(BIN / "python", SCRIPT, "count", home, **pipes)

    def __call__(self, asked):
        """Return the number of tokens of a text, or of the prompt of a chat."""
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def stop(self):
        """End it."""
        self.process.stdin.close()
        self.process.wait(timeout=20)
