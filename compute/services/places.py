"""How many jobs of an organization a cluster is asked to take at a time."""

import uuid
from collections import Counter

from compute.models import Cluster, ComputeJob

WAITS = "Your organization's places on this cluster are taken."


class Places:
    """What is free on a cluster; only inside a transaction, which then is the only one to count."""

    def __init__(self, cluster: Cluster) -> None:
        self._jobs: Counter[uuid.UUID] = Counter()
        self._gpus: Counter[uuid.UUID] = Counter()
        self._is_limited = (cluster.jobs_each, cluster.gpus_each) != (None, None)
        self._cluster = cluster
        if self._is_limited:
            self._count()

    def has_one_for(self, job: ComputeJob) -> bool:
        """Take a place for a job that was never submitted; False, and the job says so, if none is left."""
        if not self._is_limited or job.is_unwanted_there:
            return True
        owner, gpus = job.organization_id, job.job_spec.gpus
        if not self._fits(owner, gpus):
            ComputeJob.objects.filter(pk=job.pk).exclude(reason=WAITS).update(reason=WAITS)
            return False
        self._jobs[owner] += 1
        self._gpus[owner] += gpus
        return True

    def _count(self) -> None:
        # Two who count at once would both find the last place.
        self._cluster = Cluster.objects.locked(self._cluster.pk)
        placed = ComputeJob.objects.open().filter(cluster=self._cluster)
        for job in placed.exclude(state=ComputeJob.State.PREPARED):
            self._jobs[job.organization_id] += 1
            self._gpus[job.organization_id] += job.job_spec.gpus

    def _fits(self, owner: uuid.UUID, gpus: int) -> bool:
        jobs_each, gpus_each = self._cluster.jobs_each, self._cluster.gpus_each
        has_place = jobs_each is None or self._jobs[owner] < jobs_each
        return has_place and (gpus_each is None or self._gpus[owner] + gpus <= gpus_each)
