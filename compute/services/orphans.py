"""Jobs that a cluster runs and no row asks for."""

from collections.abc import Collection

import structlog

from common.database import service
from compute.models import Cluster, ComputeJob
from compute.scheduler import SERVES, JobHandle, Phase, Scheduler, Unreachable
from compute.schedulers.registry import scheduler_of

log = structlog.get_logger(__name__)

#: Names of our jobs begin so: what others run on the cluster is none of our business.
PREFIXES = ("ft-", SERVES)


def cancel_all() -> int:
    """Cancel every orphan of every cluster; return how many were cancelled.

    A row is committed before its job is submitted, so a job without a row is nobody's; one whose
    row has ended has another in its place, or is not wanted. Two clusters may be parts of one that
    lists the jobs of both, by whatever address: a job that another cluster's row knows is not ours
    to end.
    """
    with service():
        clusters = list(Cluster.objects.enabled())
    return sum(_cancel(cluster) for cluster in clusters)


def _cancel(cluster: Cluster) -> int:
    try:
        scheduler = scheduler_of(cluster)
        listed = {handle for prefix in PREFIXES for handle in scheduler.list(prefix)}
        known = _known(cluster, listed)
        orphans = [handle for handle in listed if handle not in known]
        living = scheduler.status(orphans) if orphans else {}
    except Unreachable:
        return 0
    open_ones = [handle for handle, seen in living.items() if seen.phase != Phase.ENDED]
    return sum(_is_cancelled(scheduler, cluster, handle) for handle in open_ones)


def _known(cluster: Cluster, listed: Collection[JobHandle]) -> set[JobHandle]:
    """Return the jobs that an open row asks for."""
    names = {handle.name for handle in listed}
    with service():
        rows = ComputeJob.objects.open().filter(name__in=names)
        found = set(rows.values_list("cluster_id", "name", "external_id"))
    ours = {name for owner, name, _id in found if owner == cluster.pk}
    # One that was just submitted has no id yet.
    others = {(name, external_id) for _owner, name, external_id in found}
    return {
        it
        for it in listed
        if it.name in ours or not others.isdisjoint({(it.name, it.external_id), (it.name, "")})
    }


def _is_cancelled(scheduler: Scheduler, cluster: Cluster, handle: JobHandle) -> bool:
    try:
        scheduler.cancel(handle)
    except Unreachable as error:
        log.warning("orphan_left", cluster=cluster.slug, job=handle.name, trouble=str(error))
        return False
    log.warning("orphan_cancelled", cluster=cluster.slug, job=handle.name)
    return True
