"""What the demo's startup did in the studio: a first try at a dataset, a good one, and a job.

The job is a dry run, as the demo's models have no weights here; workers bring it to its end.
"""

from django.conf import settings
from django.core.files.base import ContentFile

from compute.queries import cluster_for
from files.models import Purpose, StoredFile
from files.services import stored_files
from marketplace.models import Offer
from studio import sample_dataset
from studio.services import datasets, fine_tuning
from tenants.models import Organization, Region, User
from tenants.scope import scope

FIRST_TRY, GOOD = "support-first-try.jsonl", "support.jsonl"


def seed(startup: Organization, *, owner: User) -> None:
    """Upload both and begin the job; done again, nothing is done twice.

    Where nobody has said where files are kept, there is nothing to show; where no cluster may run
    the job, there is none.
    """
    if not Region.objects.filter(code=settings.FILES_REGION).exists():
        return
    content = sample_dataset.content()
    faulty = content.replace('"role": "user"', '"role": "human"', 3)
    _keep(startup, faulty, FIRST_TRY, owner)
    file = _keep(startup, content, GOOD, owner)
    with scope(startup):
        offer = _offer(startup)
        if offer is None or cluster_for(startup, jurisdiction=file.region.jurisdiction) is None:
            return
        fine_tuning.create(
            startup,
            model=offer.name,
            file=file,
            by=owner,
            project=startup.projects.first(),
            suffix="support",
            operation_key="demo",
        )


def _keep(startup: Organization, content: str, name: str, owner: User) -> StoredFile:
    file = stored_files.keep(
        startup,
        ContentFile(content.encode()),
        filename=name,
        purpose=Purpose.FINE_TUNE,
        by=owner,
        source_key=f"demo:{name}",
    )
    with scope(startup):
        datasets.ensure(startup, file)
    return file


def _offer(startup: Organization) -> Offer | None:
    """Return a model for a dry run: one without weights, which costs nothing."""
    found = fine_tuning.teachable(startup)
    return found.filter(model_version__weights="").order_by("name").first()
