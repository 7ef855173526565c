"""What servers told of their load at their last look, by model and region; read as the service role."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, FilteredRelation, Q
from django.utils import timezone

from marketplace.models import Reachability, Route, ServerCheck, Upstream
from marketplace.models.offers import VERDICT_HOLDS

#: So many looks are shown one by one.
SHOWN = 20
DAY = timedelta(days=1)
#: What a look says.
TOLD = ("reachability", "running", "waiting", "kv_cache", "gpu")


@dataclass(frozen=True, slots=True)
class Vitals:
    """What servers told together; None where none of them tells."""

    #: Servers that are switched on, and of these that answered when they were looked at lately.
    servers: int = 0
    answering: int = 0
    running: int | None = None
    waiting: int | None = None
    #: Averages over the servers that tell, as shares.
    kv_cache: float | None = None
    gpu: float | None = None


@dataclass(frozen=True, slots=True)
class RegionVitals:
    """The same of a region."""

    name: str
    vitals: Vitals


@dataclass(frozen=True, slots=True)
class Looks:
    """The last looks at one server, and how many of a day's it answered."""

    shown: Sequence[ServerCheck]
    answered: int
    made: int

    @property
    def share(self) -> float | None:
        """Which share of the looks it answered."""
        return self.answered / self.made if self.made else None


def latest() -> dict[UUID, ServerCheck]:
    """Return the last look at each server, where it is young enough to say anything; one query."""
    young = ServerCheck.objects.filter(checked_at__gt=timezone.now() - VERDICT_HOLDS)
    newest = young.order_by("upstream_id", "-checked_at", "-id").distinct("upstream_id")
    return {it.upstream_id: it for it in newest}


def looks_at(server: Upstream) -> Looks:
    """Return the last looks at a server; two queries."""
    of_day = server.checks.filter(checked_at__gt=timezone.now() - DAY)
    counts = of_day.aggregate(
        made=Count("pk"), answered=Count("pk", filter=Q(reachability=Reachability.ANSWERS))
    )
    return Looks(list(of_day[:SHOWN]), counts["answered"], counts["made"])


def by_offer(offer_ids: Iterable[UUID]) -> dict[UUID, Vitals]:
    """Return what the servers of each offer told; one that answers for several tells all of it to each."""
    found = latest()
    servers: dict[UUID, set[UUID]] = {}
    ways = Route.objects.filter(offer__in=list(offer_ids), upstream__is_enabled=True)
    for offer, upstream in ways.order_by().values_list("offer_id", "upstream_id"):
        servers.setdefault(offer, set()).add(upstream)
    return {offer: _together(its, found) for offer, its in servers.items()}


def by_region() -> list[RegionVitals]:
    """Return what the servers that are switched on told, by region and its name; one query."""
    young = Q(checks__checked_at__gt=timezone.now() - VERDICT_HOLDS)
    looks = Upstream.objects.filter(is_enabled=True).alias(
        look=FilteredRelation("checks", condition=young)
    )
    newest = ("region__name", "pk", "-look__checked_at", "-look__id")
    rows = looks.order_by(*newest).distinct("region__name", "pk")
    found: dict[UUID, ServerCheck] = {}
    servers: dict[str, set[UUID]] = {}
    for region, pk, *told in rows.values_list(
        "region__name", "pk", *(f"look__{name}" for name in TOLD)
    ):
        servers.setdefault(region, set()).add(pk)
        look = ServerCheck(upstream_id=pk, **dict(zip(TOLD, told, strict=True)))
        # A server without a young look has no row of its own in there.
        if look.reachability:
            found[pk] = look
    return [RegionVitals(name, _together(its, found)) for name, its in servers.items()]


def _together(servers: Iterable[UUID], found: Mapping[UUID, ServerCheck]) -> Vitals:
    servers = list(servers)
    looks = [found[pk] for pk in servers if pk in found]
    return Vitals(
        servers=len(servers),
        answering=sum(it.answers for it in looks),
        running=_sum([it.running for it in looks]),
        waiting=_sum([it.waiting for it in looks]),
        kv_cache=_average([it.kv_cache for it in looks]),
        gpu=_average([it.gpu for it in looks]),
    )


def _sum(values: Iterable[int | None]) -> int | None:
    told = [it for it in values if it is not None]
    return sum(told) if told else None


def _average(values: Iterable[float | None]) -> float | None:
    told = [it for it in values if it is not None]
    return sum(told) / len(told) if told else None
