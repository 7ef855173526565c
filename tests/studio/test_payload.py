"""What runs on the cluster, in a process of its own as there."""

import hashlib
import json
import signal
import subprocess
import sys
import time

import pytest

from compute.scheduler import JobSpec
from portal.environment import ROOT
from studio.recipes import dry
from studio.recipes.run import Run
from studio.validation.dataset import check
from tests.studio.conftest import dataset

CONTENT = dataset(20, question="How many marks are there?")


@pytest.fixture
def given(tmp_path):
    """A run over a file on disk."""
    file = tmp_path / "my train.jsonl"
    file.write_bytes(CONTENT)

    def given(**facts):
        facts = {
            "name": "ft-one-a1",
            "training_file": file.as_uri(),
            "training_sha256": hashlib.sha256(CONTENT).hexdigest(),
            "output": (tmp_path / "out").as_uri(),
            "epochs": 2,
            "seed": 1,
            **facts,
        }
        return dry.job_spec(Run(**facts))

    return given


def start(spec):
    """Start what the cluster would start."""
    return subprocess.Popen(
        [sys.executable, *spec.command[1:]],
        env={"PYTHONPATH": str(ROOT), **spec.environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def run(spec):
    """Run it to its end; return the exit code and what it said."""
    process = start(spec)
    return process.communicate(timeout=60)[1], process.returncode


def test_a_recipe_is_a_pure_function(given):
    assert given() == given()
    assert JobSpec.from_facts(given().facts()).fingerprint() == given().fingerprint()


def test_what_is_counted_on_the_cluster_is_what_was_counted_before(given, tmp_path):
    with (tmp_path / "my train.jsonl").open("rb") as content:
        tokens = check(content).tokens

    assert run(given()) == ("", 0)

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["tokens"], manifest["trains"]) == (tokens * 2, False)
    assert [mark["step"] for mark in manifest["checkpoints"]] == [20, 40]
    for entry in manifest["files"]:
        content = (tmp_path / "out" / entry["path"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_run_that_was_cut_short_starts_anew_and_counts_the_same(given, tmp_path):
    run(given())
    first = (tmp_path / "out" / "manifest.json").read_text()
    (tmp_path / "out" / "manifest.json").unlink()

    run(given())

    assert (tmp_path / "out" / "manifest.json").read_text() == first


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"training_sha256": "0" * 64}, 65),
        ({"training_file": "file:///nowhere"}, 66),
        ({"training_file": "https://elsewhere.example/train.jsonl"}, 64),
        ({"epochs": "many"}, 64),
    ],
)
def test_whose_fault_it_was_is_the_exit_code(given, tmp_path, facts, code):
    said, exit_code = run(given(**facts))

    assert exit_code == code
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_asked_to_end_it_ends_between_two_examples_and_asks_to_be_tried_again(given, tmp_path):
    process = start(given(epochs=1_000_000))
    while not (tmp_path / "out" / "checkpoint-5.json").exists():
        time.sleep(0.01)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == 75
    assert not (tmp_path / "out" / "manifest.json").exists()
