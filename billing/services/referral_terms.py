"""What referrals are worth: agreed on by two of the staff, from then on until the next."""

from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.errors import TrialNotWaiting
from billing.models import ReferralTerms
from common.database import atomic
from common.errors import Conflict, DomainError, Forbidden
from common.money import exact
from tenants.models import User
from tenants.services import audit

Status = ReferralTerms.Status


@atomic()
def propose(
    *,
    currency: str,
    referrer_amount: Decimal,
    newcomer_amount: Decimal,
    by: User,
    minimum_purchase: Decimal | None = None,
    validity_days: int = 90,
    most_per_referrer: int | None = None,
    most: int | None = None,
    ends_on: date | None = None,
    words: str = "",
) -> ReferralTerms:
    """Put other terms of one currency before a second person; what holds goes on until then."""
    if ends_on is not None and ends_on < timezone.localdate():
        raise DomainError(field_errors={"ends_on": [_("This day is over.")]})
    facts = {
        "referrer_amount": exact(referrer_amount),
        "newcomer_amount": exact(newcomer_amount),
        "minimum_purchase": exact(minimum_purchase or Decimal(0)),
        "validity_days": validity_days,
        "most_per_referrer": most_per_referrer,
        "most": most,
        "ends_on": ends_on,
    }
    holding = in_force(currency)
    if holding and all(getattr(holding, name) == value for name, value in facts.items()):
        raise DomainError(_("These terms hold already."))
    try:
        with atomic():
            terms = ReferralTerms.objects.create(
                currency=currency, words=words, proposed_by=by, **facts
            )
    except IntegrityError as error:
        if "one_proposal_of_referral_terms" not in str(error):
            raise
        raise Conflict(_("Other terms of this currency wait for a decision already.")) from None
    return _recorded(terms, by)


@atomic()
def approve(terms: ReferralTerms, *, by: User) -> ReferralTerms:
    """Let terms hold for purchases from now on; never by who proposed them."""
    terms = _waiting(terms)
    if terms.proposed_by_id == by.pk:
        raise Forbidden(_("Somebody else has to approve what you proposed."))
    return _decided(terms, Status.APPROVED, by)


@atomic()
def refuse(terms: ReferralTerms, *, answer: str, by: User) -> ReferralTerms:
    """Close a proposal, and say why."""
    terms = _waiting(terms)
    terms.answer = answer
    return _decided(terms, Status.REFUSED, by)


@atomic()
def take_back(terms: ReferralTerms, *, by: User) -> ReferralTerms:
    """Close a proposal that nobody decided on."""
    return _decided(_waiting(terms), Status.WITHDRAWN, by)


def in_force(currency: str, at: datetime | None = None) -> ReferralTerms | None:
    """Return what was agreed of a currency by a moment; nothing where nothing was ever approved."""
    found = ReferralTerms.objects.approved().filter(currency=currency)
    return (found.filter(decided_at__lte=at) if at else found).first()


def running(currency: str, at: datetime) -> ReferralTerms | None:
    """Return the terms by which a purchase of that moment counts; nothing where none does."""
    terms = in_force(currency, at)
    if terms is None or not terms.is_on:
        return None
    return None if terms.ends_on and at.date() > terms.ends_on else terms


def running_now(currency: str) -> ReferralTerms | None:
    """Return the terms by which a purchase of this moment would count."""
    return running(currency, timezone.now())


def _waiting(terms: ReferralTerms) -> ReferralTerms:
    terms = ReferralTerms.objects.locked(terms.pk)
    if not terms.is_proposed:
        raise TrialNotWaiting
    return terms


def _decided(terms: ReferralTerms, status: Status, by: User) -> ReferralTerms:
    terms.status, terms.decided_by, terms.decided_at = status, by, timezone.now()
    terms.save()
    return _recorded(terms, by)


def _recorded(terms: ReferralTerms, by: User) -> ReferralTerms:
    audit.record(
        organization=None,
        actor=by,
        action=f"referral_terms.{terms.status}",
        target=terms,
        after={
            "currency": terms.currency,
            "referrer_amount": terms.referrer_amount,
            "newcomer_amount": terms.newcomer_amount,
            "minimum_purchase": terms.minimum_purchase,
            "validity_days": terms.validity_days,
            "most_per_referrer": terms.most_per_referrer,
            "most": terms.most,
            "ends_on": terms.ends_on,
            "words": terms.words,
            "answer": terms.answer,
        },
    )
    return terms
