"""What new organizations are given to try: agreed on by two of the staff, given once.

Credit is given when the operator has let an organization in and its founder has shown that their
address is theirs: once for the organization, once for the person, once for the mailbox. It is a
promotional grant: it expires, is never refunded, and what is used of it is no revenue.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.errors import TrialNotWaiting
from billing.models import Budget, Contract, CreditGrant, Order, TrialCredit, TrialTerms
from billing.services import budgeting, credits, four_eyes
from common import sweeping
from common.database import atomic, service
from common.errors import Conflict, DomainError, Forbidden
from common.money import exact
from tenants.models import Organization, SignUp, User
from tenants.services import audit, sign_ups

Status = TrialTerms.Status
#: What the log calls trouble with one of them.
PUT_OFF = "trial_put_off"
#: Who confirms their address later than this gets nothing.
KNOWN_FOR = timedelta(days=30)
#: What makes the grant.
SOURCE = "trial"
BOUGHT, SIGNED = "The first purchase", "A signed contract"
#: How the budget is called that holds new customers; pages say it in their language.
FIRST_LIMIT = "First spending limit"


@atomic()
def propose(
    *,
    currency: str,
    amount: Decimal,
    validity_days: int,
    by: User,
    daily_spend: Decimal | None = None,
    words: str = "",
) -> TrialTerms:
    """Put other terms of one currency before a second person; what holds goes on until then."""
    facts = {
        "amount": exact(amount),
        "validity_days": validity_days,
        "daily_spend": exact(daily_spend) if daily_spend is not None else None,
    }
    holding = in_force(currency)
    if holding and all(getattr(holding, name) == value for name, value in facts.items()):
        raise DomainError(_("These terms hold already."))
    try:
        with atomic():
            terms = TrialTerms.objects.create(
                currency=currency, words=words, proposed_by=by, **facts
            )
    except IntegrityError as error:
        if "one_proposal_of_trial_terms" not in str(error):
            raise
        raise Conflict(_("Other terms of this currency wait for a decision already.")) from None
    return _recorded(terms, by)


@atomic()
def approve(terms: TrialTerms, *, by: User) -> TrialTerms:
    """Let terms hold for whoever is let in from now on; never by who proposed them."""
    terms = _waiting(terms)
    if terms.proposed_by_id == by.pk:
        raise Forbidden(_("Somebody else has to approve what you proposed."))
    return _decided(terms, Status.APPROVED, by)


@atomic()
def refuse(terms: TrialTerms, *, answer: str, by: User) -> TrialTerms:
    """Close a proposal, and say why."""
    terms = _waiting(terms)
    terms.answer = answer
    return _decided(terms, Status.REFUSED, by)


@atomic()
def take_back(terms: TrialTerms, *, by: User) -> TrialTerms:
    """Close a proposal that nobody decided on."""
    return _decided(_waiting(terms), Status.WITHDRAWN, by)


def in_force(currency: str) -> TrialTerms | None:
    """Return what holds of a currency now; nothing where nothing was ever approved."""
    return TrialTerms.objects.approved().filter(currency=currency).first()


def begin(organization_id: UUID) -> TrialCredit | None:
    """Apply to an organization the terms that held when it was let in, once however often asked.

    Its spending is held to them at once; its credit waits until the founder's address is confirmed.
    """
    with service():
        organization = Organization.objects.locked(organization_id)
        done = TrialCredit.objects.filter(organization=organization).first()
        if done is not None:
            return done
        sign_up = SignUp.objects.filter(organization=organization).first()
        if sign_up is None or not organization.is_admitted:
            return None
        terms = TrialTerms.objects.approved().filter(
            currency=organization.currency, decided_at__lte=sign_up.admitted_at
        )
        return _begin(organization, sign_up, held) if (held := terms.first()) else None


def _begin(organization: Organization, sign_up: SignUp, terms: TrialTerms) -> TrialCredit | None:
    if terms.daily_spend and not commitment(organization):
        budgeting.create(
            organization,
            name=FIRST_LIMIT,
            amount=terms.daily_spend,
            window=Budget.Window.DAY,
            is_operators=True,
            budget_id=sign_up.pk,
            by=None,
        )
    if terms.amount and not sign_ups.is_verified(sign_up.applicant):
        return None
    facts = {
        "organization": organization,
        "terms": terms,
        "person": sign_up.applicant,
        "mailbox": mailbox(sign_up.applicant.email),
    }
    if terms.amount:
        try:
            with atomic():
                return TrialCredit.objects.create(grant=_grant(organization, terms), **facts)
        except IntegrityError as error:
            # The database alone knows of two organizations of one person that begin at once.
            if "trial_credit_once" not in str(error):
                raise
    return TrialCredit.objects.create(grant=None, **facts)


def _grant(organization: Organization, terms: TrialTerms) -> CreditGrant:
    return credits.grant(
        organization,
        unit=CreditGrant.Unit.MONEY,
        quantity=terms.amount,
        source_key=SOURCE,
        kind=CreditGrant.Kind.PROMOTIONAL,
        expires_at=timezone.now() + timedelta(days=terms.validity_days),
        reason="Trial credit",
    )


def mailbox(address: str) -> str:
    """Return the address without what its owner may add: ``Ann+two@firm.example`` is Ann's too."""
    name, _at, domain = address.strip().lower().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def commitment(organization: Organization) -> str:
    """Return why the operator knows enough of a customer: it paid for an order, or signed a contract.

    Empty where it did neither. A contract counts from its signature, whenever it begins or ends.
    """
    if _paid(organization).exists():
        return BOUGHT
    return SIGNED if _signed(organization).exists() else ""


