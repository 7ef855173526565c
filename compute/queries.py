"""Answers about clusters."""

from django.conf import settings

from compute.models import Cluster
from tenants.models import Organization


def cluster_for(organization: Organization, *, jurisdiction: str) -> Cluster | None:
    """Return a cluster in the jurisdiction that may run this organization's work; None if none may.

    A cluster without isolation between tenants is passed over unless the settings allow it.
    """
    allowed = organization.allowed_jurisdictions
    if allowed and jurisdiction not in allowed:
        return None
    clusters = Cluster.objects.enabled().filter(region__jurisdiction=jurisdiction)
    if not settings.ALLOW_CLUSTERS_WITHOUT_ISOLATION:
        clusters = clusters.exclude(isolation=Cluster.Isolation.NONE)
    return clusters.select_related("region").order_by("trouble", "slug").first()
