"""Answers about private models, for pages and the API; all within the organization's open scope."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from marketplace.models import ModelShare
from studio.models import TunedModel
from tenants.models import Organization

SHOWN = (
    "offer__model_version__model", "offer__region", "project", "service",
    "job__offer", "job__dataset__file", "job__compute_job__cluster",
)  # fmt: skip


def tuned_models(organization: Organization) -> QuerySet[TunedModel]:
    """Return the organization's private models, the newest first; retired ones are among them."""
    return TunedModel.objects.filter(organization=organization).select_related(*SHOWN)


def tuned_named(organization: Organization, name: str) -> TunedModel | None:
    """Return the organization's private model that programs call so."""
    if not name.isprintable():
        return None
    return tuned_models(organization).filter(offer__name=name).first()


def shares_of(tuned: TunedModel) -> QuerySet[ModelShare]:
    """Return with which projects the model is shared, agreed or not, the newest first."""
    return ModelShare.objects.kept().filter(model=tuned.offer.model_version.model)


def shared_with(organization: Organization) -> QuerySet[ModelShare]:
    """Return what other organizations have shared with this one, agreed or not, newest first."""
    shares = ModelShare.objects.kept().filter(organization=organization)
    return shares.exclude(owner=organization).select_related("project", "model")


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a private model comes from: file, job, attempts, what was learnt, deployment."""

    training_file: str
    training_sha256: str
    job_id: str
    #: A digest of all that the last attempt was told.
    spec: str
    attempts: int
    cluster: str
    jurisdiction: str
    artifact: str
    manifest_sha256: str
    base: str
    model: str
    service_id: uuid.UUID | None
    runs: int
    published_at: datetime


def lineage(tuned: TunedModel) -> Lineage:
    """Return it, from the file's hash to the deployment."""
    job, attempt = tuned.job, tuned.job.compute_job
    return Lineage(
        training_file=job.dataset.file.public_id,
        training_sha256=tuned.training_sha256,
        job_id=job.public_id,
        spec=attempt.job_spec.fingerprint() if attempt else "",
        attempts=job.attempt,
        cluster=attempt.cluster.slug if attempt else "",
        jurisdiction=tuned.offer.region.jurisdiction,
        artifact=tuned.artifact,
        manifest_sha256=tuned.manifest_sha256,
        base=job.offer.name,
        model=tuned.offer.name,
        service_id=tuned.service_id,
        runs=tuned.service.run if tuned.service else 0,
        published_at=tuned.created_at,
    )
