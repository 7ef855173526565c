"""Finding what a lost bell or a killed process has left waiting."""

import uuid

from common import jobs
from common.database import service
from studio import artifacts
from studio.models import Dataset, FineTuningJob, Mending
from studio.recipes import registry
from studio.services import funding, mending, publication, results, serving
from studio.states import TERMINAL, State


def ring() -> int:
    """Have every open job, unchecked dataset and mending looked at; return how many there are.

    Money that is still set aside for an ended job goes back.
    """
    with service():
        datasets = list(Dataset.objects.unchecked().values_list("organization_id", "pk"))
        mendings = list(Mending.objects.waiting().values_list("organization_id", "pk"))
        open_jobs = list(FineTuningJob.objects.open().values_list("organization_id", "pk"))
    for organization_id, dataset_id in datasets:
        facts = {"organization_id": str(organization_id), "dataset_id": str(dataset_id)}
        jobs.enqueue("studio.validate_dataset", **facts)
    for organization_id, mending_id in mendings:
        mending.ring(organization_id, mending_id)
    for organization_id, job_id in open_jobs:
        jobs.enqueue("studio.advance", organization_id=str(organization_id), job_id=str(job_id))
    funding.release_forgotten()
    publication.publish_forgotten()
    serving.follow_all()
    return len(datasets) + len(mendings) + len(open_jobs)


def remove_artifacts() -> int:
    """Remove what the attempts of ended jobs wrote; return how many there were."""
    over = [name for name in artifacts.every() if _is_over(name)]
    for name in over:
        artifacts.remove(name)
    return len(over)


def _is_over(name: str) -> bool:
    try:
        job_id = uuid.UUID(hex=name.removeprefix("ft-").partition("-")[0])
    except ValueError:
        return False
    with service():
        job = FineTuningJob.objects.filter(pk=job_id, state__in=TERMINAL).first()
    # What was learnt is kept: a model may be made of it.
    return job is not None and not (
        job.state == State.SUCCEEDED
        and registry.trains(job.recipe)
        and name == results.attempt_name(job, job.attempt)
    )