def _paid(organization: Organization | OuterRef) -> QuerySet[Order]:
    return Order.objects.filter(organization=organization, paid_at__isnull=False)


def _signed(organization: Organization | OuterRef) -> QuerySet[Contract]:
    return Contract.objects.filter(organization=organization, signed_at__isnull=False)


def lift(organization: Organization, *, by: User | None, reason: str) -> Organization:
    """Hold an organization no longer to the first limits: neither its calls nor its spending.

    Who belongs to it is refused; nobody, where it has shown by itself that it is known.
    """
    with service():
        if by is not None:
            four_eyes.check_decision(by, organization_id=organization.pk)
        organization = sign_ups.lift_first_limits(organization, by=by, reason=reason)
        limits = Budget.objects.open().filter(organization=organization, is_operators=True)
        for budget in limits:
            budgeting.lift(budget, by=by)
        return organization


def lift_for_known(organization_id: UUID) -> None:
    """Lift the first limits of who has bought something or signed a contract."""
    with service():
        organization = Organization.objects.get(pk=organization_id)
        if reason := commitment(organization):
            lift(organization, by=None, reason=reason)


def sweep() -> int:
    """Begin what was not begun, lift what is over; trouble with one keeps no other back."""
    with service():
        known = SignUp.objects.filter(admitted_at__gt=timezone.now() - KNOWN_FOR)
        terms = TrialTerms.objects.approved().filter(
            currency=OuterRef("organization__currency"), decided_at__lte=OuterRef("admitted_at")
        )
        done = TrialCredit.objects.filter(organization=OuterRef("organization"))
        new = known.filter(Exists(terms), ~Exists(done)).values_list("organization", flat=True)
        own = OuterRef("pk")
        is_known = Exists(_paid(own)) | Exists(_signed(own))
        held = Organization.objects.exclude(first_rpm=None, first_tpm=None, first_concurrency=None)
        limited = Budget.objects.open().filter(is_operators=True).values("organization")
        lifted = [
            *held.filter(is_known).values_list("pk", flat=True),
            *Organization.objects.filter(is_known, pk__in=limited).values_list("pk", flat=True),
        ]
        works: list[Callable[[], object]] = [partial(begin, pk) for pk in new]
        works += [partial(lift_for_known, pk) for pk in dict.fromkeys(lifted)]
    return sweeping.each(works, trouble=PUT_OFF)


def _waiting(terms: TrialTerms) -> TrialTerms:
    terms = TrialTerms.objects.locked(terms.pk)
    if not terms.is_proposed:
        raise TrialNotWaiting
    return terms


def _decided(terms: TrialTerms, status: Status, by: User) -> TrialTerms:
    terms.status, terms.decided_by, terms.decided_at = status, by, timezone.now()
    terms.save()
    return _recorded(terms, by)


def _recorded(terms: TrialTerms, by: User) -> TrialTerms:
    audit.record(
        organization=None,
        actor=by,
        action=f"trial_terms.{terms.status}",
        target=terms,
        after={
            "currency": terms.currency,
            "amount": terms.amount,
            "validity_days": terms.validity_days,
            "daily_spend": terms.daily_spend,
            "words": terms.words,
            "answer": terms.answer,
        },
    )
    return terms
