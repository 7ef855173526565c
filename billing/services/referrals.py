"""Customers who bring customers: whose link led to whom, and what both are credited for it, once.

Both are credited when the new customer has paid for a purchase of bundles: what it got to try,
vouchers and invoices of usage are none. The credit is promotional: it expires, is never paid out,
and what is used of it is no revenue. A purchase that is paid back takes the unused credit with it.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import (
    AccountKind,
    BillingProfile,
    Chargeback,
    CreditGrant,
    LedgerEntry,
    Order,
    Payer,
    Referral,
    ReferralCode,
    ReferralTerms,
    Refund,
)
from billing.services import credits, four_eyes, referral_terms, trials
from common import jobs, sweeping
from common.database import atomic, service
from common.errors import Conflict
from tenants.models import Membership, Organization, SignUp, User
from tenants.services import audit

State = Referral.State
Reason = Referral.Reason
#: What the log calls trouble with one of them.
PUT_OFF = "referral_put_off"
#: Letters and digits that nobody takes for others.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH = 10
#: How many purchases are looked at for one that is large enough.
MOST_ORDERS = 50
#: Of how many credits one round has mails written.
AT_ONCE = 500


@atomic()
def code(organization: Organization, *, by: User | None) -> ReferralCode:
    """Return what the organization's link ends in; it is made once, and stays."""
    made = "".join(secrets.choice(ALPHABET) for _letter in range(LENGTH))
    ReferralCode.objects.bulk_create(
        [ReferralCode(organization=organization, code=made)], ignore_conflicts=True
    )
    found = ReferralCode.objects.get(organization=organization)
    if found.code == made:
        audit.record(organization=organization, actor=by, action="referral.linked", target=found)
    return found


def begin(newcomer_id: UUID) -> Referral | None:
    """Keep whose link led to an organization, once; None where no link did, or nobody's."""
    with service():
        present = Referral.objects.filter(newcomer=newcomer_id).first()
        if present is not None:
            return present
        sign_up = SignUp.objects.filter(organization=newcomer_id).exclude(referral="").first()
        led = sign_up and ReferralCode.objects.filter(code=sign_up.referral).first()
        if not led:
            return None
        Referral.objects.bulk_create(
            [Referral(organization_id=led.organization_id, newcomer_id=newcomer_id)],
            ignore_conflicts=True,
        )
        return Referral.objects.get(newcomer=newcomer_id)


def settle(newcomer_id: UUID) -> Referral | None:
    """Credit both for the new customer's first purchase that counts, once however often asked.

    Whoever asks at the same time waits for the referral's row, and all of one currency for its
    terms: what was given is counted before more is. While one of the two is suspended or not let
    in, it waits.
    """
    found = begin(newcomer_id)
    if found is None:
        return None
    with service():
        referral = Referral.objects.locked(found.pk)
        is_due = referral.state == State.WAITING and _are_active(referral)
        order = _purchase(referral) if is_due else None
        if order is None:
            return referral
        terms = referral_terms.running(order.currency, order.paid_at or timezone.now())
        if terms is None:
            return _closed(referral, State.REFUSED, Reason.NOT_RUNNING)
        terms = ReferralTerms.objects.locked(terms.pk)
        if obstacle := _obstacle(referral, terms):
            return _closed(referral, State.REFUSED, obstacle)
        return _credit(referral, terms, order)


def _are_active(referral: Referral) -> bool:
    """Whether the operator has let both in, and neither is suspended now."""
    both = (referral.organization, referral.newcomer)
    return all(it.is_admitted and it.status == Organization.Status.ACTIVE for it in both)


def _purchase(referral: Referral) -> Order | None:
    """Return the first purchase that is large enough for what holds, or that nothing holds for."""
    doubtful = Chargeback.objects.filter(
        order=OuterRef("pk"), status__in=(*Chargeback.WAITING, Chargeback.Status.LOST)
    )
    paid = Order.objects.filter(
        organization=referral.newcomer_id, status=Order.Status.PAID, paid_at__isnull=False
    )
    paid = paid.exclude(refunds__status__in=Refund.GOING).filter(~Exists(doubtful))
    for order in paid.order_by("paid_at", "pk")[:MOST_ORDERS]:
        terms = referral_terms.running(order.currency, order.paid_at or timezone.now())
        if terms is None or order.net >= terms.minimum_purchase:
            return order
    return None


