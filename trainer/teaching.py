"""TRL's trainer on our plan: its order, our states, our reports.

``Teacher`` reads the examples in the plan's order, as one long pass: a step is the same examples
wherever it runs, and going on means leaving out those that were read. ``Watch`` stands beside it.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from trainer import base, states
from trainer.errors import BadInput
from trainer.lesson import Lesson
from trainer.orders import TrainingOrder
from trainer.pace import Pace
from trainer.reports import Reports
from trainer.tokenise import Encoded
from trainer.writing import say

#: So many tokens at a time at first, on a GPU and without one (see ``pace``).
AT_A_TIME = 16_384
AT_A_TIME_WITHOUT_GPU = 4_096
#: Of a run's steps, those in which it begins to learn little by little.
WARMING_UP = 0.03
#: States that are kept.
KEPT = 2


class Teacher(SFTTrainer):
    """Reads the examples in the order they come in."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)


class Watch(TrainerCallback):
    """Commits states, reports, and ends the run when that is wished."""

    def __init__(self, order: TrainingOrder, lesson: Lesson, reports: Reports) -> None:
        self._order = order
        self._lesson = lesson
        self._reports = reports
        self._ends = set(lesson.plan.epoch_ends)
        self._saved_at = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell how much lies ahead, or where it goes on."""
        plan = self._lesson.plan
        begun = state.global_step
        where = f"goes on after step {begun:,} of {plan.steps:,}" if begun else "begins"
        words = f"Training {where}: {plan.steps:,} steps, {plan.tokens:,} tokens."
        say(self._order.output, words)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Have it saved and measured where that is due."""
        is_end = state.global_step in self._ends
        waited = time.monotonic() - self._saved_at
        is_due = is_end or self._order.is_interrupted or waited >= self._order.save_every
        # After the last step the result follows, and nothing is gone on from.
        control.should_save = is_due and state.global_step < self._lesson.plan.steps
        control.should_evaluate = is_end and self._lesson.validation is not None
        if self._order.is_interrupted:
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Report; a loss that is no number any more ends the run, and is not saved."""
        if not {"loss", "eval_loss"} & set(logs):
            return
        if not math.isfinite(logs.get("loss", 0.0)):
            words = f"the loss is no number any more at step {state.global_step}; learn more slowly"
            raise BadInput(words, code="loss_not_finite", param="learning_rate_multiplier")
        self._reports.told(state.global_step, {**logs, **base.memory()})

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Commit what was written; the receipt follows."""
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        states.commit(path, state.global_step, self._lesson.plan)
        self._reports.committed(state.global_step)
        self._saved_at = time.monotonic()


def teacher(order: TrainingOrder, lesson: Lesson, reports: Reports, pace: Pace) -> Teacher:
    """Return the trainer, ready to go at that pace."""
    validation = lesson.validation
    return Teacher(
        model=base.model(order),
        args=_settings(order, lesson, pace),
        train_dataset=_dataset(lesson.training.kept).select(list(lesson.plan.order)),
        eval_dataset=_dataset(validation.kept) if validation and validation.kept else None,
        processing_class=base.tokenizer(order),
        peft_config=base.adapter(order),
        callbacks=[Watch(order, lesson, reports)],
    )


def pace(order: TrainingOrder, lesson: Lesson) -> Pace:
    """Return the pace that is tried at first."""
    longest = max(example.tokens for example in lesson.training.kept)
    room = AT_A_TIME if base.has_gpu() else AT_A_TIME_WITHOUT_GPU
    return Pace.first(order.batch, max(1, room // longest))


def _dataset(examples: Sequence[Encoded]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in examples],
            "labels": [example.labels for example in examples],
        }
    )


def _settings(order: TrainingOrder, lesson: Lesson, pace: Pace) -> SFTConfig:
    return SFTConfig(
        output_dir=str(order.output / states.FOLDER),
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        num_train_epochs=1,
        per_device_train_batch_size=pace.at_once,
        per_device_eval_batch_size=pace.at_once,
        gradient_accumulation_steps=order.batch // pace.at_once,
        learning_rate=order.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=int(WARMING_UP * lesson.plan.steps),
        max_grad_norm=1.0,
        bf16=base.has_gpu(),
        gradient_checkpointing=pace.recomputes,
        use_cpu=not base.has_gpu(),
        seed=order.seed % 2**32,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        save_total_limit=KEPT,
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
