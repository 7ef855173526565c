"""Asking for jobs: intent alone. What becomes of it is the reconciler's to write."""

import uuid
from dataclasses import replace

from django.db import IntegrityError

from common import jobs
from common.database import atomic
from compute.errors import NameMeansAnother, OutsideTheBorder
from compute.models import Cluster, ComputeJob
from compute.scheduler import NAME, JobSpec
from tenants.models import Organization
from tenants.services import audit


@atomic()
def submit(
    organization: Organization,
    cluster: Cluster,
    spec: JobSpec,
    *,
    owner_kind: str,
    owner_id: uuid.UUID,
    attempt: int = 1,
) -> ComputeJob:
    """Ask for the job once: its name and spec again return the job that is there."""
    allowed = organization.allowed_jurisdictions
    if allowed and cluster.region.jurisdiction not in allowed:
        raise OutsideTheBorder
    spec = replace(spec, tenant=_tenant(organization))
    try:
        with atomic():
            job = ComputeJob.objects.create(
                organization=organization,
                cluster=cluster,
                name=spec.name,
                spec=spec.facts(),
                owner_kind=owner_kind,
                owner_id=owner_id,
                attempt=attempt,
            )
    except IntegrityError:
        return _existing(organization, cluster, spec)
    audit.record(
        organization=organization,
        actor=None,
        action="compute_job.submitted",
        target=job,
        after={
            "cluster": cluster.slug,
            "region": cluster.region_id,
            "jurisdiction": cluster.region.jurisdiction,
            "spec": spec.fingerprint(),
        },
    )
    _ring(job)
    return job


def _tenant(organization: Organization) -> str:
    """Return what clusters call the organization: its address, where that is a name to them."""
    slug = organization.slug
    return slug if NAME.fullmatch(slug) else f"org-{organization.pk.hex}"


def _existing(organization: Organization, cluster: Cluster, spec: JobSpec) -> ComputeJob:
    job = ComputeJob.objects.filter(
        organization=organization, cluster=cluster, name=spec.name
    ).first()
    if job is None or job.job_spec.fingerprint() != spec.fingerprint():
        raise NameMeansAnother
    return job


@atomic()
def cancel(job: ComputeJob) -> ComputeJob:
    """Wish the job's end; an ended job stays as it is, and twice is once."""
    job = ComputeJob.objects.locked(job.pk)
    if job.state == ComputeJob.State.ENDED or job.desired == ComputeJob.Desired.CANCEL:
        return job
    job.desired = ComputeJob.Desired.CANCEL
    job.save(update_fields=["desired", "updated_at"])
    _ring(job)
    return job


def _ring(job: ComputeJob) -> None:
    jobs.enqueue("compute.reconcile", organization_id=str(job.organization_id), job_id=str(job.pk))
