"""What was found in a dataset, as its page tells it: each kind of fault once, with its places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from common.templatetags.formats import grouped
from studio.advice import ADVICE
from studio.models import Dataset
from studio.validation.problems import Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault, and where it is."""

    code: str
    title: StrOrPromise
    fix: StrOrPromise
    count: int
    #: The first of them.
    places: Sequence[Problem]

    @property
    def untold(self) -> int:
        """How many more there are."""
        return self.count - len(self.places)


def of(dataset: Dataset) -> list[Finding]:
    """Return all that is wrong with a dataset, what is most often wrong first."""
    return _findings(dataset.report.get("counts", {}), dataset.report.get("problems", []))


def notices(dataset: Dataset) -> list[Finding]:
    """Return what is no fault of it and should be known, what is there most often first."""
    return _findings(dataset.report.get("notices", {}), dataset.report.get("noticed", []))


def _findings(counts: Mapping[str, int], problems: Sequence[Mapping[str, Any]]) -> list[Finding]:
    told = [Problem(**facts) for facts in problems]
    told.sort(key=lambda problem: problem.code)
    places = {code: list(found) for code, found in groupby(told, lambda problem: problem.code)}
    ordered = sorted(counts, key=lambda code: (-counts[code], code))
    return [_finding(code, counts[code], places.get(code, [])) for code in ordered]


def _finding(code: str, count: int, places: Sequence[Problem]) -> Finding:
    title, fix = ADVICE.get(code, (code, ""))
    return Finding(code, title, fix, count, places)


def lengths_chart(lengths: Mapping[str, int]) -> dict[str, Any] | None:
    """Return how long the examples are, as components/chart.html draws it; None where unknown."""
    if not lengths:
        return None
    counts = {int(bound): count for bound, count in lengths.items()}
    bounds = [1 << power for power in range(_power(min(counts)), _power(max(counts)) + 1)]
    return {
        "kind": "bar",
        "row_label": _("Tokens"),
        "series": [{"name": _("Examples"), "hue": 1}],
        "rows": [_row(bound, counts.get(bound, 0)) for bound in bounds],
    }


def _power(bound: int) -> int:
    return bound.bit_length() - 1


def _row(bound: int, count: int) -> dict[str, Any]:
    label = _("Up to %(most)s") % {"most": grouped(bound)}
    return {"label": label, "cells": [{"value": count, "text": grouped(count)}]}
