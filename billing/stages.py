"""Stages of dunning as people write them: one a line, the days after the due date and the act."""

import re
from typing import Any

from django.utils.translation import gettext as _

from billing.models.dunning import Act
from common.errors import DomainError

MOST, FURTHEST = 10, 365
#: What stands for no stage at all.
NOTHING = "none"
Stages = list[dict[str, Any]]


def checked(stages: Stages) -> Stages:
    """Return the stages, whose days only go up; refuse what cannot be meant."""
    days = [day for stage in stages if type(day := stage.get("days")) is int]
    is_known = all(stage.get("act") in Act.values for stage in stages)
    are_days = len(days) == len(stages) and all(0 <= day <= FURTHEST for day in days)
    if len(stages) > MOST or not is_known or not are_days:
        raise DomainError(field_errors={"stages": [_("Each stage has days and an act.")]})
    if days != sorted(set(days)):
        raise DomainError(field_errors={"stages": [_("Each stage comes later than the last.")]})
    return [{"days": stage["days"], "act": str(stage["act"])} for stage in stages]


def read(text: str) -> Stages | None:
    """Return the stages that somebody wrote; None where nothing is said."""
    words = text.strip().lower()
    if not words:
        return None
    if words == NOTHING:
        return []
    return checked([_stage(line) for line in words.splitlines() if line.strip()])


def _stage(line: str) -> dict[str, Any]:
    found = re.fullmatch(r"\s*([0-9]{1,3})[\s:,]+([a-z]+)\s*", line)
    return {"days": int(found[1]), "act": found[2]} if found else {}


def written(stages: Stages | None) -> str:
    """Return the stages as they are written."""
    if stages is None:
        return ""
    return "\n".join(f"{stage['days']} {stage['act']}" for stage in stages) or NOTHING
