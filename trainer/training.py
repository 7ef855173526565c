"""Carrying out an order that teaches, to its end or to a state that can be gone on from."""

import gc
from collections.abc import Callable

import torch

from trainer import lesson as lessons
from trainer import result, states, teaching
from trainer.errors import BadOrder
from trainer.lesson import Lesson
from trainer.orders import TrainingOrder
from trainer.reports import Reports
from trainer.teaching import Teacher


def run(order: TrainingOrder) -> None:
    """Teach the model and leave the result; the manifest is written last."""
    order.output.mkdir(mode=0o700, parents=True, exist_ok=True)
    states.sweep(order.output)
    lesson = lessons.prepare(order)
    at_once = teaching.at_once(order, lesson)
    while (teacher := _taught(order, lesson, at_once)) is None:
        if at_once == 1:
            words = "the memory does not suffice for one example; ask for shorter ones"
            raise BadOrder(words, code="out_of_memory", param="max_length")
        _make_room()
        at_once = teaching.part_of(order.batch, at_once // 2)
    result.write(order, lesson, teacher)


def _taught(order: TrainingOrder, lesson: Lesson, at_once: int) -> Teacher | None:
    """Return the trainer that has learnt all; None where memory did not suffice."""
    reports = Reports(order.output, lesson.plan)
    state = states.newest([order.output, *order.earlier], lesson.plan)
    reports.go_on_from(state)
    order.go_on()
    return _within_memory(lambda: _learn(order, lesson, reports, at_once, state))


def _learn(
    order: TrainingOrder,
    lesson: Lesson,
    reports: Reports,
    at_once: int,
    state: states.State | None,
) -> Teacher:
    teacher = teaching.teacher(order, lesson, reports, at_once)
    order.go_on()
    teacher.train(resume_from_checkpoint=str(state.path) if state else None)
    if teacher.state.global_step < lesson.plan.steps:
        order.go_on()
    return teacher


def _within_memory(learn: Callable[[], Teacher]) -> Teacher | None:
    try:
        return learn()
    except torch.OutOfMemoryError:
        return None


def _make_room() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
