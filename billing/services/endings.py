"""Ends contracts under four eyes: what follows is a plan's terms, or prepaid credit at list prices."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.errors import ContractInvalid, ContractOverlaps, EndProposed
from billing.models import Contract, ContractEnd, Plan
from billing.services import contracts, four_eyes, plans
from common.database import atomic
from common.errors import Conflict
from marketplace.services import notices
from tenants.models import Organization, User
from tenants.services import audit

LONGEST_NUMBER = 40


@atomic()
def propose(
    contract: Contract, *, on: date, words: str, by: User, followed_by: Plan | None = None
) -> ContractEnd:
    """Put the end of a contract before a second person; until then it runs on."""
    contract = Contract.objects.locked(contract.pk)
    _check(contract, on, followed_by)
    try:
        with atomic():
            end = ContractEnd.objects.create(
                organization_id=contract.organization_id,
                contract=contract,
                ends_on=on,
                followed_by=followed_by,
                words=words,
                proposed_by=by,
            )
    except IntegrityError as error:
        raise EndProposed from error
    return _written(end, "contract_end.proposed", by)


def _check(contract: Contract, on: date, plan: Plan | None) -> None:
    contracts.check_end(contract, on)
    if plan is None:
        return
    if not plan.is_offered:
        raise ContractInvalid(field_errors={"followed_by": [_("This plan is offered no longer.")]})
    if plan.currency != contract.organization.currency:
        sentence = _("This plan is in another currency than the customer's.")
        raise ContractInvalid(field_errors={"followed_by": [sentence]})
    signed = Contract.objects.active().filter(organization=contract.organization_id)
    later = signed.filter(starts_on__gt=contract.starts_on).order_by("starts_on").first()
    if later is not None:
        sentence = _("“%(number)s” is signed to follow: no plan can.") % {"number": later.number}
        raise ContractOverlaps(field_errors={"followed_by": [sentence]})


@atomic()
def approve(end: ContractEnd, *, by: User, seen: str) -> ContractEnd:
    """End the contract as somebody else proposed, and let the plan's terms follow, as ``seen``.

    That is the :attr:`~ContractEnd.version` that was read.
    """
    # Before any other lock, as whoever sets prices: none changes while its reader approves.
    notices.one_at_a_time()
    # As signing does: the customer's row first, so that two of them never wait for each other.
    Organization.objects.locked(end.organization_id)
    end = _locked(end)
    four_eyes.check(by, proposed_by_id=end.proposed_by_id, organization_id=end.organization_id)
    if end.followed_by is not None:
        # Whoever changes the plan now waits until its terms are copied.
        end.followed_by = Plan.objects.locked(end.followed_by.pk)
    if seen != end.version:
        raise Conflict
    _check(Contract.objects.locked(end.contract_id), end.ends_on, end.followed_by)
    contract = contracts.end(end.contract, on=end.ends_on, by=by)
    _follow(contract, end, by)
    return _decided(end, ContractEnd.Status.APPROVED, by)


def _follow(contract: Contract, end: ContractEnd, by: User) -> None:
    """Let the plan's terms follow: who proposed the end drafts them, who approved it signs."""
    plan = end.followed_by
    if plan is None:
        return
    assert contract.ends_on is not None  # noqa: S101 - it was just ended
    facts = plans.terms_of(plan) | {
        "number": next(_free(contract.number)),
        "starts_on": contract.ends_on + timedelta(days=1),
        "time_zone": contract.time_zone,
        "recipients": contract.recipients,
    }
    successor = contracts.draft(contract.organization, by=end.proposed_by, facts=facts)
    contracts.sign(successor, by=by, seen=successor.version)


def _free(number: str) -> Iterator[str]:
    """Yield numbers after the one that ends, as far as no contract has them."""
    for following in count(2):
        tail = f"-{following}"
        wanted = number[: LONGEST_NUMBER - len(tail)] + tail
        if not Contract.objects.filter(number=wanted).exists():
            yield wanted


@atomic()
def refuse(end: ContractEnd, *, by: User) -> ContractEnd:
    """Close a proposal without effect; the proposer may do that too."""
    return _decided(_locked(end), ContractEnd.Status.REFUSED, by)


def _locked(end: ContractEnd) -> ContractEnd:
    end = ContractEnd.objects.locked(end.pk)
    if not end.is_proposed:
        raise Conflict
    return end


def _decided(end: ContractEnd, status: ContractEnd.Status, by: User) -> ContractEnd:
    end.status, end.decided_by, end.decided_at = status, by, timezone.now()
    end.save(update_fields=["status", "decided_by", "decided_at", "updated_at"])
    return _written(end, f"contract_end.{status.value}", by)


def _written(end: ContractEnd, action: str, by: User) -> ContractEnd:
    audit.record(
        organization=end.organization,
        actor=by,
        action=action,
        target=end,
        after={
            "contract": end.contract.number,
            "ends_on": end.ends_on,
            "followed_by": end.followed_by.code if end.followed_by else None,
            "words": end.words,
        },
    )
    return end
