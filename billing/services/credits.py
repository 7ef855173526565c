"""Grants credit, takes it back and lets it expire, with the bookings that go with it."""

from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from django.utils import timezone

from billing.models import AccountKind, CreditGrant, Wallet
from billing.services import four_eyes, ledger, telling
from billing.services.ledger import Posting
from common.database import atomic, service
from common.money import exact
from marketplace.models import TokenClass
from tenants.models import ApiKey, Organization, User
from tenants.services import audit

ZERO = Decimal(0)
#: How what is taken off unused is booked, where it does not go to somebody else.
VOID, EXPIRY = ENDS = "void", "expiry"
_PRECISE = Context(prec=80)


@atomic()
def grant(
    organization: Organization,
    *,
    unit: str,
    quantity: Decimal,
    source_key: str,
    kind: str = CreditGrant.Kind.PURCHASED,
    effective_from: datetime | None = None,
    expires_at: datetime | None = None,
    token_class: TokenClass | None = None,
    cost_basis: Decimal = ZERO,
    priority: int = 0,
    by: User | ApiKey | None = None,
    currency: str = "",
    reason: str = "",
) -> CreditGrant:
    """Give the organization credit, once per ``source_key``; the same key returns the first grant.

    ``cost_basis`` is the net money paid for it. The books: paid into clearing, owed as prepaid
    (money, at face value, what was not paid for being an adjustment) or as deferred revenue (tokens).
    """
    currency = currency or organization.currency
    wallet = _wallet(organization, currency)
    if given := CreditGrant.objects.filter(
        organization=organization, source_key=source_key
    ).first():
        return given
    given = CreditGrant.objects.create(
        organization=organization,
        wallet=wallet,
        unit=unit,
        token_class=token_class,
        kind=kind,
        granted=exact(quantity),
        remaining=exact(quantity),
        priority=priority,
        effective_from=effective_from or timezone.now(),
        expires_at=expires_at,
        source_key=source_key,
        cost_basis=exact(cost_basis),
    )
    ledger.book(
        organization, key=f"grant:{given.pk}", kind="grant", postings=_opening(given, currency)
    )
    audit.record(
        organization=organization,
        actor=by,
        action="credit.granted",
        target=given,
        after={
            "unit": unit,
            "quantity": str(quantity),
            "kind": kind,
            "source": source_key,
            **({"reason": reason} if reason else {}),
        },
    )
    telling.grant_created(given)
    return given


def give(organization: Organization, *, by: User, **facts: Any) -> CreditGrant:
    """Give promotional credit as one of the staff, who belongs to nobody that gets it."""
    four_eyes.check_gift(by, organization_id=organization.pk)
    return grant(organization, kind=CreditGrant.Kind.PROMOTIONAL, by=by, **facts)


def _wallet(organization: Organization, currency: str) -> Wallet:
    """Return the wallet, locked: two grants of one source wait for each other here."""
    wallet, _made = Wallet.objects.get_or_create(organization=organization, currency=currency)
    return Wallet.objects.locked(wallet.pk)


def _opening(given: CreditGrant, currency: str) -> list[Posting]:
    paid = Posting(AccountKind.PAYMENTS_CLEARING, currency, given.cost_basis, given.pk)
    if given.unit == CreditGrant.Unit.TOKENS:
        owed = Posting(AccountKind.DEFERRED_REVENUE, currency, -given.cost_basis, given.pk)
        return [paid, owed]
    gift = given.granted - given.cost_basis
    return [
        paid,
        Posting(AccountKind.ADJUSTMENTS, currency, gift, given.pk),
        Posting(AccountKind.CUSTOMER_PREPAID, currency, -given.granted, given.pk),
    ]


@atomic()
def void(
    given: CreditGrant, *, by: User | ApiKey | None, refunded: bool = False, reason: str = ""
) -> Decimal:
    """End a grant now; answers the money paid for what was taken off it.

    What admitted requests hold stays theirs; what they give back is taken off by the sweep. With
    ``refunded`` the paid part goes back out through clearing, otherwise it is an adjustment.
    """
    given = CreditGrant.objects.locked(given.pk)
    if given.voided_at is None:
        given.voided_at = timezone.now()
        given.save(update_fields=["voided_at", "updated_at"])
        audit.record(
            organization=given.organization,
            actor=by,
            action="credit.voided",
            target=given,
            before={"remaining": str(given.remaining)},
            after={"reason": reason} if reason else None,
        )
    to = AccountKind.PAYMENTS_CLEARING if refunded else AccountKind.ADJUSTMENTS
    return _take_off(given, kind=VOID, to=to)