def _obstacle(referral: Referral, terms: ReferralTerms) -> Reason:
    """Return why nothing is credited, none where it is."""
    one, other = referral.organization, referral.newcomer
    checks: tuple[tuple[Reason, Callable[[], bool]], ...] = (
        (Reason.CURRENCY, lambda: one.currency != terms.currency),
        (Reason.PERSON, lambda: bool(_people(one) & _people(other))),
        (Reason.MAILBOX, lambda: bool(_mailboxes(one) & _mailboxes(other))),
        (Reason.TAX_NUMBER, lambda: bool(_tax_numbers(one) & _tax_numbers(other))),
        (Reason.PAYER, lambda: bool(_payers(one) & _payers(other))),
        (Reason.MOST_PER_REFERRER, lambda: _is_full(terms, terms.most_per_referrer, one)),
        (Reason.MOST, lambda: _is_full(terms, terms.most, None)),
    )
    return next((reason for reason, holds in checks if holds()), Reason.NONE)


def _people(organization: Organization) -> set[UUID]:
    members = Membership.objects.filter(organization=organization)
    founders = SignUp.objects.filter(organization=organization)
    return {
        *members.values_list("user_id", flat=True),
        *founders.values_list("applicant_id", flat=True),
    }


def _mailboxes(organization: Organization) -> set[str]:
    members = Membership.objects.filter(organization=organization)
    founders = SignUp.objects.filter(organization=organization)
    addresses = {
        *members.values_list("user__email", flat=True),
        *founders.values_list("email", flat=True),
    }
    return {trials.mailbox(it) for it in addresses}


def _tax_numbers(organization: Organization) -> set[str]:
    profile = BillingProfile.objects.filter(organization=organization).first()
    number = "".join(it for it in profile.vat_id.upper() if it.isalnum()) if profile else ""
    return {number} - {""}


def _payers(organization: Organization) -> set[UUID]:
    payers = Payer.objects.filter(organization=organization)
    return {organization.pk, *payers.values_list("payer_id", flat=True)}


def _is_full(terms: ReferralTerms, most: int | None, referrer: Organization | None) -> bool:
    """Whether so many were credited on these terms, whatever was taken back of it since."""
    given = Referral.objects.filter(terms=terms)
    if referrer is not None:
        given = given.filter(organization=referrer)
    return most is not None and given.count() >= most


def _credit(referral: Referral, terms: ReferralTerms, order: Order) -> Referral:
    amounts = {
        referral.organization: terms.referrer_amount,
        referral.newcomer: terms.newcomer_amount,
    }
    given = {}
    # In the order of their keys, so that two who lock the wallets of both do not wait for ever.
    for organization in sorted(amounts, key=lambda it: it.pk):
        if amount := amounts[organization]:
            given[organization] = credits.grant(
                organization,
                unit=CreditGrant.Unit.MONEY,
                quantity=amount,
                source_key=f"referral:{referral.pk}",
                kind=CreditGrant.Kind.PROMOTIONAL,
                expires_at=timezone.now() + timedelta(days=terms.validity_days),
                currency=terms.currency,
                reason="Referral",
            )
    referral.terms, referral.order = terms, order
    referral.referrer_grant = given.get(referral.organization)
    referral.newcomer_grant = given.get(referral.newcomer)
    jobs.enqueue("billing.tell_referral", referral_id=str(referral.pk))
    return _closed(referral, State.PAID, Reason.NONE)


def reverse(referral_id: UUID) -> Referral:
    """Take back what is left of both credits where the purchase was paid back; note what is not."""
    with service():
        referral = Referral.objects.locked(referral_id)
        if referral.state != State.PAID or not _paid_back().filter(pk=referral.pk).exists():
            return referral
        grants = [it for it in (referral.referrer_grant_id, referral.newcomer_grant_id) if it]
        for pk in sorted(grants):
            given = CreditGrant.objects.locked(pk)
            referral.lost += given.granted - given.remaining - _taken_off(given)
            credits.void(given, by=None, reason="The purchase was paid back")
        return _closed(referral, State.TAKEN_BACK, Reason.PAID_BACK)


