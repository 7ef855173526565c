"""The trainer teaches, for real: a tiny model, on the CPU."""

import csv
import hashlib
import signal

import pytest

from tests.training.conftest import examples
from trainer import lesson
from trainer.tokenise import Tokeniser


@pytest.mark.timeout(240)
def test_a_model_is_taught_and_everything_about_it_is_left(make_run, base):
    run = make_run()
    validation = run.variables["STUDIO_TRAINING_FILE"]
    run.variables["STUDIO_VALIDATION_FILE"] = validation
    run.variables["STUDIO_VALIDATION_SHA256"] = run.variables["STUDIO_TRAINING_SHA256"]

    assert run.to_its_end() == 0, run.said

    losses = [row["loss"] for row in run.metrics]
    assert losses[-1] < losses[0] - 0.3
    counted = lesson.encode(examples(), Tokeniser.of(base), max_length=256)
    manifest = run.json("manifest.json")
    assert manifest["tokens"] == counted.tokens * 2 == run.json("receipt.json")["tokens"]
    assert [mark["step"] for mark in manifest["checkpoints"]] == [4, 8]
    assert run.json("checkpoint-2.json")["metrics"]["eval_loss"] < losses[0]
    for entry in manifest["files"]:
        content = (run.out / entry["path"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    settings = run.json("adapter/adapter_config.json")
    assert (settings["base_model_name_or_path"], settings["r"]) == ("tessera/tiny", 16)
    assert {path.suffix for path in (run.out / "adapter").iterdir()} <= {
        ".json", ".safetensors", ".jinja",
    }  # fmt: skip
    table = list(csv.DictReader((run.out / "result.csv").open()))
    assert (len(table), table[3]["valid_loss"] != "") == (8, True)


@pytest.mark.timeout(240)
def test_a_whole_model_is_taught(make_run):
    run = make_run(STUDIO_RECIPE="full", STUDIO_EPOCHS="1", STUDIO_LEARNING_RATE_MULTIPLIER="500")

    assert run.to_its_end() == 0, run.said

    assert run.metrics[-1]["loss"] < run.metrics[0]["loss"]
    assert (run.out / "model" / "model.safetensors").exists()
    assert run.json("manifest.json")["learnt"] == "model"


@pytest.mark.timeout(360)
def test_killed_and_asked_to_end_it_reads_the_same_in_the_same_order_and_bills_it_once(make_run):
    plain = make_run(name="plain")
    assert plain.to_its_end() == 0, plain.said
    run = make_run(name="stopped", STUDIO_SAVE_SECONDS="0")

    assert run.stop_after(3, signal.SIGKILL) == -signal.SIGKILL
    assert run.json("receipt.json")["step"] in (1, 2, 3)
    assert run.stop_after(5, signal.SIGTERM) == 75, run.said
    stopped = run.json("receipt.json")
    assert 5 <= stopped["step"] < 8
    assert stopped["tokens"] == plain.metrics[stopped["step"] - 1]["cum_tokens"]
    assert not (run.out / "manifest.json").exists()
    # Another attempt, in a folder of its own, goes on from what the first has left.
    again = make_run(name="again", STUDIO_EARLIER=run.out.as_uri())
    assert again.to_its_end() == 0, again.said

    assert again.json("receipt.json") == plain.json("receipt.json")
    told = [(row["step"], row["cum_tokens"]) for row in again.metrics]
    assert told == [(row["step"], row["cum_tokens"]) for row in plain.metrics]
    losses = [row["loss"] for row in plain.metrics]
    assert [row["loss"] for row in again.metrics] == pytest.approx(losses, abs=1e-4)


@pytest.mark.timeout(240)
def test_a_state_that_was_tampered_with_is_not_read(make_run):
    run = make_run(STUDIO_SAVE_SECONDS="0")
    assert run.stop_after(3, signal.SIGTERM) == 75, run.said
    for path in run.out.glob("states/*/optimizer.pt"):
        path.write_bytes(path.read_bytes() + b"x")

    assert run.to_its_end() == 0, run.said

    assert [row["step"] for row in run.metrics] == list(range(1, 9))


@pytest.mark.timeout(240)
def test_a_loss_that_is_no_number_is_told_to_who_asked(make_run):
    run = make_run(STUDIO_LEARNING_RATE_MULTIPLIER="1e30", STUDIO_RECIPE="full")

    assert run.to_its_end() == 65, run.said

    error = run.json("error.json")
    assert (error["code"], error["param"]) == ("loss_not_finite", "learning_rate_multiplier")


def weightless():
    """Return examples that teach nothing."""
    return [
        {"messages": [*row["messages"][:1], {**row["messages"][1], "weight": 0}]}
        for row in examples()
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("rows", "facts", "code", "word"),
    [
        (weightless(), {}, 65, "nothing_to_learn"),
        (None, {"STUDIO_MAX_LENGTH": "8"}, 65, "nothing_to_learn"),
        (None, {"STUDIO_TRAINING_SHA256": "0" * 64}, 65, "file_changed"),
        (None, {"STUDIO_TRAINING_FILE": "file:///nowhere"}, 66, "file_not_found"),
        (None, {"STUDIO_BASE_MODEL": "file:///nowhere"}, 66, "base_model"),
        (None, {"STUDIO_RECIPE": "qlora"}, 64, "recipe_unavailable"),
        (None, {"STUDIO_BATCH_SIZE": "0"}, 64, "invalid_order"),
    ],
)
def test_whose_fault_it_was_is_the_exit_code_and_stands_in_a_file(
    make_run, rows, facts, code, word
):
    run = make_run(rows, **facts)

    assert run.to_its_end() == code, run.said

    assert run.json("error.json")["code"] == word
    assert "Traceback" not in run.said
    assert not (run.out / "manifest.json").exists()
