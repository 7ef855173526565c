"""How every model on sale answers, beside what was promised and what its GPUs carry. As the service."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import add

from django.core.cache import cache
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from billing import judging, periods
from billing.judging import Verdict
from billing.models import GpuCost
from common.database import service
from common.money import exact
from marketplace import service_levels, vitals
from marketplace.models import Measurement, Offer, ServiceLevel
from marketplace.vitals import Vitals
from metering import answered
from metering.answered import Answered
from metering.models import REQUEST_PARTS, UsageDay
from metering.services import standing
from tenants.models import Organization, Region

DAY = timedelta(days=1)
WEEK = 7
SECONDS_A_WEEK = Decimal(WEEK * 86_400)
TOKENS = reduce(add, (F(f"{part}_tokens") for part in REQUEST_PARTS))
#: Where the customers whose month is missed so far are kept; told anew every hour.
AT_RISK = "billing.service_levels_at_risk"
KEPT_FOR = 2 * 86_400
#: So many weeks ahead a forecast is worth telling.
FARTHEST = 104


@dataclass(frozen=True, slots=True)
class Load:
    """What the GPUs of a model carry: in tokens a second, on the average of a week."""

    gpus: Decimal | None
    #: All tokens, read and made, of the last seven whole days, and of the seven before.
    lately: int
    before: int
    #: The most tokens of a single day in the last thirty.
    most: int

    @property
    def per_second(self) -> Decimal:
        """Tokens a second of the last week."""
        return round(self.lately / SECONDS_A_WEEK, 1)

    @property
    def per_gpu(self) -> Decimal | None:
        """The same of each GPU that staff stated."""
        return round(self.per_second / self.gpus, 1) if self.gpus else None

    @property
    def growth(self) -> Decimal | None:
        """By which share the week was more than the one before."""
        if not self.before:
            return None
        return Decimal(self.lately - self.before) / self.before

    @property
    def proven(self) -> Decimal | None:
        """Which share of the most that a day ever carried an average day carries."""
        return Decimal(self.lately) / WEEK / self.most if self.most else None

    @property
    def weeks_left(self) -> int | None:
        """In how many weeks, growing as now, an average day carries what only the fullest did."""
        growth, proven = self.growth, self.proven
        if not growth or growth <= 0 or not proven:
            return None
        weeks = 0
        while proven < 1 and weeks <= FARTHEST:
            proven *= 1 + growth
            weeks += 1
        return weeks if weeks <= FARTHEST else None


@dataclass(frozen=True, slots=True)
class Row:
    """A model in a region."""

    offer: Offer
    #: Of the last twenty-four hours, and of the last thirty days.
    day: Answered
    month: Measurement | None
    level: ServiceLevel | None
    load: Load
    #: Of the running month so far (UTC).
    running_month: Answered
    #: What its servers told when they were looked at last.
    vitals: Vitals

    @property
    def lately(self) -> Measurement | Answered:
        """What was measured in thirty days; of what was never called, nothing."""
        return self.month or Answered()

    @property
    def error_rate(self) -> Decimal | None:
        """Which share of the calls of the last day failed because of us."""
        return _failed_share(self.day)

    @property
    def error_rate_of_month(self) -> Decimal | None:
        """The same of the running month so far."""
        return _failed_share(self.running_month)

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of each target in the last day."""
        return judging.verdicts(self.level, self.day) if self.level else []

    @property
    def is_missed(self) -> bool:
        """Whether a target is missed."""
        return any(it.is_missed for it in self.verdicts)

    @property
    def words(self) -> StrOrPromise:
        """The state in words."""
        if not self.day.calls:
            return _("Not called")
        if not self.level:
            return _("Nothing promised")
        return _("Missed") if self.is_missed else _("Kept")

    @property
    def tone(self) -> str:
        """How it is shown; the words carry the meaning."""
        if not self.day.calls or not self.level:
            return ""
        return "bad" if self.is_missed else "good"


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A customer whose month misses a promise so far."""

    slug: str
    name: str
    offer_name: str
    #: Its code, and what people call it.
    region: str
    region_name: str
    calls: int
    missed: Sequence[Verdict]
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the page shows."""

    rows: Sequence[Row]
    #: None: it was not looked for yet.
    at_risk: Sequence[AtRisk] | None
    made_at: datetime

    @property
    def missed(self) -> int:
        """How many models miss a promise."""
        return sum(row.is_missed for row in self.rows)