def _taken_off(given: CreditGrant) -> Decimal:
    """Return how much of a gift expired or was voided, and so was never used."""
    ends = LedgerEntry.objects.filter(
        grant=given,
        account__kind=AccountKind.CUSTOMER_PREPAID,
        transaction__kind__in=credits.ENDS,
    )
    return ends.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _paid_back() -> QuerySet[Referral]:
    """Return what was credited for purchases whose money is gone."""
    lost = Q(order__chargebacks__status=Chargeback.Status.LOST)
    returned = Q(order__status=Order.Status.REFUNDED) | Q(order__refunds__status__in=Refund.GOING)
    return Referral.objects.paid().filter(lost | returned).distinct()


def hold(referral: Referral, *, note: str, by: User) -> Referral:
    """Credit nothing for it until somebody has looked at it."""
    return _decide(referral, {State.WAITING}, State.HELD, note, by)


def release(referral: Referral, *, note: str, by: User) -> Referral:
    """Let it be credited again; a purchase that came meanwhile counts."""
    released = _decide(referral, {State.HELD}, State.WAITING, note, by)
    settle(released.newcomer_id)
    with service():
        return Referral.objects.get(pk=released.pk)


def refuse(referral: Referral, *, note: str, by: User) -> Referral:
    """Credit nothing for it, for good, and keep why."""
    open_ = {State.WAITING, State.HELD}
    return _decide(referral, open_, State.REFUSED, note, by, reason=Reason.STAFF)


def _decide(
    referral: Referral,
    expected: set[State],
    state: State,
    note: str,
    by: User,
    reason: Reason = Reason.NONE,
) -> Referral:
    """Let one of the staff decide, who belongs to neither of the two."""
    with service():
        referral = Referral.objects.locked(referral.pk)
        for one in (referral.organization_id, referral.newcomer_id):
            four_eyes.check_decision(by, organization_id=one)
        if referral.state not in expected:
            raise Conflict(_("It was decided meanwhile. Look at how it stands now."))
        referral.note = note
        return _closed(referral, state, reason, by=by)


def _closed(
    referral: Referral, state: State, reason: Reason, *, by: User | None = None
) -> Referral:
    before, referral.state, referral.reason = referral.state, state, reason
    if state in (State.PAID, State.REFUSED):
        referral.settled_at = timezone.now()
    referral.save()
    audit.record(
        organization=referral.organization,
        actor=by,
        action=f"referral.{'released' if state == State.WAITING else state}",
        target=referral,
        before={"state": before},
        after={"state": state, "reason": reason, "note": referral.note},
    )
    return referral


def sweep() -> int:
    """Credit what is due, take back what was paid back, and have told what nobody was told of.

    Trouble with one keeps no other back.
    """
    with service():
        link = ReferralCode.objects.filter(code=OuterRef("referral"))
        kept = Referral.objects.filter(newcomer=OuterRef("organization"))
        new = SignUp.objects.exclude(referral="").filter(Exists(link), ~Exists(kept))
        bought = Order.objects.filter(organization=OuterRef("newcomer"), paid_at__isnull=False)
        due = Referral.objects.waiting().filter(Exists(bought))
        newcomers = [
            *new.values_list("organization_id", flat=True),
            *due.values_list("newcomer_id", flat=True),
        ]
        returned = list(_paid_back().values_list("pk", flat=True))
        # Whose bell was lost, or whose mail could not be sent: those that are rung for twice are told once.
        for pk in Referral.objects.untold().values_list("pk", flat=True)[:AT_ONCE]:
            jobs.enqueue("billing.tell_referral", referral_id=str(pk))
    works: list[Callable[[], object]] = [partial(settle, pk) for pk in newcomers]
    works += [partial(reverse, pk) for pk in returned]
    return sweeping.each(works, trouble=PUT_OFF)
