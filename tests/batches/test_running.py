"""Lines of batches while things go wrong: killed workers, empty purses, revoked keys, failing engines."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from threading import Thread

import openai
import pytest
from django.db import connections
from django.utils import timezone

from billing.models import Budget, BudgetWindow, CreditGrant
from common.database import service
from common.ids import uuid7
from gateway.batches import progress, running
from gateway.models import Batch, BatchLine, BatchStatus
from marketplace.models import TokenClass, TokenWeight
from portal.environment import ROOT
from tenants.models import ApiKey, Membership, Organization
from tests.batches.conftest import (
    events,
    leased,
    line,
    remaining,
    results,
    start,
    stored,
    waiting,
)
from tests.gateway.conftest import wait_for

#: Bells ring for nobody: the tests do what a worker does.
pytestmark = pytest.mark.celery_for_real

HALF = Decimal("0.00003")
WORKER = """
import os, sys, time, uuid
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
import django
django.setup()
import gateway.tasks, portal.celery
from django.conf import settings
location, incoming, organization, batch, pause = sys.argv[1:]
settings.STORAGES = {
    **settings.STORAGES,
    "default": {**settings.STORAGES["default"], "OPTIONS": {"location": location}},
}
settings.FILE_UPLOAD_TEMP_DIR = incoming
settings.BATCH_LINES_AT_ONCE = 2
from gateway.batches import progress, running
running.PAUSE = float(pause)
while True:
    progress.advance(uuid.UUID(organization), uuid.UUID(batch))
    time.sleep(0.05)
