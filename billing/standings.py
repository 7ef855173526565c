"""How budgets stand now, for pages and the API. Called inside a scope, or as the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from billing import windows
from billing.models import Budget, BudgetWindow, SpendBucket
from billing.windows import Span
from common.money import Money
from tenants.models import ApiKey, Organization

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget, the window that counts now, and what is spent of it."""

    budget: Budget
    span: Span
    spent: Money

    @property
    def left(self) -> Money:
        """What may still be spent."""
        return Money(max(self.budget.amount - self.spent.amount, ZERO), self.budget.currency)

    @property
    def percent(self) -> int:
        """The spent share, in whole per cent."""
        return int(self.spent.amount * 100 / self.budget.amount)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return not self.left


def of_organization(organization: Organization) -> list[Standing]:
    """Return how the organization's open budgets stand, the oldest first."""
    return standings(open_budgets(organization))


def of_key(key: ApiKey) -> list[Standing]:
    """Return how the open budgets stand that count what this key's usage costs."""
    applies = Q(api_key=None) | Q(api_key=key)
    applies &= Q(project=None) | Q(project=key.project_id)
    return standings(open_budgets(key.organization).filter(applies))


def budgets(organization: Organization) -> QuerySet[Budget, Budget]:
    """Return the organization's budgets, closed ones too."""
    return Budget.objects.filter(organization=organization)


def open_budgets(organization: Organization) -> QuerySet[Budget, Budget]:
    """Return the budgets that count."""
    found = Budget.objects.open().filter(organization=organization)
    return found.select_related("organization", "project", "api_key")


def standings(of: Iterable[Budget], now: datetime | None = None) -> list[Standing]:
    """Return how these budgets stand; two queries, and one for each that nothing was spent of yet."""
    found, now = list(of), now or timezone.now()
    spans = {budget.pk: _span(budget, now) for budget in found}
    known = _known(found, [span.starts_at for span in spans.values()])
    return [
        Standing(budget, span, Money(_spent(budget, span, known), budget.currency))
        for budget in found
        for span in [spans[budget.pk]]
    ]


def _span(budget: Budget, now: datetime) -> Span:
    if budget.starts_at and budget.ends_at:
        return Span(budget.starts_at, budget.ends_at)
    span = windows.containing(budget, now)
    assert span is not None  # noqa: S101 - only fixed windows have an outside
    return span


def _known(budgets: Sequence[Budget], starts: Sequence[datetime]) -> dict[object, Decimal]:
    rows = BudgetWindow.objects.filter(budget__in=budgets, starts_at__in=set(starts))
    return {(row.budget_id, row.starts_at): row.spent for row in rows}


def _spent(budget: Budget, span: Span, known: dict[object, Decimal]) -> Decimal:
    """Return what is spent; of a window that was not opened yet, what its time has seen."""
    spent = known.get((budget.pk, span.starts_at))
    if spent is not None:
        return spent
    buckets = SpendBucket.objects.filter(
        organization=budget.organization_id,
        currency=budget.currency,
        starts_at__gte=span.starts_at,
        starts_at__lt=span.ends_at,
    )
    if budget.project_id:
        buckets = buckets.filter(project=budget.project_id)
    if budget.api_key_id:
        buckets = buckets.filter(api_key=budget.api_key_id)
    total: Decimal | None = buckets.aggregate(total=Sum("amount"))["total"]
    return total or ZERO
