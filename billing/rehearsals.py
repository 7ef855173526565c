"""What a rehearsal found: in total, by customer and by price; read as the service role."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from defusedcsv import csv
from django.db.models import DecimalField, Q, QuerySet, Sum, Value
from django.db.models.functions import Abs, Coalesce
from django_stubs_ext import StrOrPromise

from billing.counted import GPU_HOURS
from billing.models import Rehearsal, RehearsedUsage
from common.money import Money
from marketplace import rehearsing as stages
from marketplace.models import PRICED_PARTS, OtherPart, PriceBookVersion, ServiceTier
from tenants.models import Organization

ZERO = Decimal(0)
LABELS = dict(PRICED_PARTS)
#: Tokens alone: requests and seconds of GPUs are counted beside them.
TOKENS = ~Q(token_part__in=OtherPart.values)
COLUMNS = (
    "customer", "model", "part", "tier", "tokens", "currency", "before", "after", "difference",
    "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """What usage was booked at, and what it would come to."""

    currency: str
    tokens: Decimal
    old: Decimal
    new: Decimal

    @property
    def before(self) -> Money:
        """What was booked."""
        return Money(self.old, self.currency)

    @property
    def after(self) -> Money:
        """What it would come to."""
        return Money(self.new, self.currency)

    @property
    def difference(self) -> Money:
        """How much more, or less."""
        return self.after - self.before

    @property
    def share(self) -> Decimal | None:
        """The same as a share of what was booked."""
        return (self.new - self.old) / self.old if self.old else None


@dataclass(frozen=True, slots=True)
class OfCustomer:
    """The effect on one customer."""

    organization: Organization
    effect: Effect


@dataclass(frozen=True, slots=True)
class OfPrice:
    """The effect of one price on all customers."""

    offer: str
    part: str
    tier: str
    effect: Effect

    @property
    def label(self) -> StrOrPromise:
        """The part in words."""
        return LABELS[self.part]

    @property
    def is_timed(self) -> bool:
        """Whether what is counted are seconds of GPUs."""
        return self.part == GPU_HOURS

    @property
    def tier_label(self) -> StrOrPromise:
        """The tier in words."""
        return ServiceTier(self.tier).label


def all_of(version: PriceBookVersion) -> QuerySet[Rehearsal]:
    """Return the rehearsals of a version, the newest first."""
    return Rehearsal.objects.filter(version=version).select_related("requested_by")


def is_stale(rehearsal: Rehearsal) -> bool:
    """Whether the version would say something else by now than when it was rehearsed."""
    now = stages.prices(rehearsal.version)
    return rehearsal.version.is_draft and _sorted(now) != _sorted(rehearsal.prices)


def _sorted(prices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(prices, key=lambda it: (it["offer"], it["part"], it["tier"]))


def total(rehearsal: Rehearsal) -> Effect:
    """Return what all customers' usage would come to, without what could not be rated."""
    return _effect(rehearsal, _rated(rehearsal).aggregate(**_SUMS))


#: No sum of nothing is empty.
_NOTHING = Value(ZERO, output_field=DecimalField(max_digits=30, decimal_places=12))
_SUMS = {
    "tokens_sum": Coalesce(Sum("tokens", filter=TOKENS), _NOTHING),
    "old": Coalesce(Sum("before"), _NOTHING),
    "new": Coalesce(Sum("after"), _NOTHING),
}


def _rated(rehearsal: Rehearsal) -> QuerySet[RehearsedUsage]:
    return RehearsedUsage.objects.filter(rehearsal=rehearsal, reason="")


def _effect(rehearsal: Rehearsal, row: dict[str, Any]) -> Effect:
    currency = rehearsal.version.book.currency
    return Effect(currency, row["tokens_sum"], row["old"], row["new"])


def by_customer(rehearsal: Rehearsal) -> QuerySet[Any, Any]:
    """Return the sums of each customer, the most affected first."""
    sums: QuerySet[Any, Any] = _rated(rehearsal).values("organization")
    sums = sums.annotate(**_SUMS, effect=Abs(_SUMS["new"] - _SUMS["old"]))
    return sums.order_by("-effect", "-old", "organization")


def touched(rehearsal: Rehearsal) -> int:
    """Return how many customers would pay more or less."""
    return by_customer(rehearsal).exclude(effect=ZERO).count()


def customers(rehearsal: Rehearsal, rows: list[dict[str, Any]]) -> list[OfCustomer]:
    """Return these sums with whose they are."""
    found = Organization.objects.in_bulk([row["organization"] for row in rows])
    return [OfCustomer(found[row["organization"]], _effect(rehearsal, row)) for row in rows]


def by_price(rehearsal: Rehearsal) -> list[OfPrice]:
    """Return the effect of each price."""
    names = ("offer_name", "token_part", "service_tier")
    rows: QuerySet[RehearsedUsage, Any] = _rated(rehearsal).values(*names)
    rows = rows.annotate(**(_SUMS | {"tokens_sum": Coalesce(Sum("tokens"), _NOTHING)}))
    return [
        OfPrice(row["offer_name"], row["token_part"], row["service_tier"], _effect(rehearsal, row))
        for row in rows.order_by(*names)
    ]


def unrated(rehearsal: Rehearsal) -> QuerySet[RehearsedUsage]:
    """Return what could not be rated, and stands in no sum."""
    found = RehearsedUsage.objects.filter(rehearsal=rehearsal).exclude(reason="")
    return found.select_related("organization").order_by("organization__name", "offer_name", "pk")


def as_csv(rehearsal: Rehearsal) -> Iterator[str]:
    """Yield the lines of a file: what each customer used of each price, to the last digit."""
    yield _line(COLUMNS)
    currency = rehearsal.version.book.currency
    lines = RehearsedUsage.objects.filter(rehearsal=rehearsal).select_related("organization")
    for it in lines.order_by(
        "organization__slug", "offer_name", "token_part", "service_tier", "reason"
    ):
        after = "" if it.after is None else _plain(it.after)
        difference = "" if it.after is None else _plain(it.after - it.before)
        yield _line(
            (
                it.organization.slug,
                it.offer_name,
                it.token_part,
                it.service_tier,
                _plain(it.tokens),
                currency,
                _plain(it.before),
                after,
                difference,
                it.reason,
            )
        )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _line(cells: tuple[str, ...]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow(cells)
    return file.getvalue()
