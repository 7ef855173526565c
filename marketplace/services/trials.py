"""Ways on trial: how much they get, and what becomes of them."""

from django.db.models import F

from common.database import atomic
from marketplace.errors import NotOnTrial
from marketplace.models import Offer, Route, RouteRole, TrialTally
from tenants.models import User
from tenants.services import audit


@atomic()
def give(route: Route, share: int, *, by: User | None) -> Route:
    """Let a way on trial have so many per cent of the requests; none stops it.

    Gateways follow within five seconds. When it begins again, its numbers begin anew.
    """
    route = _locked(route)
    before = route.share
    if before == share:
        return route
    if not before:
        TrialTally.objects.filter(route=route).delete()
    route.share = share
    route.save(update_fields=["share", "updated_at"])
    _record("trial_changed", route, by, {"share": before}, {"share": share})
    return route


@atomic()
def promote(route: Route, *, by: User | None) -> Route:
    """Let a canary answer everything: it is asked first, the ways before it when it fails."""
    route = _locked(route)
    if route.role != RouteRole.CANARY:
        raise NotOnTrial
    serving = Route.objects.filter(offer=route.offer_id, role=RouteRole.SERVES)
    serving.update(priority=F("priority") + 1)
    before = {"role": route.role, "share": route.share, "priority": route.priority}
    route.role, route.share, route.priority = RouteRole.SERVES, 0, 0
    route.save(update_fields=["role", "share", "priority", "updated_at"])
    TrialTally.objects.filter(route=route).delete()
    after = {"role": route.role, "share": 0, "priority": 0}
    _record("promoted", route, by, before, after)
    return route


def _locked(route: Route) -> Route:
    # As everywhere: the offer's row first, then its ways.
    Offer.objects.locked(route.offer_id)
    route = Route.objects.select_related("offer", "upstream").get(pk=route.pk)
    if not route.is_on_trial:
        raise NotOnTrial
    return route


def _record(
    act: str, route: Route, by: User | None, before: dict[str, object], after: dict[str, object]
) -> None:
    audit.record(
        organization=None,
        actor=by,
        action=f"route.{act}",
        target=route,
        before=before,
        after=after,
    )
