"""The trainer finds its pace where memory does not suffice: a GPU's way to say so, on the CPU."""

import pytest

#: Read by Python as it starts: reading more than so many examples at once, from the fourth time on.
SHORT_OF_MEMORY = """
import torch

read, calls = torch.nn.Embedding.forward, 0

def forward(self, input):
    global calls
    calls += 1
    if len(input) > {most} and calls > 3:
        raise {error}
    return read(self, input)

torch.nn.Embedding.forward = forward
"""
ERRORS = [
    'torch.OutOfMemoryError("CUDA out of memory.")',
    'RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")',
]


@pytest.fixture
def short_of_memory(tmp_path):
    """Return the variables of a run that has memory for so many examples at once."""

    def short_of_memory(most, error=ERRORS[0]):
        code = SHORT_OF_MEMORY.format(most=most, error=error)
        (tmp_path / "sitecustomize.py").write_text(code, "utf-8")
        return tmp_path

    return short_of_memory


@pytest.mark.timeout(240)
@pytest.mark.parametrize("error", ERRORS)
def test_it_goes_on_with_fewer_at_once_and_teaches_and_bills_the_same(
    make_run, short_of_memory, error
):
    plain = make_run(name="plain")
    assert plain.to_its_end() == 0, plain.said
    run = make_run(name="short", STUDIO_SAVE_SECONDS="0")
    run.also_from = short_of_memory(1, error)

    assert run.to_its_end() == 0, run.said

    manifest = run.json("manifest.json")
    assert (manifest["at_once"], manifest["recomputes"]) == (1, True)
    assert run.json("receipt.json") == plain.json("receipt.json")
    losses = [row["loss"] for row in plain.metrics]
    assert [row["loss"] for row in run.metrics] == pytest.approx(losses, abs=1e-4)
    said = (run.out / "said.jsonl").read_text()
    assert said.count("The memory does not suffice") == 4
    assert "Training goes on after step 3 of 8" in said


@pytest.mark.timeout(240)
def test_who_asked_is_told_when_not_even_one_example_fits(make_run, short_of_memory):
    run = make_run()
    run.also_from = short_of_memory(0)

    assert run.to_its_end() == 64, run.said

    error = run.json("error.json")
    assert (error["code"], error["param"]) == ("out_of_memory", "max_length")
    assert not (run.out / "manifest.json").exists()
