"""What engines say was used, in the shapes they say it in: always disjoint, never more than was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.claims import Claim, read
from gateway.usage import Bounds, Calibration, Delivered, made, measure, parts
from gateway.usage import read as prompt_of

COUNTS = st.integers(0, 5_000)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.integers(-(2**63), 2**63)
)
DETAILS = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "image_tokens", "audio_tokens"]),
    ANYTHING | COUNTS,
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": ANYTHING | COUNTS,
        "completion_tokens": ANYTHING | COUNTS,
        "input_tokens": ANYTHING | COUNTS,
        "output_tokens": ANYTHING | COUNTS,
        "cache_read_input_tokens": ANYTHING | COUNTS,
        "cache_creation_input_tokens": ANYTHING | COUNTS,
        "prompt_tokens_details": DETAILS | ANYTHING,
        "completion_tokens_details": ANYTHING
        | st.dictionaries(st.sampled_from(["reasoning_tokens", "audio_tokens"]), ANYTHING | COUNTS),
    },
)


@pytest.mark.parametrize(
    ("claimed", "wanted"),
    [
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "prompt_tokens_details": {
                    "cached_tokens": 40, "cache_write_tokens": 10, "audio_tokens": 5,
                    "image_tokens": 30,
                },
                "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 4},
            },
            {
                "input": 15, "cached_input": 40, "cache_write": 10, "image_input": 30,
                "audio_input": 5, "output": 8, "reasoning": 8, "audio_output": 4,
            },
        ),
        (
            {
                "input_tokens": 50, "output_tokens": 9, "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 20,
            },
            {"input": 50, "cached_input": 30, "cache_write": 20, "output": 9},
        ),
        (
            {
                "input_tokens": 50, "output_tokens": 9,
                "input_tokens_details": {"cached_tokens": 30},
                "output_tokens_details": {"reasoning_tokens": 4},
            },
            {"input": 20, "cached_input": 30, "output": 5, "reasoning": 4},
        ),
        (
            {
                "prompt_tokens": 100, "completion_tokens": 1, "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 30, "prompt_tokens_details": None,
            },
            {"input": 10, "cached_input": 60, "cache_write": 30, "output": 1},
        ),
    ],
    ids=["openai", "anthropic", "responses", "litellm"],
)  # fmt: skip
def test_every_shape_comes_to_the_same_disjoint_parts(claimed, wanted):
    found = parts(read(claimed))

    assert {part: count for part, count in found.items() if count} == wanted


def test_a_picture_that_the_cache_had_is_billed_once():
    claim = Claim(prompt=100, completion=1, cached=90, image=80)

    assert parts(claim)["cached_input"] == 90
    assert parts(claim)["image_input"] == 10
    assert prompt_of(parts(claim)) == 100


@given(claimed=CLAIMS | ANYTHING, prompt=st.integers(1, 4_000), cap=st.integers(0, 4_000))
def test_whatever_is_claimed_the_parts_are_disjoint_and_within_bounds(claimed, prompt, cap):
    bounds = Bounds(prompt, cap, prompt_bytes=min(prompt, 900), image=50, audio=20, speaks=False)
    measured = measure(claimed, bounds, Delivered(size=min(cap, 300)), Calibration())

    assert all(count >= 0 for count in measured.parts.values())
    assert prompt_of(measured.parts) + made(measured.parts) == measured.total
    assert 1 <= measured.prompt <= prompt
    assert measured.completion <= cap
    assert measured.parts["image_input"] <= 50
    assert measured.parts["audio_input"] <= 20
    assert measured.parts["audio_output"] == 0


@given(counts=st.tuples(*[st.integers(0, 300)] * 7))
def test_what_is_believed_comes_to_exactly_what_was_claimed(counts):
    cached, written, image, audio, reasoning, sound, text = counts
    claimed = {
        "prompt_tokens": 300,
        "completion_tokens": reasoning + sound + text,
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": written,
            "image_tokens": image,
            "audio_tokens": audio,
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": sound},
    }
    measured = measure(claimed, Bounds(300, 900, 100), Delivered(size=600), Calibration())

    made_of = (measured.prompt, measured.completion, measured.parts["output"])
    assert measured.estimated or made_of == (300, reasoning + sound + text, text)


@pytest.mark.parametrize("detail", ["image_tokens", "audio_tokens", "cache_write_tokens"])
@pytest.mark.parametrize("count", [-1, 101, 2**60, True, "many"])
def test_a_detail_that_cannot_be_true_makes_the_claim_ours(detail, count):
    claimed = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "prompt_tokens_details": {detail: count},
    }
    bounds = Bounds(200, 50, prompt_bytes=100)

    measured = measure(claimed, bounds, Delivered(size=20), Calibration())

    assert measured.estimated
    assert measured.prompt == 25


def test_a_picture_in_a_prompt_without_pictures_is_not_believed():
    claimed = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "prompt_tokens_details": {"image_tokens": 40},
    }
    bounds = Bounds(200, 50, prompt_bytes=100, image=0)

    measured = measure(claimed, bounds, Delivered(size=20), Calibration())

    assert (measured.estimated, measured.parts["image_input"]) == (True, 0)
