"""Answers about clusters."""

from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from compute.models import Cluster, ComputeJob
from compute.scheduler import JobSpec
from tenants.models import Organization
from tenants.models.classification import Classification

#: From the thinnest wall between tenants to the thickest.
WALLS = [
    Cluster.Isolation.NONE,
    Cluster.Isolation.SHARED,
    Cluster.Isolation.DEDICATED_NODE,
    Cluster.Isolation.DEDICATED_CLUSTER,
]


@dataclass(frozen=True, slots=True)
class Need:
    """What a job needs of a cluster; nothing in particular, unless it is said."""

    gpus: int = 0
    gpu_type: str = ""
    #: The thinnest wall that will do; empty: what the organization's data asks for.
    isolation: Cluster.Isolation | str = ""


ANY = Need()


def cluster_for(
    organization: Organization, *, jurisdiction: str, need: Need = ANY
) -> Cluster | None:
    """Return a cluster in the jurisdiction that may run this organization's work; None if none may.

    Of those that can, one without trouble and with few jobs. Restricted data goes only where nodes are
    an organization's own; no data where nothing stands between tenants. Where the settings allow that,
    as for trials, walls are not looked at.
    """
    allowed = organization.allowed_jurisdictions
    if allowed and jurisdiction not in allowed:
        return None
    need = replace(need, isolation=need.isolation or _wall_for(organization))
    clusters = _able(need).filter(region__jurisdiction=jurisdiction).select_related("region")
    living = Q(jobs__in=ComputeJob.objects.open())
    return (
        clusters.annotate(load=Count("jobs", filter=living))
        .order_by("trouble", "load", "slug")
        .first()
    )


def _wall_for(organization: Organization) -> Cluster.Isolation:
    if organization.classification == Classification.RESTRICTED:
        return Cluster.Isolation.DEDICATED_NODE
    return Cluster.Isolation.SHARED


def _able(need: Need) -> QuerySet[Cluster]:
    walls = WALLS[WALLS.index(Cluster.Isolation(need.isolation)) :]
    if settings.ALLOW_CLUSTERS_WITHOUT_ISOLATION:
        walls = WALLS
    clusters = Cluster.objects.taking().filter(isolation__in=walls, gpus__gte=need.gpus)
    clusters = clusters.filter(Q(gpus_each=None) | Q(gpus_each__gte=need.gpus))
    return clusters.filter(gpu_type=need.gpu_type) if need.gpu_type else clusters


def fitted(spec: JobSpec, cluster: Cluster) -> JobSpec:
    """Return the job as it is asked of this cluster: with a GPU where there are some."""
    if not cluster.gpus or spec.gpus:
        return spec
    return replace(spec, gpus=1, gpu_type=cluster.gpu_type)
