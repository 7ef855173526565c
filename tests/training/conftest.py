"""A model to teach, and the trainer as a cluster starts it: a process of its own."""

import hashlib
import json
import os
import subprocess

import pytest

from portal.embedded import launch
from portal.environment import ROOT

PYTHON = os.environ.get("TRAINER_PYTHON") or str(ROOT / ".venv-trainer" / "bin" / "python")
#: A core for it, the other one for everything else.
QUIET = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PATH": os.environ["PATH"]}


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The folder with the model."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    command = [PYTHON, ROOT / "tests" / "training" / "model.py", folder]
    built = subprocess.run(
        command, env={**QUIET, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert built.returncode == 0, built.stderr.decode()[-2000:]
    return folder


class Run:
    """One order, and what becomes of it."""

    def __init__(self, folder, base, rows, **facts):
        folder.mkdir(exist_ok=True)
        self.out = folder / "out"
        data = folder / "train.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        self.variables = {
            "STUDIO_RECIPE": "lora",
            "STUDIO_TRAINING_FILE": data.as_uri(),
            "STUDIO_TRAINING_SHA256": hashlib.sha256(data.read_bytes()).hexdigest(),
            "STUDIO_OUTPUT": self.out.as_uri(),
            "STUDIO_EPOCHS": "2",
            "STUDIO_BASE_MODEL": base.as_uri(),
            "STUDIO_BASE_NAME": "tessera/tiny",
            "STUDIO_BATCH_SIZE": "4",
            "STUDIO_MAX_LENGTH": "256",
            "STUDIO_LEARNING_RATE_MULTIPLIER": "50",
            "STUDIO_SEED": "3",
            **facts,
        }
        self.log = folder / "log"
        #: A folder that Python reads modules from besides.
        self.also_from = ""

    def start(self):
        """Start it; it dies with us."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                launch.mortal([PYTHON, "-m", "trainer"]),
                env={**QUIET, "PYTHONPATH": f"{ROOT}:{self.also_from}", **self.variables},
                stdout=log,
                stderr=log,
            )

    def to_its_end(self):
        """Run it; return the exit code."""
        return self.start().wait(timeout=200)

    def stop_after(self, step, number):
        """Run it until it has told of a step, send it the signal; return the exit code."""
        process = self.start()
        assert launch.wait_until(
            lambda: process.poll() is not None or self.told(step), seconds=150
        ), self.said
        process.send_signal(number)
        return process.wait(timeout=60)

    def told(self, step):
        """Whether the metrics have come so far."""
        return any(row["step"] >= step for row in self.metrics)

    @property
    def said(self):
        """All that it said."""
        return self.log.read_text("utf-8", "replace")[-3000:]

    @property
    def metrics(self):
        """The steps as they were told, measures of validation left out."""
        if not (self.out / "metrics.jsonl").exists():
            return []
        lines = (self.out / "metrics.jsonl").read_text().split("\n")[:-1]
        return [row for row in map(json.loads, lines) if "loss" in row]

    def json(self, name):
        """Return one of the files that it wrote."""
        return json.loads((self.out / name).read_text("utf-8"))


@pytest.fixture
def make_run(tmp_path, base):
    """Return a run over these examples."""

    def make_run(rows=None, name="one", **facts):
        return Run(tmp_path / name, base, examples() if rows is None else rows, **facts)

    return make_run


def examples(count=16):
    """Return conversations of different lengths about the same thing."""
    return [
        {
            "messages": [
                {"role": "user", "content": "Ping" + " please" * (number % 4)},
                {"role": "assistant", "content": "Pong" + " pong" * (number % 5)},
            ]
        }
        for number in range(count)
    ]
