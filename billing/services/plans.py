"""Plans: terms that many customers get. A contract copies them, so a change is of contracts to come."""

from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from billing.errors import ContractInvalid, PlanTaken
from billing.models import Plan
from billing.models.contracts import TERMS
from billing.services.contracts import check, facts_of
from common.database import atomic
from tenants.models import User
from tenants.services import audit


def terms_of(plan: Plan) -> dict[str, Any]:
    """Return the terms of a plan, for a contract to begin with."""
    return {name: getattr(plan, name) for name in TERMS} | {"plan": plan}


@atomic()
def open_plan(*, code: str, name: str, by: User, **terms: Any) -> Plan:
    """Write a plan down, to be offered from now on."""
    plan = Plan(code=code, name=name, **terms)
    _check(plan)
    try:
        with atomic():
            plan.save(force_insert=True)
    except IntegrityError as error:
        raise PlanTaken(field_errors={"code": [PlanTaken.detail]}) from error
    return _written(plan, "plan.opened", by, before=None)


@atomic()
def change(plan: Plan, *, by: User, **facts: Any) -> Plan:
    """Change what a plan says; contracts that were made of it stay as they were agreed."""
    plan = Plan.objects.locked(plan.pk)
    before = _facts(plan)
    for name, value in facts.items():
        setattr(plan, name, value)
    _check(plan)
    if _facts(plan) == before:
        return plan
    plan.save()
    return _written(plan, "plan.changed", by, before=before)


@atomic()
def offer(plan: Plan, *, is_offered: bool, by: User) -> Plan:
    """Retire a plan, or offer it again; asked twice, nothing changes."""
    plan = Plan.objects.locked(plan.pk)
    if plan.is_offered == is_offered:
        return plan
    plan.is_offered = is_offered
    plan.save(update_fields=["is_offered", "updated_at"])
    action = "plan.offered" if is_offered else "plan.retired"
    return _written(plan, action, by, before={"is_offered": not is_offered})


def _check(plan: Plan) -> None:
    check(plan)
    book = plan.price_book
    if book is not None and (book.organization_id or book.customer_group_id):
        sentence = _("This price book is for one customer or group only.")
        raise ContractInvalid(field_errors={"price_book": [sentence]})


def _facts(plan: Plan) -> dict[str, Any]:
    return {"code": plan.code, "name": plan.name, **facts_of(plan)}


def _written(plan: Plan, action: str, by: User, *, before: dict[str, Any] | None) -> Plan:
    after = _facts(plan) | {"is_offered": plan.is_offered}
    audit.record(
        organization=None, actor=by, action=action, target=plan, before=before, after=after
    )
    return plan