"""


def go_on():
    """Do what a worker does when it is rung for."""
    batch = stored()
    progress.advance(batch.organization_id, batch.pk)
    return stored()


def finish(client, batch, times=10):
    """Go on until the batch has ended; returns it as the client sees it."""
    for _time in range(times):
        with service():
            Batch.objects.update(resumes_at=None)
        go_on()
        if client.batches.retrieve(batch.id).status in ("completed", "failed", "expired"):
            break
    return client.batches.retrieve(batch.id)


@contextmanager
def at_work():
    """Go on in a thread of its own, as a worker beside us."""

    def work():
        try:
            go_on()
        finally:
            connections.close_all()

    thread = Thread(target=work)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def few_at_once(settings):
    """Two lines run at the same time."""
    settings.BATCH_LINES_AT_ONCE = 2


@pytest.fixture
def start_worker(disk):
    """Start a worker in a process of its own."""
    started = []

    def start(pause=running.PAUSE):
        batch = stored()
        facts = [disk, disk.parent / "incoming", batch.organization_id, batch.pk, pause]
        command = [sys.executable, "-c", WORKER, *map(str, facts)]
        started.append(subprocess.Popen(command, cwd=ROOT, env=os.environ))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()


def test_a_killed_worker_neither_loses_nor_redoes_a_billed_line(
    client, model, engine, start_worker
):
    engine.pause = 0.3
    batch = start(client, *[line(f"name-{number}", model) for number in range(8)])

    worker = start_worker()
    wait_for(lambda: len(events()) >= 3 and len(engine.requests) > len(events()), seconds=30)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    billed = {event.event_id for event in events()}
    asked = len(engine.requests)
    engine.pause = 0
    with service():
        Batch.objects.update(leased_until=timezone.now())
    ended = finish(client, batch)

    assert 3 <= len(billed) < asked <= 8
    assert ended.status == "completed"
    assert ended.request_counts.to_dict() == {"total": 8, "completed": 8, "failed": 0}
    assert len(engine.requests) == asked + 8 - len(billed)
    ids = [event.event_id for event in events()]
    assert (len(ids), len(set(ids))) == (8, 8)
    assert billed <= set(ids)
    answers = results(client, ended.output_file_id)
    assert {each["response"]["request_id"] for each in answers.values()} == set(ids)
    assert remaining() == Decimal(10) - 8 * HALF
    assert wait_for(lambda: leased() == 0)


def test_what_a_killed_worker_had_not_written_was_not_billed_either(
    client, model, engine, start_worker
):
    engine.pause = 0.3
    batch = start(client, *[line(f"name-{number}", model) for number in range(12)])

    worker = start_worker(pause=3600)
    wait_for(lambda: len(engine.requests) >= 7, seconds=30)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    asked, billed, held = len(engine.requests), events(), leased()
    engine.pause = 0
    with service():
        Batch.objects.update(leased_until=timezone.now())
    ended = finish(client, batch)

    assert (billed, held > 0) == ([], True)
    assert ended.request_counts.completed == len(events()) == 12
    assert len(engine.requests) == asked + 12
    assert remaining() == Decimal(10) - 12 * HALF
    assert wait_for(lambda: leased() == 0)


def test_who_lost_the_lease_writes_nothing(client, model, engine):
    engine.pause = 0.5
    start(client, line("a", model))
    go_on()

    with at_work():
        wait_for(lambda: engine.requests)
        with service():
            Batch.objects.update(lease=uuid7())

    assert (waiting(), events(), remaining()) == (1, [], 10)
    assert stored().completed == 0


def test_one_batch_of_an_organization_runs_at_a_time(client, model, engine):
    first, second = start(client, line("a", model)), start(client, line("b", model))
    with service():
        other, batch = Batch.objects.order_by("-id")
        Batch.objects.update(status=BatchStatus.IN_PROGRESS, total=1)
        Batch.objects.filter(pk=other.pk).update(leased_until=timezone.now() + timedelta(hours=1))

    progress.advance(batch.organization_id, batch.pk)

    assert client.batches.retrieve(first.id).status == "in_progress"
    assert client.batches.retrieve(second.id).status == "in_progress"


def test_a_batch_that_nobody_was_rung_for_is_found(client, model):
    start(client, line("a", model))
    with service():
        assert list(Batch.objects.waiting()) == [stored()]
        Batch.objects.update(leased_until=timezone.now() + timedelta(seconds=9))
        assert not Batch.objects.waiting().exists()
        Batch.objects.update(leased_until=None, resumes_at=timezone.now() + timedelta(seconds=9))
        assert not Batch.objects.waiting().exists()
        Batch.objects.update(resumes_at=timezone.now() - timedelta(seconds=1))

    assert progress.sweep() == 1


def test_work_is_cut_into_slices(client, model, monkeypatch):
    monkeypatch.setattr(running, "SLICE", 0.0)
    start(client, line("a", model))
    go_on()

    found = go_on()

    assert (found.status, found.lease, found.resumes_at) == ("in_progress", None, None)
    assert waiting() == 1


def test_a_line_that_does_not_end_is_called_again_later(client, model, engine, monkeypatch):
    monkeypatch.setattr(running, "SLICE", 0.5)
    monkeypatch.setattr(running, "GRACE", 0.3)
    batch = start(client, line("a", model))
    go_on()
    engine.pause = 5

    late = go_on()
    engine.pause = 0
    ended = finish(client, batch)

    assert (late.status, late.completed) == ("in_progress", 0)
    assert (ended.status, ended.request_counts.completed) == ("completed", 1)
    assert len(engine.requests) == 2
    assert remaining() == Decimal(10) - HALF


def test_a_cancelled_batch_keeps_what_is_answered(client, model, engine, few_at_once):
    batch = start(client, *[line(f"name-{number}", model) for number in range(6)])
    go_on()
    engine.pause = 0.8

    with at_work():
        wait_for(lambda: len(events()) >= 2)
        cancelled = client.batches.cancel(batch.id)
    go_on()
    ended = client.batches.retrieve(batch.id)

    assert (cancelled.status, ended.status) == ("cancelling", "cancelled")
    assert ended.cancelled_at >= ended.cancelling_at
    answered = results(client, ended.output_file_id)
    unrun = results(client, ended.error_file_id)
    assert len(answered) == ended.request_counts.completed == len(events())
    assert 2 <= len(answered) < 6
    assert len(answered) + len(unrun) == 6
    assert {each["error"]["code"] for each in unrun.values()} == {"batch_cancelled"}
    assert remaining() == Decimal(10) - len(answered) * HALF
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_a_batch_is_cancelled_before_anything_ran(client, model, engine):
    batch = start(client, line("a", model))

    client.batches.cancel(batch.id)
    client.batches.cancel(batch.id)
    go_on()

    ended = client.batches.retrieve(batch.id)
    assert (ended.status, ended.output_file_id, ended.error_file_id) == ("cancelled", None, None)
    assert engine.requests == []


def test_without_funds_a_batch_rests_and_goes_on_when_there_are_some(
    portal, disk, key, model, engine, pay
):
    client = portal.client(key)
    batch = start(client, line("a", model))
    go_on()

    rested = [go_on() for _time in range(2)]
    pay("1")
    ended = finish(client, batch)

    assert [each.status for each in rested] == ["in_progress", "in_progress"]
    assert rested[0].resumes_at > timezone.now() - timedelta(seconds=30)
    assert ended.status == "completed"
    assert len(engine.requests) == 1


def test_a_hard_budget_holds_for_batches(client, model, acme):
    with service():
        facts = {"name": "Team", "currency": "EUR", "window": "month"}
        budget = Budget.objects.create(organization=acme, amount=Decimal("0.0003"), **facts)
    batch = start(client, *[line(f"name-{number}", model, max_tokens=20) for number in range(20)])
    for _time in range(6):
        with service():
            Batch.objects.update(resumes_at=None)
        go_on()

    found = client.batches.retrieve(batch.id)
    with service():
        spent = BudgetWindow.objects.get().spent
        refused = set(BatchLine.objects.filter(state="waiting").values_list("status_code"))
    assert found.status == "in_progress"
    assert 1 <= found.request_counts.completed < 20
    assert spent == found.request_counts.completed * HALF <= budget.amount
    assert refused == {(402,)}


def test_a_line_that_found_no_funds_until_the_end_says_so(portal, disk, key, model, db):
    client = portal.client(key)
    batch = start(client, line("a", model))
    go_on()
    go_on()
    with service():
        Batch.objects.update(expires_at=timezone.now())

    ended = finish(client, batch)

    assert ended.status == "expired"
    assert ended.request_counts.to_dict() == {"total": 1, "completed": 0, "failed": 1}
    (unrun,) = results(client, ended.error_file_id).values()
    assert unrun["error"]["code"] == "batch_expired"
    assert unrun["response"]["status_code"] == 402
    assert unrun["response"]["body"]["error"]["code"] == "insufficient_funds"


def test_an_engine_that_is_busy_is_asked_again_later(client, model, engine):
    engine.status = 503
    batch = start(client, line("a", model), line("b", model))
    go_on()
    refused = go_on()
    rests = go_on()

    engine.status = 200
    ended = finish(client, batch)

    assert (refused.rests, rests.rests) == (1, 1)
    assert refused.resumes_at is not None
    assert ended.request_counts.completed == 2
    assert len(events()) == 2


def test_a_line_whose_engine_keeps_failing_is_given_up(client, model, engine):
    engine.status = 500
    batch = start(client, line("a", model))

    ended = finish(client, batch)

    assert (ended.status, ended.request_counts.failed) == ("completed", 1)
    assert len(engine.requests) == running.MOST_FAILURES
    (refused,) = results(client, ended.error_file_id).values()
    assert refused["response"]["status_code"] == 502
    assert (events(), remaining()) == ([], 10)


def revoke():
    ApiKey.objects.update(revoked_at=timezone.now())


def suspend():
    Organization.objects.update(status=Organization.Status.SUSPENDED)


def leave():
    Membership.objects.all().delete()


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (revoke, "invalid_api_key"),
        (suspend, "organization_suspended"),
        (leave, "invalid_api_key"),
    ],
)
def test_a_batch_whose_key_may_not_call_any_more_stops(client, model, engine, happens, code):
    start(client, line("a", model), line("b", model))
    go_on()
    with service():
        happens()

    go_on()
    go_on()

    found = stored()
    assert (found.status, found.errors[0]["code"]) == ("failed", code)
    assert found.errors[0]["message"]
    assert engine.requests == []
    assert (found.failed, found.error_file_id is None) == (2, False)


def test_a_batch_stops_in_the_middle_when_its_key_is_revoked(client, model, engine, few_at_once):
    start(client, *[line(f"name-{number}", model) for number in range(20)])
    go_on()
    engine.pause = 0.5

    with at_work():
        wait_for(lambda: len(events()) >= 2)
        with service():
            revoke()
    go_on()

    found = stored()
    assert found.status == "failed"
    assert 2 <= found.completed == len(events()) < 20
    assert found.output_file_id is not None


def test_a_batch_whose_file_is_deleted_stops(client, model, engine):
    batch = start(client, line("a", model))
    go_on()
    client.files.delete(batch.input_file_id)

    ended = finish(client, batch)

    assert (ended.status, ended.errors.data[0].code) == ("failed", "input_file_deleted")
    assert engine.requests == []


def test_a_batch_takes_nothing_from_what_the_key_may_do(
    portal, disk, key_of, acme, alice, pay, model
):
    pay("10")
    slow = portal.client(key_of(acme, alice, rpm_limit=1, tpm_limit=1, concurrency_limit=1))
    batch = start(slow, *[line(f"name-{number}", model) for number in range(5)])

    ended = finish(slow, batch)

    assert ended.request_counts.completed == 5


def test_a_grant_of_tokens_counts_half_of_them(portal, disk, key, acme, priced, pay):
    with service():
        small = TokenClass.objects.create(code="small", name="Small")
        TokenWeight.objects.create(token_class=small, token_part="output", weight=Decimal(3))
    model = priced(token_class=small).name
    pay("100000", unit=CreditGrant.Unit.TOKENS, token_class=small, cost_basis=Decimal(1))
    client = portal.client(key)

    ended = finish(client, start(client, line("a", model)))

    assert ended.status == "completed"
    # Ten tokens in at weight one, five out at weight three.
    assert remaining() == Decimal(100_000) - (10 + 15) / Decimal(2)


def test_a_receipt_says_that_it_was_a_batch(client, model):
    batch = start(client, line("a", model))

    finish(client, batch)

    (event,) = events()
    assert event.policy["service_tier"] == "batch"
    assert event.event_id == f"batch_req_{batch.id.removeprefix('batch_')}_1"
