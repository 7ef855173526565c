"""The operator's clusters: adding them, looking at them, closing and emptying them."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.database import atomic, service
from compute.errors import BadCluster, ClusterTaken
from compute.models import Cluster
from compute.scheduler import Unreachable
from compute.schedulers.registry import scheduler_of
from tenants.models import User
from tenants.services import audit

#: What is told of a cluster; of its credential only whether there is one.
FACTS = (
    "name", "slug", "kind", "region_id", "isolation", "address", "options", "gpus", "gpu_type",
    "jobs_each", "gpus_each", "intake", "is_enabled",
)  # fmt: skip


@atomic()
def add(facts: Mapping[str, Any], *, by: User | None) -> Cluster:
    """Add a cluster that its scheduler can be made for; whether it answers, ``check`` says."""
    cluster = Cluster(**facts)
    try:
        scheduler_of(cluster)
    except Unreachable as trouble:
        raise BadCluster(str(trouble)) from trouble
    try:
        with atomic():
            cluster.save(force_insert=True)
    except IntegrityError as error:
        raise ClusterTaken from error
    _record("cluster.added", cluster, None, by)
    return cluster


@atomic()
def turn(cluster: Cluster, intake: Cluster.Intake, *, by: User | None) -> Cluster:
    """Open it, close it to new jobs, or have it give back those it has; twice is once."""
    cluster = Cluster.objects.locked(cluster.pk)
    if cluster.intake == intake:
        return cluster
    before = _facts(cluster)
    cluster.intake = intake
    cluster.save(update_fields=["intake", "updated_at"])
    _record("cluster.turned", cluster, before, by)
    return cluster


@atomic()
def renew(cluster: Cluster, credential: str, *, by: User | None) -> Cluster:
    """Give the cluster another credential; that it was given is recorded, never what it is."""
    if not credential:
        raise BadCluster(_("A credential is missing: it is read from standard input."))
    cluster = Cluster.objects.locked(cluster.pk)
    before = _facts(cluster)
    cluster.credential = credential
    cluster.save(update_fields=["credential", "updated_at"])
    _record("cluster.renewed", cluster, before, by)
    return cluster


def check(cluster: Cluster) -> str:
    """Ask the cluster what is wrong with it, keep it, and return it; empty when nothing is."""
    try:
        trouble = scheduler_of(cluster).check()[:300]
    except Unreachable as error:
        trouble = str(error)[:300]
    with service():
        Cluster.objects.filter(pk=cluster.pk).update(trouble=trouble, asked_at=timezone.now())
    return trouble


def _facts(cluster: Cluster) -> dict[str, Any]:
    facts = {name: getattr(cluster, name) for name in FACTS}
    return {**facts, "has_credential": bool(cluster.credential)}


def _record(action: str, cluster: Cluster, before: dict[str, Any] | None, by: User | None) -> None:
    audit.record(
        organization=None,
        actor=by,
        action=action,
        target=cluster,
        before=before,
        after=_facts(cluster),
    )
