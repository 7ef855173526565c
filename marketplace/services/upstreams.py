"""The operator's servers and the regions they stand in."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from common.database import atomic
from common.errors import Conflict
from marketplace import presets
from marketplace.models import Reachability, Route, Upstream
from marketplace.probe import Finding
from tenants.models import Region, User
from tenants.services import audit

CHANGEABLE = ("name", "base_url", "is_enabled", "is_draining", "preset", *presets.SETTINGS)
#: What leads to a server: what was found on another way says nothing about this one.
WAY = ("base_url", "credential", "health_path")
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

    Its region stays: offers were sold as computed there. What was found out about the old address,
    credential or path of health says nothing about the new one.
    """
    upstream = Upstream.objects.select_for_update().get(pk=upstream.pk)
    before, way = _facts(upstream), _way(upstream)
    for name in CHANGEABLE:
        setattr(upstream, name, facts[name])
    kept = "" if forget_credential else upstream.credential
    upstream.credential = facts["credential"] or kept
    is_new_way = _way(upstream) != way
    if is_new_way:
        upstream.reachability = Reachability.UNKNOWN
        upstream.checked_at, upstream.served_models = None, []
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
    """Keep what a look at the server found; unless its address was changed meanwhile."""
    now = Upstream.objects.select_for_update().get(pk=upstream.pk)
    if _way(now) != _way(upstream):
        return now
    now.reachability = finding.reachability
    now.served_models = list(finding.models)
    now.checked_at = timezone.now()
    now.save(update_fields=["reachability", "served_models", "checked_at", "updated_at"])
    return now


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
