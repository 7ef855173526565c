"""Does what was agreed about invoices that are not paid in time, each stage once, and undoes it.

An invoice is left alone while all that it still asks for is disputed. What a stage took away comes
back with the payment, unless another invoice holds it back too or staff has changed it meanwhile.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models import DunningPolicy, DunningStep, Invoice
from billing.models.dunning import Act, usual_stages
from billing.services import disputes
from common import jobs
from common.database import atomic, service
from common.errors import DomainError
from tenants.models import Organization, User
from tenants.services import audit, organizations

#: What is left of calls a minute to who is restricted.
FEW = 10
MOST_STAGES, FURTHEST = 10, 365
#: What is written off is not: who never paid gets nothing back, unless staff gives it.
SETTLED = (Invoice.Status.PAID, Invoice.Status.VOID)


@atomic()
def set_stages(
    organization: Organization, stages: list[dict[str, Any]], *, by: User
) -> DunningPolicy:
    """Agree on an organization's own stages; their days only go up."""
    days = [day for stage in stages if type(day := stage.get("days")) is int]
    is_known = all(stage.get("act") in Act.values for stage in stages)
    are_days = len(days) == len(stages) and all(0 <= day <= FURTHEST for day in days)
    if not stages or len(stages) > MOST_STAGES or not is_known or not are_days:
        raise DomainError(field_errors={"stages": [_("Each stage has days and an act.")]})
    if days != sorted(set(days)):
        raise DomainError(field_errors={"stages": [_("Each stage comes later than the last.")]})
    kept = [{"days": stage["days"], "act": stage["act"]} for stage in stages]
    policy, _made = DunningPolicy.objects.update_or_create(
        organization=organization, defaults={"stages": kept}
    )
    audit.record(
        organization=organization,
        actor=by,
        action="dunning.stages_set",
        target=policy,
        after={"stages": kept},
    )
    return policy


def sweep(now: datetime | None = None) -> int:
    """Take the stages that are due and undo those whose invoice is settled; return the taken."""
    now = now or timezone.now()
    with service():
        overdue = list(Invoice.objects.open().filter(due_at__lt=now).values_list("pk", flat=True))
        standing = DunningStep.objects.standing().filter(invoice__status__in=SETTLED)
        settled = list(standing.values_list("pk", flat=True))
    for step_id in settled:
        _undo(step_id)
    return sum(_take(invoice_id, now) for invoice_id in overdue)


def stages_of(organization_id: UUID) -> list[dict[str, Any]]:
    """Return the organization's stages."""
    policy = DunningPolicy.objects.filter(organization=organization_id).first()
    return policy.stages if policy else usual_stages()


def _take(invoice_id: UUID, now: datetime) -> int:
    """Take every stage of an invoice that is due, under its lock; return how many."""
    with service():
        invoice = Invoice.objects.locked(invoice_id)
        if invoice.status != Invoice.Status.OPEN or disputes.hold_off(invoice):
            return 0
        due = list(_due(invoice, now))
        for position, act in due:
            step = DunningStep(
                organization=invoice.organization, invoice=invoice, position=position, act=act
            )
            _carry_out(step)
            step.save(force_insert=True)
            audit.record(
                organization=invoice.organization,
                actor=None,
                action=f"dunning.{act.value}",
                target=invoice,
                after={"due_at": invoice.due_at},
            )
        return len(due)


def _due(invoice: Invoice, now: datetime) -> Iterator[tuple[int, Act]]:
    taken = set(DunningStep.objects.filter(invoice=invoice).values_list("position", flat=True))
    for position, stage in enumerate(stages_of(invoice.organization_id)):
        if position not in taken and invoice.due_at + timedelta(days=stage["days"]) <= now:
            yield position, Act(stage["act"])


def _carry_out(step: DunningStep) -> None:
    organization = Organization.objects.locked(step.organization_id)
    if step.act == Act.MAIL:
        jobs.enqueue(
            "billing.send_reminder",
            organization_id=str(organization.pk),
            invoice_id=str(step.invoice_id),
        )
        return
    earlier = DunningStep.objects.standing().filter(organization=organization, act=step.act)
    if known := earlier.first():
        # Another invoice took it away before: what was there then is what comes back.
        step.before = known.before
    elif step.act == Act.RESTRICT:
        # Not their own limit, which they may change: a debtor would lift it.
        step.before = {"restricted_rpm": organization.restricted_rpm}
        limit = min(FEW, organization.restricted_rpm or FEW)
        organizations.change(organization, by=None, restricted_rpm=limit)
    else:
        step.before = {"status": organization.status}
        organizations.suspend(organization, reason=_reason(step), by=None)


def _reason(step: DunningStep) -> str:
    return f"Invoice {step.invoice.number} is overdue"


def _undo(step_id: UUID) -> None:
    with service():
        step = DunningStep.objects.select_related("invoice").get(pk=step_id)
        organization = Organization.objects.locked(step.organization_id)
        step = DunningStep.objects.locked(step_id)
        if step.undone_at is not None:
            return
        step.undone_at = timezone.now()
        step.save(update_fields=["undone_at"])
        alike = DunningStep.objects.standing().filter(organization=organization, act=step.act)
        if not alike.exists():
            _give_back(step, organization)


def _give_back(step: DunningStep, organization: Organization) -> None:
    if step.act == Act.RESTRICT:
        limit = step.before.get("restricted_rpm")
        # Staff set another limit meanwhile: it is theirs.
        if organization.restricted_rpm == min(FEW, limit or FEW):
            organizations.change(organization, by=None, restricted_rpm=limit)
    elif step.before["status"] == Organization.Status.ACTIVE and not (
        # Somebody suspended it for another reason meanwhile: no payment settles that.
        organizations.is_suspended_by_a_person(organization)
    ):
        reason = f"Invoice {step.invoice.number} is settled"
        organizations.reactivate(organization, reason=reason, by=None)
