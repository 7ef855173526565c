"""The table of states, and the one function that moves a job."""

import pytest

from studio.errors import WrongState
from studio.models import JobEvent
from studio.services import transitions
from studio.states import ALLOWED, OPENAI, TERMINAL, State
from tenants.models import AuditEntry
from tenants.scope import scope
from tests.studio.conftest import row, row_of

SPEC = {"validating_files", "queued", "running", "succeeded", "failed", "cancelled"}


def test_every_state_is_in_both_tables():
    assert set(ALLOWED) == set(State) == set(OPENAI)
    assert set(OPENAI.values()) == SPEC


def test_an_end_is_an_end_and_can_be_reached_from_everywhere():
    assert {State.SUCCEEDED, State.FAILED, State.CANCELLED} == TERMINAL
    for state in set(State) - TERMINAL:
        reached, new = {state}, {state}
        while new := {each for one in new for each in ALLOWED[one]} - reached:
            reached |= new
        assert reached & TERMINAL


def test_a_step_that_is_not_allowed_changes_nothing(start, acme):
    before = row(start())

    with pytest.raises(WrongState), scope(acme):
        transitions.move(before, State.SUCCEEDED)

    assert row_of(before).state == before.state


def test_every_step_is_told_and_audited(start, acme):
    job = row(start())

    with scope(acme):
        acts = AuditEntry.objects.filter(target_id=str(job.pk)).order_by("id")
        actions = [(act.action, act.actor_kind) for act in acts]
        told = list(JobEvent.objects.order_by("id").values_list("message", flat=True))
    assert actions == [
        ("fine_tuning_job.created", "key"),
        ("fine_tuning_job.queued", "system"),
        ("fine_tuning_job.dispatched", "system"),
    ]
    assert told == [
        "The job was created.",
        "The dataset can be used; the job is queued.",
        "The job was handed to a cluster.",
    ]
