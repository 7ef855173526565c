"""What a run can be told."""

import pytest

from trainer.errors import BadOrder, Interrupted
from trainer.orders import TrainingOrder

GOOD = {
    "STUDIO_RECIPE": "lora",
    "STUDIO_TRAINING_FILE": "file:///data/my%20train.jsonl",
    "STUDIO_TRAINING_SHA256": "0" * 64,
    "STUDIO_OUTPUT": "file:///out",
    "STUDIO_EPOCHS": "3",
    "STUDIO_BASE_MODEL": "file:///models/base",
    "STUDIO_BATCH_SIZE": "8",
    "STUDIO_MAX_LENGTH": "2048",
}


def test_what_is_not_said_is_usual():
    order = TrainingOrder.read(GOOD)

    assert str(order.training_file) == "/data/my train.jsonl"
    assert (order.rank, order.alpha, order.learning_rate) == (16, 32, 2e-4)
    assert (order.base_name, order.earlier, order.validation_file) == ("base", (), None)


def test_a_whole_model_learns_ten_times_more_slowly():
    order = TrainingOrder.read(
        {**GOOD, "STUDIO_RECIPE": "full", "STUDIO_LEARNING_RATE_MULTIPLIER": "2"}
    )

    assert order.learning_rate == 4e-5


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STUDIO_RECIPE", "osmosis", "no recipe 'osmosis'"),
        ("STUDIO_BASE_MODEL", "s3://bucket/base", "cannot be read yet"),
        ("STUDIO_BATCH_SIZE", "0", "STUDIO_BATCH_SIZE must be at least 1"),
        ("STUDIO_EPOCHS", "many", "many"),
        ("STUDIO_EPOCHS", "-1", "STUDIO_EPOCHS must be at least 1"),
        ("STUDIO_LEARNING_RATE_MULTIPLIER", "nan", "must be a number"),
        ("STUDIO_MAX_LENGTH", "", "invalid literal"),
    ],
)
def test_what_makes_no_sense_is_said(name, value, said):
    with pytest.raises(BadOrder, match=said):
        TrainingOrder.read({**GOOD, name: value})


def test_what_is_missing_is_named():
    known = {name: value for name, value in GOOD.items() if name != "STUDIO_BASE_MODEL"}

    with pytest.raises(BadOrder, match="STUDIO_BASE_MODEL"):
        TrainingOrder.read(known)


def test_interrupted_it_does_not_go_on():
    order = TrainingOrder.read(GOOD)
    order.go_on()

    order.interrupt()

    with pytest.raises(Interrupted):
        order.go_on()
