"""Asking for fine-tuning jobs and wishing their end: intent alone, ``progress`` does the rest."""

import secrets
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from common import jobs
from common.database import atomic
from common.ids import uuid7
from compute.errors import NoCluster
from compute.queries import cluster_for
from files.models import Purpose, StoredFile
from marketplace.models import Kind, Offer
from marketplace.queries import offers_for
from studio.errors import OperationMeansAnother, UnknownFile, UnknownModel
from studio.models import Dataset, FineTuningJob, JobEvent
from studio.recipes import registry
from studio.services import datasets, funding
from studio.states import TERMINAL
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit, restrictions

HIGHEST_SEED = 2**31 - 1
CREATED = gettext_noop("The job was created.")


@atomic()
def create(
    organization: Organization,
    *,
    model: str,
    file: StoredFile | None,
    validation_file: StoredFile | None = None,
    by: User | ApiKey,
    project: Project | None = None,
    suffix: str = "",
    seed: int | None = None,
    hyperparameters: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
    max_cost: Decimal | None = None,
    operation_key: str = "",
) -> FineTuningJob:
    """Ask for the job once: the same operation key returns the job it was first used for.

    Who asks with a key asks for the key's project; others name one.
    """
    restrictions.refuse_new(organization)
    offer = offer_of(organization, model)
    if file is None or file.purpose != Purpose.FINE_TUNE:
        raise UnknownFile(field_errors={"training_file": [UnknownFile.detail]})
    if cluster_for(organization, jurisdiction=file.region.jurisdiction) is None:
        raise NoCluster
    asked = hyperparameters or {}
    recipe = registry.choose(offer.model_version.weights, asked)
    if registry.trains(recipe):
        funding.price_of(organization, offer)
    job = FineTuningJob(
        organization=organization,
        operation_key=operation_key or uuid7().hex,
        offer=offer,
        dataset=datasets.ensure(organization, file),
        validation=_validation(organization, validation_file),
        recipe=recipe,
        suffix=suffix,
        seed=secrets.randbelow(HIGHEST_SEED) if seed is None else seed,
        hyperparameters=asked,
        metadata=metadata or {},
        max_cost=max_cost,
        project=by.project if isinstance(by, ApiKey) else project,
        api_key=by if isinstance(by, ApiKey) else None,
        created_by=by.created_by if isinstance(by, ApiKey) else by,
    )
    try:
        with atomic():
            job.save(force_insert=True)
    except IntegrityError:
        return _first(job)
    _tell(job, by)
    ring(job)
    return job


def _validation(organization: Organization, file: StoredFile | None) -> Dataset | None:
    if file is None:
        return None
    if file.purpose != Purpose.FINE_TUNE:
        raise UnknownFile(field_errors={"validation_file": [UnknownFile.detail]})
    return datasets.ensure(organization, file)


def teachable(organization: Organization) -> QuerySet[Offer]:
    """Return the models that the organization may teach."""
    offers = offers_for(organization).filter(model_version__model__kind=Kind.CHAT)
    # Of what a job has made nobody says where the weights lie.
    return offers.exclude(model_version__model__owner__isnull=False, model_version__weights="")


def offer_of(organization: Organization, name: str) -> Offer:
    """Return the model of this name that the organization may teach, or refuse."""
    offers = teachable(organization).filter(name=name)
    if (offer := offers.first()) is None:
        words = _("There is no model %(name)s that you can fine-tune.") % {"name": name}
        raise UnknownModel(field_errors={"model": [words]})
    return offer


def _first(job: FineTuningJob) -> FineTuningJob:
    first = FineTuningJob.objects.get(
        organization=job.organization, operation_key=job.operation_key
    )
    same = (
        "offer_id",
        "dataset_id",
        "validation_id",
        "suffix",
        "hyperparameters",
        "metadata",
        "max_cost",
    )
    if any(getattr(first, name) != getattr(job, name) for name in same):
        raise OperationMeansAnother
    return first


def _tell(job: FineTuningJob, by: User | ApiKey) -> None:
    JobEvent.objects.create(organization=job.organization, job=job, message=CREATED)
    audit.record(
        organization=job.organization,
        actor=by,
        action="fine_tuning_job.created",
        target=job,
        after={
            "model": job.offer.name,
            "training_file": job.dataset.file.public_id,
            "recipe": job.recipe,
            "hyperparameters": job.hyperparameters,
        },
    )


@atomic()
def cancel(job: FineTuningJob, *, by: User | ApiKey) -> FineTuningJob:
    """Wish the job's end; twice is once, and what has ended stays as it is."""
    job = FineTuningJob.objects.locked(job.pk)
    if job.state in TERMINAL or job.is_unwanted:
        return job
    job.desired = FineTuningJob.Desired.CANCEL
    job.save(update_fields=["desired", "updated_at"])
    audit.record(
        organization=job.organization,
        actor=by,
        action="fine_tuning_job.cancel_wished",
        target=job,
        before={"desired": "run"},
        after={"desired": "cancel"},
    )
    ring(job)
    return job


def ring(job: FineTuningJob) -> None:
    """Have somebody look at the job soon."""
    jobs.enqueue("studio.advance", organization_id=str(job.organization_id), job_id=str(job.pk))
