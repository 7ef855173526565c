"""Jobs that a cluster runs and no row asks for."""

import structlog

from common.database import service
from compute.models import Cluster, ComputeJob
from compute.scheduler import SERVES, Phase, Unreachable
from compute.schedulers.registry import scheduler_of

log = structlog.get_logger(__name__)

#: Names of our jobs begin so: what others run on the cluster is none of our business.
PREFIXES = ("ft-", SERVES)


def cancel_all() -> int:
    """Cancel every orphan of every cluster; return how many there were.

    A row is committed before its job is submitted, so a job without a row is nobody's; one whose
    row has ended has another in its place, or is not wanted.
    """
    with service():
        clusters = list(Cluster.objects.enabled())
    return sum(_cancel(cluster) for cluster in clusters)


def _cancel(cluster: Cluster) -> int:
    try:
        scheduler = scheduler_of(cluster)
        listed = [handle for prefix in PREFIXES for handle in scheduler.list(prefix)]
        handles = {handle.name: handle for handle in listed}
        with service():
            jobs = ComputeJob.objects.open().filter(cluster=cluster, name__in=list(handles))
            known = set(jobs.values_list("name", flat=True))
        orphans = [handle for name, handle in handles.items() if name not in known]
        living = scheduler.status(orphans) if orphans else {}
        open_ones = [handle for handle, seen in living.items() if seen.phase != Phase.ENDED]
        for handle in open_ones:
            log.warning("orphan_cancelled", cluster=cluster.slug, job=handle.name)
            scheduler.cancel(handle)
    except Unreachable:
        return 0
    return len(open_ones)
