"""A model to teach, a disk, a cluster that really runs jobs, and OpenAI's own client."""

import io
import json
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.services import credits
from common.database import service
from common.ids import uuid7
from compute.services import reconciling
from marketplace.models import AIModel, ModelVersion, Offer, Price, PriceBook, Publisher
from studio.models import FineTuningJob
from studio.services import progress
from tests.files.conftest import disk
from tests.support.clusters import cluster, local_cluster, paris, start_node
from tests.support.portal_server import key_of, portal, shared_portal

__all__ = [
    "cluster", "disk", "key_of", "local_cluster", "paris", "portal", "shared_portal", "start_node",
]  # fmt: skip


#: Of a trained token.
PRICE = Decimal("0.01")


def example(question="Ping?", answer="Pong!", **facts):
    """Return one example as a line."""
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, **facts}).encode()


def dataset(count=12, **facts):
    """Return a dataset; each example has four tokens."""
    return b"\n".join(example(**facts) for _ in range(count)) + b"\n"


@pytest.fixture(autouse=True)
def artifacts_root(settings, tmp_path):
    """What jobs write lies in a folder of the test's."""
    settings.ARTIFACTS_ROOT = tmp_path / "artifacts"


@pytest.fixture
def offer(paris):
    """A model that can be taught."""
    with service():
        publisher = Publisher.objects.create(name="Lab", slug="lab")
        model = AIModel.objects.create(
            slug="base", name="Base", publisher=publisher, status="published",
            context_window=8192, licence="MIT",
        )  # fmt: skip
        version = ModelVersion.objects.create(model=model, label="1")
        offer = Offer.objects.create(
            model_version=version, region=paris, name="base", status="published"
        )
        first_price(offer)
    with service():
        # What is said of prices is each test's own.
        Price.objects.filter(offer=offer).update(effective_until=timezone.now())
    return offer


def first_price(offer):
    """Price it whole: nothing is put on sale without."""
    book, _ = PriceBook.objects.get_or_create(
        is_default=True, currency="EUR", defaults={"code": "standard", "name": "Standard"}
    )
    for part in ("input", "output"):
        Price.objects.create(
            book=book, offer=offer, token_part=part, effective_from=timezone.now(),
            definition={"model": "per_unit", "unit_amount": "0.000001"},
        )  # fmt: skip


@pytest.fixture
def priced(offer):
    """A trained token has a price."""
    with service():
        book, _ = PriceBook.objects.get_or_create(
            is_default=True, currency="EUR", defaults={"code": "standard", "name": "Standard"}
        )
        return Price.objects.create(
            book=book, offer=offer, token_part="trained", effective_from=timezone.now(),
            definition={"model": "per_unit", "unit_amount": str(PRICE)},
        )  # fmt: skip


@pytest.fixture
def give(acme):
    """Give Acme money."""

    def give(amount):
        with service():
            credits.grant(
                acme, unit="money", quantity=Decimal(amount), cost_basis=Decimal(amount),
                source_key=f"test:{uuid7()}",
            )  # fmt: skip

    return give


@pytest.fixture
def client(portal, disk, cluster, offer, key_of, acme, alice):
    """OpenAI's client with a key of Acme."""
    return portal.client(key_of(acme, alice))


@pytest.fixture
def upload(client):
    """Upload a training file; return its id."""

    def upload(content=None):
        content = dataset() if content is None else content
        file = ("train.jsonl", io.BytesIO(content))
        return client.files.create(file=file, purpose="fine-tune").id

    return upload


@pytest.fixture
def start(client, upload):
    """Ask for a job."""

    def start(content=None, **facts):
        facts = {"model": "base", "training_file": upload(content), **facts}
        return client.fine_tuning.jobs.create(**facts)

    return start


@pytest.fixture
def run_until(client, local_cluster):
    """Let node, sweeps and bells work until the job says so; return it."""

    def run_until(job, *states, seconds=20):
        def is_there():
            reconciling.sweep()
            return row(job).state in states

        local_cluster.run_until(is_there, seconds)
        return client.fine_tuning.jobs.retrieve(job.id)

    return run_until


def row(job):
    """Return the row of what the client calls a job."""
    return row_of(FineTuningJob(pk=job.id.removeprefix("ftjob-")))


def row_of(job):
    """Return the job's row as it stands."""
    with service():
        jobs = FineTuningJob.objects.select_related("compute_job", "dataset__file")
        return jobs.get(pk=job.pk)


def advance(job):
    """Bring the job on without a bell."""
    found = row(job)
    progress.advance(found.organization_id, found.pk)
    return row(job)
