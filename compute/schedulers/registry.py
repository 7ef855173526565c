"""Which scheduler speaks for a cluster."""

from collections.abc import Callable

from django.conf import settings

from compute.models import Cluster
from compute.scheduler import Scheduler, Unreachable
from compute.schedulers.kubernetes.client import Client as KubernetesClient
from compute.schedulers.kubernetes.options import KubernetesOptions
from compute.schedulers.kubernetes.scheduler import KubernetesScheduler
from compute.schedulers.local.scheduler import LocalScheduler
from compute.schedulers.slurm.client import Client
from compute.schedulers.slurm.options import SlurmOptions
from compute.schedulers.slurm.scheduler import SlurmScheduler


def scheduler_of(cluster: Cluster) -> Scheduler:
    """Return the cluster's scheduler; raises Unreachable where it may not, or cannot, be spoken to."""
    try:
        return DOORS[cluster.kind](cluster)
    except ValueError as error:
        raise Unreachable(f"The cluster is not set up: {error}.") from error


def may_be_asked(address: str) -> bool:
    """Whether the operator's settings name the address: credentials go nowhere else."""
    return address in settings.CLUSTER_ADDRESSES


def _local(cluster: Cluster) -> Scheduler:
    return LocalScheduler(settings.COMPUTE_ROOT / cluster.slug)


def _slurm(cluster: Cluster) -> Scheduler:
    options = SlurmOptions.read(cluster.options)
    _look(cluster)
    client = Client(cluster.address, options.user, cluster.credential, options.authorities)
    return SlurmScheduler(client, options)


def _look(cluster: Cluster) -> None:
    if not may_be_asked(cluster.address):
        raise ValueError(f"CLUSTER_ADDRESSES does not name {cluster.address}")


def _kubernetes(cluster: Cluster) -> Scheduler:
    options = KubernetesOptions.read(cluster.options)
    _look(cluster)
    client = KubernetesClient(cluster.address, cluster.credential, options.authorities)
    return KubernetesScheduler(client, options)


DOORS: dict[str, Callable[[Cluster], Scheduler]] = {
    Cluster.Kind.LOCAL: _local,
    Cluster.Kind.SLURM: _slurm,
    Cluster.Kind.KUBERNETES: _kubernetes,
}
