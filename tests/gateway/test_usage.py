"""What is billed of an answer: the engine's claim, or how many tokens are likely."""

import pytest

from gateway.usage import FEWEST, Bounds, Calibration, Delivered, measure

BOUNDS = Bounds(prompt=1000, completion=1000, prompt_bytes=400)


def claim(prompt, completion, reasoning=0):
    """Return usage as engines report it."""
    details = {"reasoning_tokens": reasoning}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "completion_tokens_details": details,
    }


def taught(*answers):
    """Return what these answers teach: bytes, events, and the tokens claimed for them."""
    calibration = Calibration()
    for size, events, tokens, reasoning in answers * FEWEST:
        usage = claim(100, tokens, reasoning)
        measured = measure(usage, BOUNDS, Delivered(size, events), calibration)
        assert not measured.estimated
    return calibration


def output(delivered, calibration, bounds=BOUNDS):
    """Return the output billed where the engine says nothing."""
    return measure(None, bounds, delivered, calibration).parts["output"]


@pytest.mark.parametrize(("events", "tokens"), [(0, 100), (20, 100), (50, 50), (150, 150)])
def test_without_anything_learnt_a_token_is_a_short_event_or_four_bytes(events, tokens):
    assert output(Delivered(400, events), Calibration()) == tokens


def test_an_engine_that_sends_each_token_is_billed_by_its_events_however_long_they_are():
    calibration = taught((200, 40, 41, 0))

    assert output(Delivered(1500, events=50), calibration) == 50
    assert output(Delivered(50, events=50), calibration) == 50


def test_an_engine_that_sends_tokens_in_groups_is_billed_by_the_size_of_its_groups():
    calibration = taught((1600, 100, 401, 0), (800, 50, 201, 0))

    assert output(Delivered(160, events=10), calibration) == 40


@pytest.mark.parametrize("count", [1, 30])
def test_short_answers_do_not_make_long_ones_dear(count):
    calibration = taught(*[(10, 2, 3, 0)] * count)

    assert output(Delivered(4000, events=900), calibration) == 900


def test_hidden_reasoning_does_not_make_what_is_seen_dear():
    calibration = taught((160, 40, 541, 500))

    assert output(Delivered(160, events=40), calibration) == 40


def test_a_few_lies_that_could_be_true_make_nothing_dearer():
    calibration = taught(*[(164, 40, 41, 0), (164, 40, 82, 0), (164, 40, 41, 0)] * 5)

    assert output(Delivered(164, events=40), calibration) == 40
    assert output(Delivered(164), calibration) == 41


def test_one_answer_teaches_nothing_yet():
    calibration = Calibration()
    measure(claim(100, 82), BOUNDS, Delivered(164, events=40), calibration)

    assert output(Delivered(164, events=40), calibration) == 40
    assert output(Delivered(164), calibration) == 41


def test_an_estimate_is_never_above_the_bound_nor_above_the_bytes():
    calibration = taught((1600, 100, 901, 0))

    assert output(Delivered(8000, events=200), calibration) == 1000
    assert output(Delivered(30, events=10), calibration) == 30
    assert output(Delivered(0), calibration) == 0
