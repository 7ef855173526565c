"""Keeps money that no invoice asks for, until an invoice takes it or it is paid back.

It stands on the receivable account as what we owe. Locks: the invoice, then the surplus, then its
payout.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from stdnum import iban as ibans

from billing.models import (
    AccountKind,
    CreditNote,
    Invoice,
    Order,
    Payout,
    Surplus,
)
from billing.services import ledger
from billing.services.ledger import Posting
from common import jobs
from common.database import atomic
from common.errors import Conflict, DomainError
from tenants.models import Organization, User
from tenants.services import audit


def of_credit_note(note: CreditNote, amount: Decimal) -> Surplus:
    """Keep what a credit note took back and had been paid; part of its transaction."""
    return keep(
        note.organization,
        amount,
        note.currency,
        key=f"credit-note:{note.pk}",
        invoice=note.invoice,
        credit_note=note,
    )


def of_invoice(invoice: Invoice) -> Surplus:
    """Keep what an invoice gives back that asks for less than nothing; part of its transaction."""
    return keep(
        invoice.organization,
        -invoice.total,
        invoice.currency,
        key=f"invoice:{invoice.pk}",
        invoice=invoice,
    )


def keep_money(
    organization: Organization,
    amount: Decimal,
    currency: str,
    *,
    key: str,
    invoice: Invoice | None = None,
    order: Order | None = None,
    payment_reference: str = "",
    wish: Surplus.Wish = Surplus.Wish.UNSAID,
) -> Surplus:
    """Keep and book money that came in and that nothing asks for."""
    surplus = keep(
        organization,
        amount,
        currency,
        key=key,
        invoice=invoice,
        order=order,
        payment_reference=payment_reference,
        wish=wish,
    )
    _book(surplus, "surplus", surplus.pk, amount)
    return surplus


def keep(
    organization: Organization, amount: Decimal, currency: str, *, key: str, **facts: Any
) -> Surplus:
    """Keep money that stands on the receivable account already; part of the caller's transaction."""
    surplus = Surplus.objects.create(
        organization=organization,
        amount=amount,
        left=amount,
        currency=currency,
        operation_key=key,
        **facts,
    )
    audit.record(
        organization=organization,
        actor=None,
        action="surplus.kept",
        target=surplus,
        after={"amount": amount, "currency": currency},
    )
    return surplus


def take_back(which: Q, amount: Decimal) -> Decimal:
    """Take as much as is left of these surpluses: their money is gone; answers how much that is.

    Part of the caller's transaction, which books it. What waits for a second person to be paid back
    is refused with it.
    """
    taken = Decimal(0)
    for found in Surplus.objects.left_over().filter(which).order_by("pk"):
        surplus = Surplus.objects.locked(found.pk)
        part = min(surplus.left, amount - taken)
        if part <= 0:
            continue
        surplus.left -= part
        surplus.save(update_fields=["left", "updated_at"])
        taken += part
        proposed = Payout.objects.filter(surplus=surplus, status=Payout.Status.PROPOSED)
        proposed.update(status=Payout.Status.REFUSED, decided_at=timezone.now())
        audit.record(
            organization=surplus.organization,
            actor=None,
            action="surplus.taken_back",
            target=surplus,
            after={"amount": part, "left": surplus.left, "currency": surplus.currency},
        )
    return taken


def _book(surplus: Surplus, kind: str, key: UUID, amount: Decimal) -> None:
    """Book money that came in, or went out again where the amount is negative."""
    ledger.book(
        surplus.organization,
        key=f"{kind}:{key}",
        kind="surplus",
        postings=[
            Posting(AccountKind.PAYMENTS_CLEARING, surplus.currency, amount),
            Posting(AccountKind.RECEIVABLE, surplus.currency, -amount),
        ],
    )


@atomic()
def choose(surplus: Surplus, wish: Surplus.Wish, *, by: User, iban: str = "") -> Surplus:
    """Note what the customer, or staff for them, wants done with it; nothing is on its way yet."""
    surplus = Surplus.objects.locked(surplus.pk)
    if not surplus.left or Payout.objects.open().filter(surplus=surplus).exists():
        raise Conflict(_("It is on its way already."))
    if iban and not ibans.is_valid(iban):
        raise DomainError(field_errors={"iban": [_("This is no account number (IBAN).")]})
    before = {"wish": surplus.wish}
    surplus.wish, surplus.iban = wish, ibans.compact(iban)
    surplus.save(update_fields=["wish", "iban", "updated_at"])
    audit.record(
        organization=surplus.organization,
        actor=by,
        action="surplus.wish_noted",
        target=surplus,
        before=before,
        after={"wish": surplus.wish},
    )
    jobs.enqueue("billing.collect")
    return surplus
