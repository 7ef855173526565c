"""The steps of a run, and what they cost."""

from hypothesis import given
from hypothesis import strategies as st

from trainer import plan

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=40)


@given(LENGTHS, st.integers(1, 4), st.integers(1, 16), st.integers(0, 5))
def test_every_example_is_read_once_in_every_pass(lengths, epochs, batch, seed):
    made = plan.make(lengths, epochs=epochs, batch=batch, seed=seed)

    assert sorted(made.order) == sorted(list(range(len(lengths))) * epochs)
    assert made.tokens == sum(lengths) * epochs
    assert made.steps == -(-len(lengths) * epochs // batch) == made.epoch_ends[-1]


@given(LENGTHS, st.integers(1, 16))
def test_each_step_costs_what_it_reads(lengths, batch):
    made = plan.make(lengths, epochs=2, batch=batch, seed=1)

    for step in range(made.steps):
        read = sum(lengths[number] for number in made.order[step * batch : (step + 1) * batch])
        assert made.cum_tokens[step + 1] - made.cum_tokens[step] == read


def test_the_same_order_on_every_machine():
    made = plan.make([5, 9, 2, 7], epochs=2, batch=2, seed=3)

    assert list(made.order) == [1, 0, 3, 2, 3, 0, 1, 2]
    assert list(made.cum_tokens) == [0, 14, 23, 35, 46]
    assert made.digest() == plan.make([5, 9, 2, 7], epochs=2, batch=2, seed=3).digest()


def test_anything_else_is_another_plan():
    plans = [
        plan.make([5, 9, 2, 7], epochs=2, batch=2, seed=3),
        plan.make([5, 9, 2, 7], epochs=2, batch=2, seed=4),
        plan.make([5, 9, 2, 7], epochs=2, batch=4, seed=3),
        plan.make([5, 9, 2, 8], epochs=2, batch=2, seed=3),
        plan.make([5, 9, 2, 7], epochs=1, batch=2, seed=3),
    ]

    assert len({each.digest() for each in plans}) == 5


def test_within_a_step_the_longest_come_first():
    made = plan.make([1, 9, 3, 7], epochs=1, batch=4, seed=3)

    assert list(made.order) == [1, 3, 2, 0]
