"""Answers about datasets and jobs, as the pages show them."""

import uuid

from django.db.models import Count, Q, QuerySet

from common.errors import NotFound
from compute.models import ComputeJob
from studio.models import (
    Dataset,
    DatasetQuerySet,
    FineTuningJob,
    FineTuningJobQuerySet,
    Mending,
)
from tenants.models import Organization

#: What a page shows of a job beside its own row.
SHOWN = (
    "offer__model_version__model",
    "dataset__file__region",
    "validation__file",
    "result_file",
    "compute_job__cluster__region",
    "project",
    "created_by",
    "price",
    "organization",
)


def datasets(organization: Organization) -> DatasetQuerySet:
    """Return the datasets that can be read, the newest first, each with how many jobs use it."""
    found = Dataset.objects.living().filter(organization=organization)
    return (
        found.select_related("file")
        .annotate(job_count=Count("jobs"))
        .order_by("-created_at", "-pk")
    )


def dataset(organization: Organization, dataset_id: uuid.UUID) -> Dataset:
    """Return the organization's dataset, though its file may be gone; refuse any other."""
    found = Dataset.objects.filter(organization=organization, pk=dataset_id)
    if (row := found.select_related("file__region").first()) is None:
        raise NotFound
    return row


def jobs(organization: Organization) -> FineTuningJobQuerySet:
    """Return the organization's jobs, the newest first."""
    found = FineTuningJob.objects.filter(organization=organization)
    return found.select_related(*SHOWN).order_by("-id")


def job(organization: Organization, job_id: uuid.UUID) -> FineTuningJob:
    """Return the organization's job; refuse any other."""
    if (row := jobs(organization).filter(pk=job_id).first()) is None:
        raise NotFound
    return row


def taught_models(organization: Organization) -> list[str]:
    """Return the names of the models that the organization's jobs began with."""
    found = FineTuningJob.objects.filter(organization=organization)
    return sorted(set(found.values_list("offer__name", flat=True)))


def attempts(job: FineTuningJob) -> QuerySet[ComputeJob]:
    """Return what clusters were asked to run for a job, in order."""
    found = ComputeJob.objects.filter(organization=job.organization, owner_id=job.pk)
    return found.select_related("cluster__region").order_by("attempt")


def jobs_of(dataset: Dataset) -> FineTuningJobQuerySet:
    """Return the jobs that learn from a dataset, or are measured by it, the newest first."""
    by_it = Q(dataset=dataset) | Q(validation=dataset)
    return jobs(dataset.organization).filter(by_it)


def mendings(dataset: Dataset) -> list[Mending]:
    """Return the new datasets that were asked for, made of this one, the newest first."""
    return list(
        Mending.objects.filter(dataset=dataset).select_related("dataset__file", "result__file")
    )


def made_by(dataset: Dataset) -> Mending | None:
    """Return how a dataset was made of another; None where it was uploaded."""
    return Mending.objects.filter(result=dataset).select_related("dataset__file").first()
