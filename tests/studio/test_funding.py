"""What a job costs: quoted, set aside before it runs, taken once for what was trained."""

import shutil
from contextlib import suppress
from decimal import Decimal

import pytest
from django.utils import timezone
from openai import APIStatusError

from billing import queries
from billing.models import RatedUsage
from common.database import service
from compute.services import reconciling
from marketplace.models import Price
from metering.models import UsageEvent
from studio import artifacts
from studio.recipes import registry
from studio.services import funding, results, sweeping
from studio.states import State
from tenants.scope import scope
from tests.studio.conftest import advance, row

#: The dataset has 48 tokens and is gone through eight times.
COST = Decimal("3.84")


@pytest.fixture(autouse=True)
def training(monkeypatch):
    """What runs here is paid for as training is: nothing but the price of it differs."""
    monkeypatch.setattr(registry, "TRAINING", frozenset({registry.DEFAULT}))


@pytest.fixture
def balance(acme):
    """Return what Acme has: live, and set aside."""

    def balance():
        with scope(acme):
            found = queries.balance(acme)
        return found.live.amount, found.held.amount

    return balance


def told(client, job):
    """Return what its owner was told, newest first."""
    return [event.message for event in client.fine_tuning.jobs.list_events(job.id)]


def test_a_job_is_quoted_set_aside_and_charged_once(priced, give, start, run_until, balance, acme):
    give(10)

    job = start()
    run_until(job, State.QUEUED, State.RUNNING, State.DISPATCHED, State.SUCCEEDED)
    done = run_until(job, State.SUCCEEDED)

    assert done.trained_tokens == 384
    assert (done.tessera["quote"], done.tessera["cost"]) == ("3.84", "3.84")
    assert balance() == (10 - COST, Decimal(0))
    with scope(acme):
        event = UsageEvent.objects.get()
        assert (event.event_id, event.source, event.trained_tokens) == (job.id, "studio", 384)
        assert RatedUsage.objects.get().amount == COST


def test_what_it_may_cost_is_set_aside_before_it_runs(priced, give, start, balance, local_cluster):
    give(10)

    job = start()

    assert row(job).state == State.DISPATCHED
    assert balance() == (10 - COST, COST)


def test_a_price_that_changes_meanwhile_changes_no_quote(
    priced, give, start, run_until, local_cluster
):
    give(10)
    job = start()
    with service():
        Price.objects.filter(pk=priced.pk).update(effective_until=timezone.now())

    assert run_until(job, State.SUCCEEDED).tessera["cost"] == "3.84"


def test_without_enough_credit_it_waits_and_goes_on_when_there_is(
    priced, give, client, start, run_until, balance
):
    give(3)

    job = start()
    waiting = run_until(job, State.AWAITING_FUNDS)

    assert (waiting.status, waiting.trained_tokens) == ("queued", None)
    advance(job)
    advance(job)
    words = "The job waits for credit: it needs 3.84 EUR, free credit is 3 EUR."
    assert told(client, job).count(words) == 1
    assert balance() == (Decimal(3), Decimal(0))

    give(1)
    sweeping.ring()
    assert run_until(job, State.SUCCEEDED).trained_tokens == 384
    assert balance() == (4 - COST, Decimal(0))


def test_a_job_that_waits_for_credit_is_cancelled(priced, client, start, run_until, balance):
    job = start()
    run_until(job, State.AWAITING_FUNDS)

    client.fine_tuning.jobs.cancel(job.id)

    assert run_until(job, State.CANCELLED).status == "cancelled"


def test_a_dearer_quote_than_allowed_ends_it(priced, give, start, run_until, balance):
    give(10)

    job = start(extra_body={"max_cost": "3.83"})
    failed = run_until(job, State.FAILED)

    assert (failed.error.code, failed.error.param) == ("quote_above_max_cost", "max_cost")
    assert failed.error.message == "The job would cost 3.84 EUR; at most 3.83 EUR is allowed."
    assert balance() == (Decimal(10), Decimal(0))


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "1e3", "٣", "1.1234567", "", "0.000"])
def test_an_amount_is_written_in_plain_digits(priced, give, start, amount):
    with pytest.raises(APIStatusError) as refused:
        start(extra_body={"max_cost": amount})

    assert (refused.value.status_code, refused.value.body["param"]) == (400, "max_cost")


def test_a_model_without_a_price_is_not_taught(offer, start):
    with pytest.raises(APIStatusError) as refused:
        start()

    assert (refused.value.body["code"], refused.value.body["param"]) == (
        "model_not_priced",
        "model",
    )


def test_a_job_that_fails_costs_nothing(priced, give, start, local_cluster, balance, acme):
    give(10)
    job = start()
    local_cluster.ended(row(job).compute_job.handle)
    shutil.rmtree(artifacts.folder(row(job).compute_job.name))

    reconciling.sweep()

    assert row(job).state == State.FAILED
    assert balance() == (Decimal(10), Decimal(0))
    with scope(acme):
        assert not RatedUsage.objects.exists()


def test_whoever_dies_between_charging_and_settling_charges_once(
    priced, give, start, local_cluster, balance, monkeypatch, acme
):
    give(10)
    job = start()
    local_cluster.ended(row(job).compute_job.handle)

    def dies(*_job, **_facts):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(results, "move", dies)
        with suppress(SystemExit):
            reconciling.sweep()
    assert row(job).state == State.FINALIZING
    assert balance() == (10 - COST, Decimal(0))

    advance(job)

    assert (row(job).state, row(job).cost) == (State.SUCCEEDED, COST)
    assert balance() == (10 - COST, Decimal(0))
    with scope(acme):
        assert UsageEvent.objects.count() == 1


def test_what_nobody_returned_of_an_ended_job_is_found(
    priced, give, client, start, run_until, balance, monkeypatch
):
    give(10)
    job = start()
    with monkeypatch.context() as patch:
        patch.setattr(funding, "release", lambda job: None)
        client.fine_tuning.jobs.cancel(job.id)
        run_until(job, State.CANCELLED)
    assert balance() == (10 - COST, COST)

    sweeping.ring()

    assert balance() == (Decimal(10), Decimal(0))


def test_an_estimate_says_what_a_job_would_cost(priced, give, client, upload):
    give(3)
    file = upload()

    told = client.post(
        "/fine_tuning/estimate", body={"model": "base", "training_file": file}, cast_to=object
    )

    assert (told["trained_tokens"], told["n_epochs"]) == (384, 8)
    assert (told["price_per_million"], told["cost"], told["free"]) == ("10000", "3.84", "3")
    assert (told["allowed_to_proceed"], told["reason"]) == (
        False,
        "There is not enough free credit for this job.",
    )


def test_an_estimate_of_a_bad_file_says_what_is_wrong_with_it(priced, client, upload):
    file = upload(b"no json\n")

    told = client.post(
        "/fine_tuning/estimate", body={"model": "base", "training_file": file}, cast_to=object
    )

    assert (told["allowed_to_proceed"], told["trained_tokens"]) == (False, None)
    assert "1 of 1 lines cannot be used" in told["reason"]
