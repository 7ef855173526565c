"""What a run gives up, step by step, where memory does not suffice."""

import pytest

from trainer.__main__ import one_gpu
from trainer.pace import Pace, part_of


def ladder(batch, most):
    """Return every pace that is tried, from the fastest on."""
    pace = Pace.first(batch, most)
    while pace is not None:
        yield pace.at_once, pace.recomputes
        pace = pace.slower()


@pytest.mark.parametrize(
    ("batch", "most", "tried"),
    [
        (16, 8, [(8, False), (4, False), (8, True), (4, True), (2, True), (1, True)]),
        (6, 4, [(3, False), (1, False), (3, True), (1, True)]),
        (7, 4, [(1, False), (1, True)]),
        (1, 99, [(1, False), (1, True)]),
    ],
)
def test_speed_is_given_up_in_the_order_of_what_it_costs(batch, most, tried):
    assert list(ladder(batch, most)) == tried


@pytest.mark.parametrize("batch", range(1, 40))
def test_a_step_is_always_made_of_whole_parts(batch):
    assert all(batch % at_once == 0 for at_once, _ in ladder(batch, 16))
    assert all(batch % part_of(batch, most) == 0 for most in range(1, 50))


def test_the_owner_is_told_what_is_given_up():
    pace = Pace.first(2, 2)

    assert pace.words() == "2 examples at once"
    assert pace.slower().words() == "one example at once"
    assert pace.slower().slower().words() == "2 examples at once, and less is kept in mind"


@pytest.mark.parametrize(
    ("visible", "used"),
    [(None, "0"), ("2,3", "2"), ("1", "1"), ("", ""), ("GPU-8f2a,GPU-9b3c", "GPU-8f2a")],
)
def test_one_gpu_is_used_however_many_there_are(visible, used):
    assert one_gpu(visible) == used