@atomic()
def expire(given: CreditGrant) -> Decimal:
    """Take what nobody holds off a grant that is over, and book it; answers the money paid for it.

    Expired credit is breakage; the rest of a voided grant, given back late, is an adjustment.
    """
    given = CreditGrant.objects.locked(given.pk)
    if given.voided_at is not None:
        return _take_off(given, kind=VOID, to=AccountKind.ADJUSTMENTS)
    if given.expires_at is None or given.expires_at > timezone.now():
        return ZERO
    return _take_off(given, kind=EXPIRY, to=AccountKind.BREAKAGE)


@atomic()
def trim(given: CreditGrant, *, keep: Decimal) -> Decimal:
    """Let what nobody holds expire beyond what is kept; answers the money paid for it.

    Repeating it takes nothing more.
    """
    given = CreditGrant.objects.locked(given.pk)
    if given.voided_at is not None:
        return ZERO
    return _take_off(given, kind=EXPIRY, to=AccountKind.BREAKAGE, keep=keep)


@atomic()
def take_back(given: CreditGrant, *, share: Decimal) -> Decimal:
    """Take back what is left of a paid grant whose money is gone; answers the money paid for it.

    Of a part of the money, no more than that part of the grant. What admitted requests hold stays theirs.
    """
    if share >= 1:
        return void(given, by=None, refunded=True)
    given = CreditGrant.objects.locked(given.pk)
    keep = max(given.remaining - exact(given.granted * share), ZERO)
    if given.voided_at is not None:
        return ZERO
    return _take_off(given, kind=VOID, to=AccountKind.PAYMENTS_CLEARING, keep=keep)


def take_out(given: CreditGrant, quantity: Decimal) -> Decimal:
    """Take so much of what is free out of a locked grant, to be granted to somebody else.

    Answers the money paid for it, which goes along through clearing.
    """
    keep, to = given.remaining - quantity, AccountKind.PAYMENTS_CLEARING
    return _take_off(given, kind="hand_over", to=to, keep=keep)


def _take_off(given: CreditGrant, *, kind: str, to: AccountKind, keep: Decimal = ZERO) -> Decimal:
    """Reduce a locked grant to what is leased or kept; repeating it takes nothing more."""
    stays = max(given.leased, keep)
    free = given.remaining - stays
    if free <= 0:
        return ZERO
    paid = _earned(given, stays) - _earned(given, given.remaining)
    # The rest that is left names the booking: each amount is taken off once.
    key = f"{kind}:{given.pk}:{given.remaining.normalize():f}"
    given.remaining = stays
    given.save(update_fields=["remaining", "updated_at"])
    postings = _closing(given, free=free, paid=paid, to=to)
    ledger.book(given.organization, key=key, kind=kind, postings=postings)
    return paid


def _earned(given: CreditGrant, remaining: Decimal) -> Decimal:
    """Return how much of the paid money is no longer owed when this much is left."""
    paid = _PRECISE.multiply(given.cost_basis, given.granted - remaining)
    return exact(_PRECISE.divide(paid, given.granted))


def _closing(given: CreditGrant, *, free: Decimal, paid: Decimal, to: AccountKind) -> list[Posting]:
    currency = given.wallet.currency
    out = Posting(to, currency, -paid, given.pk)
    if given.unit == CreditGrant.Unit.TOKENS:
        return [Posting(AccountKind.DEFERRED_REVENUE, currency, paid, given.pk), out]
    return [
        Posting(AccountKind.CUSTOMER_PREPAID, currency, free, given.pk),
        out,
        Posting(AccountKind.ADJUSTMENTS, currency, paid - free, given.pk),
    ]


def expire_due() -> int:
    """Take the free rest off every grant that is over; answers how many had one."""
    with service():
        due = list(CreditGrant.objects.with_leftovers().order_by("pk"))
    for given in due:
        with service():
            expire(given)
    return len(due)
