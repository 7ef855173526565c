"""Does what was agreed about invoices that are not paid in time, each stage once, and undoes it.

An invoice is left alone while all that it still asks for is disputed. What a stage took away comes
back with the payment, unless another invoice holds it back too or staff has changed it meanwhile.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.utils import timezone

from billing import agreements, chargebacks, stages
from billing.models import DunningPolicy, DunningStep, Invoice
from billing.models.dunning import Act, usual_stages
from billing.services import disputes
from billing.stages import Stages
from common import sweeping
from common.database import atomic, service
from tenants.models import Organization, User
from tenants.services import audit, organizations, owed

#: What is left of calls a minute to who is restricted.
FEW = 10
#: What the log calls trouble with one of them.
PUT_OFF = "dunning_put_off"
#: What is written off is not: who never paid gets nothing back, unless staff gives it.
SETTLED = (Invoice.Status.PAID, Invoice.Status.VOID)


@atomic()
def set_stages(organization: Organization | None, given: Stages, *, by: User) -> DunningPolicy:
    """Set an organization's own stages, or the operator's usual ones; none means nothing is done."""
    kept = stages.checked(given)
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
    """Take the stages that are due and undo those that no longer hold; return the taken.

    Trouble with one invoice is logged and keeps nobody else's from its stages.
    """
    now = now or timezone.now()
    with service():
        overdue = list(Invoice.objects.open().filter(due_at__lt=now).values_list("pk", flat=True))
        standing = list(DunningStep.objects.standing().values_list("pk", flat=True))
    sweeping.each((partial(_review, step_id, now) for step_id in standing), trouble=PUT_OFF)
    takes = (partial(_take, invoice_id, now) for invoice_id in overdue)
    return sum(sweeping.answers(takes, trouble=PUT_OFF))


def usual() -> Stages:
    """Return the operator's stages for who agreed on none."""
    policy = DunningPolicy.objects.filter(organization=None).first()
    return policy.stages if policy else usual_stages()


def stages_of(invoice: Invoice, now: datetime) -> Stages:
    """Return an invoice's stages: of the contract in force, else of its own, else the customer's."""
    held = agreements.in_force(invoice.organization, now) or invoice.contract
    if held is not None and held.dunning is not None:
        return list(held.dunning)
    policy = DunningPolicy.objects.filter(organization=invoice.organization_id).first()
    return policy.stages if policy else usual()


def _is_over(step: DunningStep, now: datetime) -> bool:
    """Whether what a step took away comes back: its invoice is settled, or agreed otherwise now."""
    invoice = step.invoice
    if invoice.status != Invoice.Status.OPEN:
        return invoice.status in SETTLED
    agreed = (it for it in stages_of(invoice, now) if it["act"] == step.act)
    since = chargebacks.owed_since(invoice)
    return not any(since + timedelta(days=it["days"]) <= now for it in agreed)


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
    steps = list(DunningStep.objects.filter(invoice=invoice))
    since = chargebacks.owed_since(invoice)
    due = (
        stage
        for stage in coming(stages_of(invoice, now), steps)
        if since + timedelta(days=stage["days"]) <= now
    )
    for position, stage in enumerate(due, start=len(steps)):
        yield position, Act(stage["act"])


def coming(agreed: Stages, steps: Sequence[DunningStep]) -> Stages:
    """Return the stages that were not taken yet: as many of each act as stand are taken.

    What was agreed may have changed since, so it is the acts that count and not their places.
    """
    taken = Counter(step.act for step in steps if step.undone_at is None)
    left = []
    for stage in agreed:
        if taken[stage["act"]]:
            taken[stage["act"]] -= 1
        else:
            left.append(stage)
    return left


def _carry_out(step: DunningStep) -> None:
    organization = Organization.objects.locked(step.organization_id)
    if step.act == Act.MAIL:
        owed.owe(
            "billing.send_reminder",
            organization_id=organization.pk,
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


def _review(step_id: UUID, now: datetime) -> None:
    """Undo a step that no longer holds."""
    with service():
        step = DunningStep.objects.select_related("invoice__organization").get(pk=step_id)
        if not _is_over(step, now):
            return
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
    # Somebody suspended it for another reason, before or meanwhile: no payment settles that.
    elif not organizations.is_suspended_by_a_person(organization):
        reason = f"Invoice {step.invoice.number} is settled"
        organizations.reactivate(organization, reason=reason, by=None)
