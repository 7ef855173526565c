"""The ledger as its page shows it: operation by operation, each with its postings."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from billing.models import LedgerEntry, LedgerTransaction
from common.money import Money
from tenants.models import Organization

PAGE = 30
#: What kinds of operations are called; another one reads as its code does.
KINDS: dict[str, StrOrPromise] = {
    "grant": _("Credit granted"),
    "usage": _("Usage settled"),
    "expiry": _("Credit expired"),
    "void": _("Credit taken back"),
    "hand_over": _("Credit handed over"),
    "invoice": _("Invoice written"),
    "service-credit": _("Service credit"),
    "refund": _("Payment given back"),
    "chargeback": _("Payment taken back by the bank"),
}


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on one account, on the side it stands on."""

    account: str
    debit: Money | None
    credit: Money | None


@dataclass(frozen=True, slots=True)
class Booking:
    """One operation; its postings sum to zero."""

    transaction: LedgerTransaction
    kind: StrOrPromise
    postings: Sequence[Posting]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of the book, newest first, and where the next begins."""

    bookings: Sequence[Booking]
    older: UUID | None


def leaf(organization: Organization, *, account: str = "", before: UUID | None = None) -> Leaf:
    """Return the operations that touch the account (all of them, unless named) before this one."""
    found = LedgerTransaction.objects.filter(organization=organization)
    if account:
        touching = LedgerEntry.objects.filter(
            organization=organization, account__kind=account
        ).values("transaction")
        found = found.filter(pk__in=touching)
    if before:
        found = found.filter(pk__lt=before)
    transactions = list(found.prefetch_related("entries__account")[: PAGE + 1])
    shown = transactions[:PAGE]
    older = shown[-1].pk if len(transactions) > PAGE else None
    return Leaf([_booking(it) for it in shown], older)


def _booking(transaction: LedgerTransaction) -> Booking:
    return Booking(
        transaction,
        KINDS.get(transaction.kind, transaction.kind),
        [_posting(entry) for entry in transaction.entries.all()],
    )


def _posting(entry: LedgerEntry) -> Posting:
    amount = Money(abs(entry.amount), entry.account.currency)
    is_debit = entry.amount > 0
    return Posting(
        entry.account.get_kind_display(),
        amount if is_debit else None,
        None if is_debit else amount,
    )
