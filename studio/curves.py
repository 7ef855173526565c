"""How a job's learning goes: progress, and the curves that components/chart.html draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from common.templatetags.formats import grouped
from studio import artifacts
from studio.models import FineTuningJob
from studio.services import results

#: More points than this nobody can tell apart.
MOST_POINTS = 120
#: Over so many of the last steps the pace is taken.
RECENT = 20
Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Learning:
    """How far a job has come, and what was measured on the way."""

    step: int
    steps: int
    #: Committed for good, and in all.
    tokens: int
    all_tokens: int
    rows: Sequence[Row]

    @property
    def pace(self) -> float | None:
        """Tokens a second, of late."""
        paces = [row["tokens_per_second"] for row in self.rows if row.get("tokens_per_second")]
        recent = paces[-RECENT:]
        return sum(recent) / len(recent) if recent else None

    @property
    def left(self) -> timedelta | None:
        """How long it will take yet, at its pace; None where that is not known."""
        if not self.pace or not self.steps:
            return None
        share = max(0.0, 1 - self.step / self.steps)
        return timedelta(seconds=int(self.all_tokens * share / self.pace))

    @property
    def loss(self) -> dict[str, Any] | None:
        """The chart of the loss."""
        return _chart(self.rows, {"loss": _("Training"), "eval_loss": _("Validation")})

    @property
    def learning_rate(self) -> dict[str, Any] | None:
        """The chart of the learning rate."""
        return _chart(self.rows, {"learning_rate": _("Learning rate")})

    @property
    def speed(self) -> dict[str, Any] | None:
        """The chart of the speed."""
        return _chart(self.rows, {"tokens_per_second": _("Tokens per second")})


def of(job: FineTuningJob) -> Learning | None:
    """Return how the job's learning goes; None while its newest attempts have said nothing."""
    for attempt in range(job.attempt, 0, -1):
        name = results.attempt_name(job, attempt)
        if receipt := artifacts.receipt(name):
            rows = artifacts.metrics(name)
            reached = int(max((row["step"] for row in rows), default=0))
            return Learning(
                step=max(reached, receipt.get("step", 0)),
                steps=receipt.get("steps", 0),
                tokens=receipt.get("tokens", 0),
                all_tokens=receipt.get("all_tokens", 0),
                rows=rows,
            )
    return None


def _chart(rows: Sequence[Row], names: dict[str, str]) -> dict[str, Any] | None:
    measured = _by_step(rows, names)
    there = [name for name in names if any(name in row for row in measured.values())]
    if not there:
        return None
    return {
        "kind": "line",
        "row_label": _("Step"),
        "series": [{"name": names[name], "hue": hue} for hue, name in enumerate(there, start=1)],
        "rows": [
            {"label": grouped(step), "cells": [_cell(row.get(name)) for name in there]}
            for step, row in sorted(measured.items())
        ],
    }


def _by_step(rows: Sequence[Row], names: dict[str, str]) -> dict[int, Row]:
    """Return what was measured, thinned out to what can be seen; what is rare stays."""
    found: dict[int, Row] = {}
    for row in rows:
        found.setdefault(int(row["step"]), {}).update(row)
    every = -(-len(found) // MOST_POINTS) or 1
    steps = sorted(found)
    kept = {
        step for place, step in enumerate(steps) if place % every == 0 or "eval_loss" in found[step]
    }
    return {step: found[step] for step in kept | set(steps[-1:])}


def _cell(value: float | None) -> dict[str, str]:
    if value is None:
        return {"value": "NaN", "text": ""}
    return {"value": f"{value:.6g}", "text": grouped(Decimal(f"{value:.4g}"))}
