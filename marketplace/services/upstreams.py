"""The operator's servers and the regions they stand in."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError
from django.db.models import F, Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from common.database import atomic
from common.errors import Conflict
from marketplace import presets
from marketplace.models import Reachability, Route, ServerCheck, Upstream
from marketplace.probe import Finding
from tenants.models import Region, User
from tenants.services import audit

CHANGEABLE = (
    "name",
    "base_url",
    "is_enabled",
    "is_draining",
    "preset",
    *presets.SETTINGS,
    "gpu_metrics_url",
)
#: What leads to a server: what was found on another way says nothing about this one.
WAY = ("base_url", "credential", "health_path")
#: Where a server listens whose address does not say it.
PORTS = {"http": 80, "https": 443}
#: A server that was asked less than this ago is not asked again: a little less than beat's turn.
REST = timedelta(seconds=25)
#: So many looks in a row turn the verdict: one that comes and goes is left as it was.
TURNS = 2
#: How long looks are kept.
KEPT = timedelta(days=1)
#: What a look finds.
FOUND = ("reachability", "served_models", "checked_at", "is_well", "doubts")
FACTS = (*CHANGEABLE, "loads_adapters", "region_id")


class ServerTaken(Conflict):
    """Another server has this name."""

    code = "server_taken"
    detail = _("Another server has this name.")


class RegionTaken(Conflict):
    """Another region has this code."""

    code = "region_taken"
    detail = _("Another region has this code.")


@atomic()
def add(facts: Mapping[str, Any], *, by: User | None) -> Upstream:
    """Add a server that models can be routed to."""
    try:
        with atomic():
            upstream = Upstream.objects.create(
                slug=slugify(facts["name"], allow_unicode=True)[:50], **facts
            )
    except IntegrityError as error:
        raise ServerTaken(field_errors={"name": [ServerTaken.detail]}) from error
    _record("server.added", upstream, None, by)
    return upstream


@atomic()
def change(
    upstream: Upstream,
    facts: Mapping[str, Any],
    *,
    by: User | None,
    forget_credential: bool = False,
) -> Upstream:
    """Change how a server is reached; an empty credential keeps the one that is stored.

    Under another origin nothing is kept: whoever takes a server elsewhere has to know its credential.
    Its region stays: offers were sold as computed there. What was found out about the old address,
    credential or path of health says nothing about the new one.
    """
    upstream = Upstream.objects.select_for_update().get(pk=upstream.pk)
    before, way = _facts(upstream), _way(upstream)
    is_elsewhere = _origin(facts["base_url"]) != _origin(upstream.base_url)
    for name in CHANGEABLE:
        setattr(upstream, name, facts[name])
    kept = "" if forget_credential or is_elsewhere else upstream.credential
    upstream.credential = facts["credential"] or kept
    is_new_way = _way(upstream) != way
    if is_new_way:
        upstream.reachability = Reachability.UNKNOWN
        upstream.checked_at, upstream.served_models = None, []
        upstream.is_well, upstream.doubts, upstream.asked_at = True, 0, None
    upstream.save()
    if is_new_way or _facts(upstream) != before:
        _record("server.changed", upstream, before, by)
    return upstream


@atomic()
def let_load_adapters(upstream: Upstream, *, is_allowed: bool, by: User | None) -> Upstream:
    """Say whether it takes adapters while it runs; those that it has stay until they are stopped."""
    upstream = Upstream.objects.select_for_update().get(pk=upstream.pk)
    if upstream.loads_adapters != is_allowed:
        before = _facts(upstream)
        upstream.loads_adapters = is_allowed
        upstream.save(update_fields=["loads_adapters", "updated_at"])
        _record("server.changed", upstream, before, by)
    return upstream


@atomic()
def note(upstream: Upstream, finding: Finding) -> Upstream:
    """Keep what a look found; unless the server's address was changed, or a later look begun since.

    A verdict whether gateways may count on it turns when two looks in a row say so.
    """
    now = Upstream.objects.select_for_update().get(pk=upstream.pk)
    if _way(now) != _way(upstream) or now.asked_at != upstream.asked_at:
        return now
    now.reachability = finding.reachability
    now.served_models = list(finding.models)
    now.checked_at = timezone.now()
    now.doubts = 0 if finding.is_well == now.is_well else now.doubts + 1
    if now.doubts >= TURNS:
        now.is_well, now.doubts = finding.is_well, 0
    now.save(update_fields=[*FOUND, "updated_at"])
    load = finding.load
    ServerCheck.objects.create(
        upstream=now,
        checked_at=now.checked_at,
        reachability=finding.reachability,
        latency_ms=finding.latency_ms,
        running=load.running,
        waiting=load.waiting,
        kv_cache=load.kv_cache,
        gpu=load.gpu,
    )
    return now


@atomic()
def claim_due(most: int) -> list[Upstream]:
    """Return servers that are switched on and whose turn it is to be looked at, to one caller.

    At most so many, and first who waits longest. What another caller has is passed over; a caller
    that is lost costs its servers one turn.
    """
    due = Q(asked_at=None) | Q(asked_at__lte=timezone.now() - REST)
    found = list(
        Upstream.objects.filter(due, is_enabled=True)
        .select_for_update(skip_locked=True)
        .order_by(F("asked_at").asc(nulls_first=True), "pk")[:most]
    )
    begin_looks(found)
    return found


@atomic()
def begin_looks(servers: Sequence[Upstream]) -> None:
    """Say that these servers are looked at from now on: looks begun before count no more."""
    now = timezone.now()
    for server in servers:
        server.asked_at = now
    Upstream.objects.filter(pk__in=[it.pk for it in servers]).update(asked_at=now)


@atomic()
def forget_looks() -> int:
    """Forget looks that are older than a day; return how many."""
    gone, _of = ServerCheck.objects.filter(checked_at__lt=timezone.now() - KEPT).delete()
    return gone


@atomic()
def note_conformance(route: Route, found: Mapping[str, str]) -> None:
    """Keep what a probe of this way found; unless it leads elsewhere since."""
    same = Route.objects.filter(pk=route.pk, upstream_model=route.upstream_model)
    same.filter(upstream__base_url=route.upstream.base_url).update(
        conformance=dict(found), conformed_at=timezone.now(), updated_at=timezone.now()
    )


@atomic()
def add_region(facts: Mapping[str, Any], *, by: User | None) -> Region:
    """Add a place where the operator computes."""
    try:
        with atomic():
            region = Region.objects.create(**facts)
    except IntegrityError as error:
        raise RegionTaken(field_errors={"code": [RegionTaken.detail]}) from error
    audit.record(organization=None, actor=by, action="region.added", target=region, after=facts)
    return region


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _way(upstream: Upstream) -> tuple[str, ...]:
    return tuple(getattr(upstream, name) for name in WAY)


def _facts(upstream: Upstream) -> dict[str, Any]:
    # Whether there is a credential may be told; the credential itself never.
    return {name: getattr(upstream, name) for name in FACTS} | {
        "has_credential": upstream.has_credential
    }


def _record(
    action: str, upstream: Upstream, before: dict[str, Any] | None, by: User | None
) -> None:
    audit.record(
        organization=None,
        actor=by,
        action=action,
        target=upstream,
        before=before,
        after=_facts(upstream),
    )
