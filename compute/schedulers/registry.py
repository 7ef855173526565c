"""Which scheduler speaks for a cluster."""

from django.conf import settings

from compute.models import Cluster
from compute.scheduler import Scheduler, Unreachable
from compute.schedulers.local.scheduler import LocalScheduler


def scheduler_of(cluster: Cluster) -> Scheduler:
    """Return the cluster's scheduler; raises Unreachable where we do not speak its language."""
    if cluster.kind == Cluster.Kind.LOCAL:
        return LocalScheduler(settings.COMPUTE_ROOT / cluster.slug)
    raise Unreachable(f"Tessera does not speak to clusters of the kind {cluster.kind} yet.")