def _failed_share(its: Answered) -> Decimal | None:
    return Decimal(its.failed) / its.calls if its.calls else None


def board() -> Board:
    """Return how every model on sale answers now."""
    now = timezone.now()
    offers = list(
        Offer.objects.live()
        .filter(model_version__model__owner=None)
        .select_related("model_version__model", "region", "measurement")
        .order_by("model_version__model__name", "region_id")
    )
    day = standing.answered_since(now - DAY, [it.name for it in offers])
    begun = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = standing.answered_since(begun, [it.name for it in offers])
    vital = vitals.by_offer([it.pk for it in offers])
    levels = service_levels.at(now)
    loads = _loads([it.name for it in offers], now.date())
    rows = [
        Row(
            it,
            day.get((it.name, it.region_id), Answered()),
            getattr(it, "measurement", None),
            levels.get(it.name),
            loads[it.name],
            month.get((it.name, it.region_id), Answered()),
            vital.get(it.pk, Vitals()),
        )
        for it in offers
    ]
    return Board(rows, cache.get(AT_RISK), now)


def _loads(names: Sequence[str], today: date) -> dict[str, Load]:
    days = UsageDay.objects.filter(
        offer_name__in=names, day__gte=today - timedelta(days=30), day__lt=today
    )
    by_day: dict[str, dict[date, int]] = {}
    for name, day, tokens in (
        days.values_list("offer_name", "day").annotate(tokens=Sum(TOKENS, default=0)).order_by()
    ):
        by_day.setdefault(name, {})[day] = int(tokens)
    gpus = _gpus(today)
    return {name: _load(by_day.get(name, {}), gpus.get(name), today) for name in names}


def _load(days: Mapping[date, int], gpus: Decimal | None, today: date) -> Load:
    week = timedelta(days=WEEK)
    lately = sum(count for day, count in days.items() if day >= today - week)
    before = sum(count for day, count in days.items() if today - 2 * week <= day < today - week)
    return Load(gpus, lately, before, max(days.values(), default=0))


def _gpus(today: date) -> dict[str, Decimal]:
    """Return how many GPUs staff stated that each model holds today."""
    stated = GpuCost.objects.filter(withdrawn_at=None, starts_on__lte=today)
    latest = stated.order_by("offer_id", "-starts_on").distinct("offer_id")
    return dict(latest.values_list("offer__name", "gpus"))


def look_for_risks() -> int:
    """Find the customers whose running month misses a promise so far; returns how many there are."""
    with service():
        found = list(_risks())
    cache.set(AT_RISK, found, KEPT_FOR)
    return len(found)


def _risks() -> Iterator[AtRisk]:
    now, regions = timezone.now(), dict(Region.objects.values_list("code", "name"))
    zones = (
        Organization.objects.order_by("time_zone").values_list("time_zone", flat=True).distinct()
    )
    for zone in zones:
        period = periods.containing(now, zone)
        # What held when the month began is what it is judged by.
        held = service_levels.at(period.start)
        owners = {it.pk: it for it in Organization.objects.filter(time_zone=zone)}
        if not held or not owners:
            continue
        measured = answered.of(owners, period.start, now, names=held.keys())
        for (owner, name, region, _day), its in measured.items():
            level = held[name]
            missed = [it for it in judging.verdicts(level, its) if it.is_missed]
            if missed and its.calls >= level.least_calls:
                percent = min(sum((it.credit for it in missed), Decimal(0)), level.cap)
                org = owners[owner]
                yield AtRisk(
                    org.slug,
                    org.name,
                    name,
                    region,
                    regions.get(region, region),
                    its.calls,
                    missed,
                    exact(percent),
                )
