"""What a job has learnt is called through ``/v1``: trained, merged and served for real, on the CPU."""

import os
import signal
from decimal import Decimal

import openai
import pytest
from django.utils import timezone

from billing import periods
from billing.models import RatedUsage
from billing.services import invoicing
from common.database import service
from compute.models import Service
from compute.services import reconciling, running
from marketplace.models import Price, TunedTerms
from metering.models import UsageEvent
from studio.states import State
from tenants.scope import scope
from tenants.services import organizations
from tests.gateway.conftest import gateway, gateway_process  # noqa: F401 - fixtures
from tests.studio.conftest import (  # noqa: F401 - fixtures
    artifacts_root,
    client,
    cluster,
    disk,
    give,
    key_of,
    local_cluster,
    offer,
    paris,
    portal,
    priced,
    row,
    run_until,
    shared_portal,
    start,
    start_node,
    upload,
)
from tests.support.clusters import wait_until
from tests.training.test_jobs import lines, taught  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(300)
#: Of a token of the base model. Its tuned versions cost a quarter more.
PRICES = {"input": "0.000002", "output": "0.000008"}
FACTOR = Decimal("1.25")


@pytest.fixture
def sold(taught, offer, priced):  # noqa: F811
    """The base model has a whole price, and models made of it a factor."""
    with service():
        for part, amount in PRICES.items():
            Price.objects.create(
                book=priced.book, offer=offer, token_part=part, effective_from=timezone.now(),
                definition={"model": "per_unit", "unit_amount": amount},
            )  # fmt: skip
        TunedTerms.objects.create(offer=offer, factor=FACTOR)


@pytest.fixture
def tuned(sold, client, upload, run_until):  # noqa: F811
    """A model that a job has taught, and that its cluster serves."""
    asked = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 50}
    job = client.fine_tuning.jobs.create(
        model="base", training_file=upload(lines()), hyperparameters=asked, suffix="Ping v1", seed=7
    )
    return run_until(job, State.SUCCEEDED, State.FAILED, seconds=200)


@pytest.fixture
def until_served(local_cluster):  # noqa: F811
    """Let node and sweeps work until the only service is at this run, and well; return it."""

    def until_served(run):
        def is_well():
            reconciling.sweep()
            running.sweep()
            return engine().state == Service.State.HEALTHY and engine().run == run

        local_cluster.run_until(is_well, 120)
        return engine()

    return until_served


def engine():
    """Return the only service."""
    with service():
        return Service.objects.select_related("job").get()


def ask(client, model):  # noqa: F811
    """Call the model."""
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Ping please"}], max_tokens=8
    )


def used(organization):
    """Return what calls have used and cost, once it is written down."""

    def found():
        with scope(organization):
            calls = UsageEvent.objects.filter(source="gateway")
            worth = RatedUsage.objects.filter(source="gateway")
            return list(zip(calls, worth, strict=True)) if len(calls) == len(worth) else []

    wait_until(found)
    return found()


def test_a_taught_model_is_served_called_billed_and_retired(
    tuned, until_served, local_cluster, client, gateway, portal, key_of, acme, alice, charlie  # noqa: F811
):  # fmt: skip
    model = tuned.fine_tuned_model
    assert model == f"ft:base:acme:Ping-v1:{tuned.id[-8:]}"
    until_served(1)
    ours = gateway.client(key_of(acme, alice))

    # It answers as it was taught.
    answer = ask(ours, model)

    assert answer.choices[0].message.content.startswith("Pong")
    # It is billed at its own price, the base's times the factor, and stands on the invoice.
    ((event, worth),) = used(acme)
    assert (event.offer_name, event.output_tokens) == (model, answer.usage.completion_tokens)
    price = {part: Decimal(amount) * FACTOR for part, amount in PRICES.items()}
    tokens = {"input": event.input_tokens, "output": event.output_tokens}
    assert worth.amount == sum(tokens[part] * price[part] for part in PRICES)
    with scope(acme):
        draft = invoicing.draft(acme, periods.containing(timezone.now(), acme.time_zone))
    billed = {line.part: line.unit_amount for line in draft.lines if line.offer_name == model}
    assert billed == price
    # To others it does not exist.
    other = organizations.found(name="Other", owner=charlie, country="FR")
    theirs = gateway.client(key_of(other, charlie))
    assert model not in [each.id for each in theirs.models.list()]
    with pytest.raises(openai.NotFoundError) as refused:
        ask(theirs, model)
    assert (refused.value.code, "retired" in refused.value.message) == ("model_not_found", False)
    # An engine that is killed comes back, and answers again.
    os.killpg(int((local_cluster.root / engine().job.name / "pid").read_text()), signal.SIGKILL)
    until_served(2)
    wait_until(lambda: answers(ours, model), seconds=15)
    # Retired, it is gone, and says so.
    assert client.models.delete(model).deleted
    wait_until(lambda: not answers(ours, model), seconds=15)
    with pytest.raises(openai.NotFoundError, match="was retired on"):
        ask(ours, model)


def answers(client, model):  # noqa: F811
    """Whether the model answers now."""
    try:
        return bool(ask(client, model).choices)
    except openai.APIStatusError:
        return False
