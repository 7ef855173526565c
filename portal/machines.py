"""How much of the operator's machines is at work, as far as that is known; nothing is guessed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import F, IntegerField, OuterRef, Subquery, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from compute.models import Cluster, ComputeJob
from marketplace import vitals
from marketplace.vitals import RegionVitals
from metering.models import UsageBucket, UsageDay
from portal.business import TOKENS

HOUR = timedelta(hours=1)
GPUS_OF_JOB = Cast(KT("spec__gpus"), IntegerField())


@dataclass(frozen=True, slots=True)
class Machines:
    """GPUs of the clusters that jobs and services hold now, and what the gateway serves."""

    gpus: int
    held: int
    #: Over the last whole hour that ended with a quarter; None where nothing was served.
    tokens_per_second: Decimal | None
    #: What the servers of models told when they were looked at last, by region.
    servers: list[RegionVitals]

    @property
    def share(self) -> Decimal | None:
        """Which share of the GPUs is held; None where no cluster is said to have any."""
        return Decimal(self.held) / self.gpus if self.gpus else None


def machines(now: datetime) -> Machines:
    """Return how much is at work now; three queries."""
    running = ComputeJob.objects.filter(state=ComputeJob.State.RUNNING, cluster=OuterRef("pk"))
    held = running.order_by().values("cluster").annotate(held=Sum(GPUS_OF_JOB)).values("held")
    found = Cluster.objects.enabled().aggregate(
        gpus=Sum("gpus", default=0), held=Sum(Subquery(held), default=0)
    )
    served = _tokens_per_second(now)
    return Machines(found["gpus"], found["held"], served, vitals.by_region())


def _tokens_per_second(now: datetime) -> Decimal | None:
    quarter = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
    served = UsageBucket.objects.filter(
        # Buckets are found by organization: those are named that used anything on these days.
        organization__in=UsageDay.objects.filter(
            day__in={(quarter - HOUR).date(), quarter.date()}
        ).values("organization"),
        starts_at__gte=quarter - HOUR,
        starts_at__lt=quarter,
    ).aggregate(tokens=Sum(TOKENS), requests=Sum(F("requests")))
    if not served["requests"]:
        return None
    return Decimal(served["tokens"]) / int(HOUR.total_seconds())
