"""Carrying out an order that teaches, to its end or to a state that can be gone on from."""

import gc
from collections.abc import Callable

import torch

from trainer import lesson as lessons
from trainer import result, states, teaching
from trainer.errors import BadOrder
from trainer.lesson import Lesson
from trainer.orders import TrainingOrder
from trainer.pace import Pace
from trainer.reports import Reports
from trainer.teaching import Teacher
from trainer.writing import say

#: How libraries of a GPU say that its memory does not suffice, where PyTorch does not say it for them.
SAID_OF_MEMORY = ("CUDA error: out of memory", "_STATUS_ALLOC_FAILED", "can't allocate memory")


def run(order: TrainingOrder) -> None:
    """Teach the model and leave the result; the manifest is written last."""
    order.output.mkdir(mode=0o700, parents=True, exist_ok=True)
    states.sweep(order.output)
    lesson = lessons.prepare(order)
    pace = teaching.pace(order, lesson)
    while (teacher := _taught(order, lesson, pace)) is None:
        _make_room()
        pace = _slower(order, pace)
    result.write(order, lesson, teacher, pace)


def _slower(order: TrainingOrder, pace: Pace) -> Pace:
    slower = pace.slower()
    if slower is None:
        words = "the memory does not suffice for one example; ask for shorter ones"
        raise BadOrder(words, code="out_of_memory", param="max_length")
    say(order.output, f"The memory does not suffice: {slower.words()} from now on.")
    return slower


def _taught(order: TrainingOrder, lesson: Lesson, pace: Pace) -> Teacher | None:
    """Return the trainer that has learnt all; None where memory did not suffice."""
    reports = Reports(order.output, lesson.plan)
    state = states.newest([order.output, *order.earlier], lesson.plan)
    reports.go_on_from(state)
    order.go_on()
    return _within_memory(lambda: _learn(order, lesson, reports, pace, state))


def _learn(
    order: TrainingOrder,
    lesson: Lesson,
    reports: Reports,
    pace: Pace,
    state: states.State | None,
) -> Teacher:
    teacher = teaching.teacher(order, lesson, reports, pace)
    order.go_on()
    teacher.train(resume_from_checkpoint=str(state.path) if state else None)
    taken = teacher.state.global_step
    if taken < lesson.plan.steps:
        order.go_on()
    if taken != lesson.plan.steps:
        raise RuntimeError(f"{taken} steps were taken instead of the plan's {lesson.plan.steps}")
    return teacher


def _within_memory(learn: Callable[[], Teacher]) -> Teacher | None:
    try:
        return learn()
    except torch.OutOfMemoryError:
        return None
    except RuntimeError as error:
        if any(words in str(error) for words in SAID_OF_MEMORY):
            return None
        raise


def _make_room() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
