"""Making, changing and closing budgets, and telling people when much of one is spent."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from billing import budget_locks
from billing.errors import OperatorsBudget
from billing.models import Budget, BudgetWindow
from billing.services import telling
from common.database import atomic, service
from common.errors import Conflict
from common.ids import uuid7
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit, owed

#: Usage of a window that is over may still come in; so long its crossings are told.
LATE = timedelta(days=1)


@atomic()
def create(
    organization: Organization,
    *,
    name: str,
    amount: Decimal,
    by: User | None,
    through: ApiKey | None = None,
    project: Project | None = None,
    api_key: ApiKey | None = None,
    budget_id: UUID | None = None,
    **terms: Any,
) -> Budget:
    """Make a budget in the organization's currency; gateways know within five seconds.

    It counts what its present window has already seen. ``budget_id`` makes two clicks one: the
    second returns the first one's.
    """
    budget_locks.change(organization.pk)
    key = budget_id or uuid7()
    if made := Budget.objects.filter(organization=organization, pk=key).first():
        return made
    try:
        with atomic():
            budget = Budget.objects.create(
                id=key,
                organization=organization,
                project=project,
                api_key=api_key,
                name=name,
                amount=amount,
                currency=organization.currency,
                **terms,
            )
    except IntegrityError as error:
        if "pkey" not in str(error):
            raise
        raise Conflict from error
    audit.record(
        organization=organization,
        actor=through or by,
        action="budget.created",
        target=budget,
        after={"name": name, "amount": amount, "of": str(api_key or project or ""), **terms},
    )
    return budget


@atomic()
def change(budget: Budget, *, by: User, through: ApiKey | None = None, **facts: Any) -> Budget:
    """Change the named terms of an open budget; what stays the same is not written or audited."""
    _refuse_operators(budget)
    budget = Budget.objects.locked(budget.pk)
    if budget.closed_at:
        raise Conflict
    before = {name: getattr(budget, name) for name in facts}
    changed = [name for name in facts if before[name] != facts[name]]
    if not changed:
        return budget
    for name in changed:
        setattr(budget, name, facts[name])
    budget.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=budget.organization,
        actor=through or by,
        action="budget.changed",
        target=budget,
        before={name: before[name] for name in changed},
        after={name: facts[name] for name in changed},
    )
    return budget


def close(budget: Budget, *, by: User, through: ApiKey | None = None) -> Budget:
    """Let the budget count and stop nothing any more; closing twice changes nothing."""
    _refuse_operators(budget)
    return _close(budget, by, through)


def lift(budget: Budget, *, by: User | None) -> Budget:
    """Close a budget that the operator set; as the service, for of these the app role changes none."""
    return _close(budget, by, None)


def _refuse_operators(budget: Budget) -> None:
    if budget.is_operators:
        raise OperatorsBudget


@atomic()
def _close(budget: Budget, by: User | None, through: ApiKey | None) -> Budget:
    budget = Budget.objects.locked(budget.pk)
    if budget.closed_at:
        return budget
    budget.closed_at = timezone.now()
    budget.save(update_fields=["closed_at", "updated_at"])
    audit.record(
        organization=budget.organization,
        actor=through or by,
        action="budget.closed",
        target=budget,
        before={"name": budget.name, "amount": budget.amount},
    )
    return budget


def tell_crossings(now: datetime | None = None) -> int:
    """Tell, once each, of the shares of budgets that have been passed; answers how many."""
    since = (now or timezone.now()) - LATE
    with service():
        found = BudgetWindow.objects.filter(
            budget__closed_at=None, ends_at__gt=since, spent__gt=0
        ).select_related("budget")
        due = [window.pk for window in found if _passed(window) != window.told]
    return sum(_tell(window_id) for window_id in due)


def _passed(window: BudgetWindow) -> int:
    """Return the greatest of the budget's shares that is spent, in per cent; 0 for none."""
    budget = window.budget
    return max(
        (it for it in budget.thresholds if window.spent * 100 >= budget.amount * it), default=0
    )


def _tell(window_id: UUID) -> bool:
    with service():
        window = BudgetWindow.objects.locked(window_id)
        budget, passed = window.budget, _passed(window)
        told, window.told = window.told, passed
        window.save(update_fields=["told"])
        # Less than was told: the budget was raised, and what is passed again is told again.
        if passed <= told:
            return False
        audit.record(
            organization=budget.organization,
            actor=None,
            action="budget.reached",
            target=budget,
            after={"per_cent": passed, "spent": window.spent, "amount": budget.amount},
        )
        telling.budget_reached(window, passed)
        owed.owe(
            "billing.send_budget_alert",
            organization_id=window.organization_id,
            window_id=str(window_id),
            percent=passed,
        )
    return True
