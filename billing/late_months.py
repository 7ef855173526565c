"""Months with late usage, as the desk reads them."""

from dataclasses import dataclass
from decimal import Decimal

from billing import documents
from billing.documents import Line
from billing.models import LateMonth
from billing.models.contracts import LateMonthQuerySet
from billing.services import late_usage
from common.money import Money


@dataclass(frozen=True, slots=True)
class CameLate:
    """What came of a month after its window: its lines, and what they ask for before tax."""

    lines: list[Line]
    net: Money


def every() -> LateMonthQuerySet:
    """Return everybody's, the first that waited on top."""
    return LateMonth.objects.select_related("organization", "decided_by")


def what_came(month: LateMonth) -> CameLate:
    """Return what no invoice has told of the month yet, rated anew at the prices of then."""
    late, currency = late_usage.of_month(month), month.organization.currency
    net = sum((line.amount for line in late.lines), Decimal(0))
    return CameLate(documents.lines_of(late.lines, currency), Money(net, currency))
