"""Contracts: drafted, signed once, ended; and what they let a customer owe."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.errors import (
    ContractInThePast,
    ContractInvalid,
    ContractNotRunning,
    ContractOverlaps,
    ContractSigned,
    OrderTaken,
)
from billing.models import Contract, PurchaseOrder
from billing.models.contracts import TERMS, Overage, Terms
from billing.services import four_eyes, limits
from common import jobs
from common.database import atomic
from common.errors import Conflict
from marketplace.services import notices
from tenants.models import Organization, User
from tenants.services import audit
from tenants.services import organizations as tenants

#: Usage is summed up by the quarter of an hour: terms change at no other time.
QUARTER = timedelta(minutes=15)
#: Nobody lends more than this: a slip of the finger.
HIGHEST = Decimal(10) ** 12


@atomic()
def draft(organization: Organization, *, by: User, facts: Mapping[str, Any]) -> Contract:
    """Write a contract down; it says nothing until it is signed."""
    contract = Contract(organization=organization, drafted_by=by, **facts)
    check(contract)
    _check_parties(contract)
    return _written(_saved(contract), "contract.drafted", by)


@atomic()
def change(contract: Contract, *, by: User, facts: Mapping[str, Any]) -> Contract:
    """Change a draft; who changed it last does not sign it."""
    contract = _open(contract)
    contract.drafted_by = by
    for name, value in facts.items():
        setattr(contract, name, value)
    check(contract)
    _check_parties(contract)
    return _written(_saved(contract), "contract.changed", by)


def _written(contract: Contract, action: str, by: User) -> Contract:
    audit.record(
        organization=contract.organization,
        actor=by,
        action=action,
        target=contract,
        after={"number": contract.number, "starts_on": contract.starts_on, **facts_of(contract)},
    )
    return contract


def _saved(contract: Contract) -> Contract:
    try:
        with atomic():
            contract.save()
    except IntegrityError as error:
        sentence = _("Another contract has this number.")
        raise ContractInvalid(field_errors={"number": [sentence]}) from error
    return contract


@atomic()
def sign(contract: Contract, *, by: User, seen: str) -> Contract:
    """Let a contract that somebody else drafted hold from its first day on, as it was ``seen``.

    That is the :attr:`~Contract.version` that was read: of its terms, and of what its book says.

    Today's holds from the next quarter of an hour. The one that held until then ends there, so that each part of a month has its own terms.
    """
    # Before any other lock, as whoever sets prices: none changes while its reader signs.
    notices.one_at_a_time()
    organization = Organization.objects.locked(contract.organization_id)
    contract = _open(contract)
    four_eyes.check_signature(
        by, drafted_by_id=contract.drafted_by_id, organization_id=organization.pk
    )
    if seen != contract.version:
        raise Conflict(_("The draft was changed since you read it: read it again, then sign."))
    now = timezone.now()
    check(contract)
    _check_parties(contract)
    zone = ZoneInfo(contract.time_zone)
    tenants.change(organization, by=by, time_zone=contract.time_zone)
    begins = max(_midnight(contract.starts_on, zone), _next_quarter(now))
    # Signed in the last minutes of a day, it begins with the next.
    contract.starts_on = begins.astimezone(zone).date()
    if contract.ends_on is not None:
        contract.effective_until = _midnight(contract.ends_on + timedelta(days=1), zone)
    _end_others(contract, begins)
    contract.status = Contract.Status.ACTIVE
    contract.effective_from, contract.signed_at, contract.signed_by = begins, now, by
    try:
        with atomic():
            contract.save()
    except IntegrityError as error:
        raise ContractOverlaps from error
    audit.record(
        organization=organization,
        actor=by,
        action="contract.signed",
        target=contract,
        after={"number": contract.number, "effective_from": begins, **facts_of(contract)},
    )
    limits.sync(organization)
    jobs.enqueue("billing.lift_first_limits", organization_id=str(organization.pk))
    return contract


def _end_others(contract: Contract, begins: datetime) -> None:
    """End what holds without an end when this one begins; all else stands in its way."""
    same = Contract.objects.active().filter(organization=contract.organization_id)
    later = same.filter(effective_from__gte=begins).order_by("effective_from").first()
    ends = contract.effective_until
    if later is not None and (ends is None or ends > _begin(later)):
        raise _overlap("ends_on", later, _("“%(number)s” begins on %(day)s: end before that day."))
    before = same.filter(effective_from__lt=begins).order_by("-effective_from").first()
    if before is None:
        return
    if before.effective_until is not None:
        if before.effective_until > begins:
            sentence = _("“%(number)s” holds until %(day)s, that day included: begin later.")
            raise _overlap("starts_on", before, sentence)
        return
    last = begins - timedelta(microseconds=1)
    before.effective_until = begins
    before.ends_on = last.astimezone(ZoneInfo(before.time_zone)).date()
    before.save(update_fields=["effective_until", "ends_on", "updated_at"])


def _begin(contract: Contract) -> datetime:
    assert contract.effective_from is not None  # noqa: S101 - signed ones have a beginning
    return contract.effective_from


def _overlap(field: str, other: Contract, sentence: str) -> ContractOverlaps:
    day = other.starts_on if field == "ends_on" else other.ends_on
    words = sentence % {"number": other.number, "day": day}
    return ContractOverlaps(field_errors={field: [words]})


@atomic()
def end(contract: Contract, *, on: date, by: User) -> Contract:
    """End a signed contract after this day; it ends later or today, never in the past."""
    organization = Organization.objects.locked(contract.organization_id)
    contract = Contract.objects.locked(contract.pk)
    check_end(contract, on)
    zone = ZoneInfo(contract.time_zone)
    before = contract.ends_on
    contract.ends_on, contract.effective_until = on, _midnight(on + timedelta(days=1), zone)
    try:
        with atomic():
            contract.save(update_fields=["ends_on", "effective_until", "updated_at"])
    except IntegrityError as error:
        raise ContractOverlaps(field_errors={"ends_on": [ContractOverlaps.detail]}) from error
    audit.record(
        organization=organization,
        actor=by,
        action="contract.ended",
        target=contract,
        before={"ends_on": before},
        after={"ends_on": on},
    )
    return contract


def check_end(contract: Contract, on: date) -> None:
    """Refuse a last day that would change what was used: of the past, or of a contract that is over."""
    ended = contract.effective_until
    if contract.is_draft or (ended is not None and ended <= timezone.now()):
        raise ContractNotRunning
    _check_day("ends_on", on, ZoneInfo(contract.time_zone), contract.starts_on)


def _check_day(field: str, day: date, zone: ZoneInfo, first: date | None = None) -> None:
    today = timezone.now().astimezone(zone).date()
    earliest = max(first or today, today)
    if day < earliest:
        sentence = _("Never in the past: accepted are %(day)s and later days.")
        raise ContractInThePast(field_errors={field: [sentence % {"day": earliest}]})


@atomic()
def discard(contract: Contract, *, by: User) -> None:
    """Throw a draft away."""
    contract = _open(contract)
    _written(contract, "contract.discarded", by)
    contract.delete()


@atomic()
def add_order(
    organization: Organization,
    *,
    number: str,
    amount: Decimal,
    starts_on: date,
    lapses_on: date,
    by: User,
) -> PurchaseOrder:
    """Note a purchase order; invoices take from the one that lapses first."""
    if not amount.is_finite() or not 0 < amount <= HIGHEST:
        raise ContractInvalid(field_errors={"amount": [_("An amount is more than zero.")]})
    if lapses_on <= starts_on:
        raise ContractInvalid(field_errors={"lapses_on": [_("It lapses after its first day.")]})
    try:
        with atomic():
            order = PurchaseOrder.objects.create(
                organization=organization,
                number=number,
                amount=amount,
                currency=organization.currency,
                starts_on=starts_on,
                lapses_on=lapses_on,
            )
    except IntegrityError as error:
        raise OrderTaken(field_errors={"number": [OrderTaken.detail]}) from error
    audit.record(
        organization=organization,
        actor=by,
        action="purchase_order.added",
        target=order,
        after={"number": number, "amount": str(amount), "lapses_on": lapses_on},
    )
    return order


@atomic()
def close_order(order: PurchaseOrder, *, by: User) -> PurchaseOrder:
    """Take nothing more from a purchase order; closing it twice changes nothing."""
    order = PurchaseOrder.objects.locked(order.pk)
    if order.closed_at is None:
        order.closed_at = timezone.now()
        order.save(update_fields=["closed_at", "updated_at"])
        audit.record(
            organization=order.organization,
            actor=by,
            action="purchase_order.closed",
            target=order,
            before={"number": order.number},
        )
    return order


def _open(contract: Contract) -> Contract:
    contract = Contract.objects.locked(contract.pk)
    if not contract.is_draft:
        raise ContractSigned
    return contract


def check(terms: Terms) -> None:
    """Refuse what cannot be lived by, with the field and the reason."""
    faults: dict[str, list[Any]] = {}
    for name in ("commitment", "credit_limit"):
        amount: Decimal = getattr(terms, name)
        if not amount.is_finite() or not 0 <= amount <= HIGHEST:
            faults[name] = [_("An amount is zero or more.")]
    if terms.overage == Overage.CREDIT_ONLY and terms.credit_limit:
        faults["credit_limit"] = [_("Only who is invoiced may owe something.")]
    if terms.overage == Overage.CREDIT_THEN_INVOICE and not terms.credit_limit:
        faults["credit_limit"] = [_("Say how much may be owed at once.")]
    book = terms.price_book
    if book is not None and book.currency != terms.currency:
        faults["price_book"] = [_("This price book is in another currency.")]
    if faults:
        raise ContractInvalid(field_errors=faults)


def _check_parties(contract: Contract) -> None:
    faults: dict[str, list[Any]] = {}
    if contract.currency != contract.organization.currency:
        faults["currency"] = [_("The customer pays in another currency.")]
    book = contract.price_book
    if book is not None and book.organization_id not in (None, contract.organization_id):
        faults["price_book"] = [_("This price book is another customer's own.")]
    if contract.time_zone not in available_timezones():
        faults["time_zone"] = [_("There is no such time zone.")]
    if contract.ends_on is not None and contract.ends_on < contract.starts_on:
        faults["ends_on"] = [_("A contract ends on its first day or later.")]
    if faults:
        raise ContractInvalid(field_errors=faults)
    _check_day("starts_on", contract.starts_on, ZoneInfo(contract.time_zone))


def facts_of(terms: Terms) -> dict[str, Any]:
    plain = {name: getattr(terms, name) for name in TERMS if name != "price_book"}
    book = terms.price_book
    return {name: str(value) for name, value in plain.items()} | {
        "price_book": book.code if book else None
    }


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)


def _next_quarter(now: datetime) -> datetime:
    whole = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
    return whole if whole == now else whole + QUARTER
