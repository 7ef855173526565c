"""What a month did to a customer's account: documents, money, credit, and that it is the ledger's.

Called in a scope. Two accounts for each currency. On the first stand invoices, payments, credit
notes and what was given back; usage that no invoice tells of yet is kept apart, and both together
are the ledger's receivable account. On the second stands prepaid credit, which is the ledger's, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from billing import periods
from billing.books import KINDS
from billing.models import (
    AccountKind,
    Chargeback,
    CreditNote,
    IncomingPayment,
    Invoice,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
)
from common.errors import NotFound
from common.money import Money
from tenants.models import Organization

ZERO = Decimal(0)
#: What is owed before an invoice tells of it; an invoice adds its rounding and tax.
ACCRUING = ("usage", "true-up", "service-credit", "group")
MOST_MONTHS = 36


@dataclass(frozen=True, slots=True)
class Row:
    """One movement: above zero it adds to the balance of its account."""

    at: datetime
    words: str
    amount: Money
    #: Of a document: what it is opened by.
    invoice: str = ""
    credit_note: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An account over a month."""

    opening: Money
    rows: Sequence[Row]

    @property
    def lines(self) -> list[tuple[Row, Money]]:
        """The movements, each with the balance behind it."""
        balances = accumulate((row.amount for row in self.rows), initial=self.opening)
        next(balances)
        return list(zip(self.rows, balances, strict=True))

    @property
    def closing(self) -> Money:
        """The balance at the end."""
        return sum((row.amount for row in self.rows), self.opening)


@dataclass(frozen=True, slots=True)
class Statement:
    """A month in one currency."""

    currency: str
    #: What is owed by documents.
    owed: Account
    #: What was used by the month's end and stands on no invoice yet.
    uninvoiced: Money
    #: What the ledger says of both together.
    receivable: Money
    credit: Account

    @property
    def agrees(self) -> bool:
        """Whether documents and usage come to what the ledger says."""
        return self.owed.closing + self.uninvoiced == self.receivable


@dataclass(frozen=True, slots=True)
class Month:
    """All statements of a month."""

    organization: Organization
    period: periods.Period
    is_over: bool
    statements: Sequence[Statement]


def months(organization: Organization) -> list[str]:
    """Return the months there are statements of, the running one first."""
    zone = organization.time_zone
    first = periods.containing(_beginning(organization), zone).label
    period = periods.containing(timezone.now(), zone)
    found: list[str] = []
    while period.label >= first and len(found) < MOST_MONTHS:
        found.append(period.label)
        period = periods.before(period, zone)
    return found


def _beginning(organization: Organization) -> datetime:
    booked = LedgerTransaction.objects.filter(organization=organization).order_by("recorded_at")
    first = booked.values_list("recorded_at", flat=True).first()
    return min(first or organization.created_at, organization.created_at)


def month(organization: Organization, label: str) -> Month:
    """Return the statements of a month written as 2026-03; of the running one, as far as it is."""
    try:
        period = periods.parse(label, organization.time_zone)
    except ValueError as error:
        raise NotFound from error
    if period.start > timezone.now():
        raise NotFound
    accounts = LedgerAccount.objects.filter(organization=organization)
    currencies = {organization.currency, *accounts.values_list("currency", flat=True)}
    return Month(
        organization,
        period,
        period.end <= timezone.now(),
        [_statement(organization, period, it) for it in sorted(currencies)],
    )


def _statement(organization: Organization, period: periods.Period, currency: str) -> Statement:
    owed = _Entries(organization, AccountKind.RECEIVABLE, currency)
    prepaid = _Entries(organization, AccountKind.CUSTOMER_PREPAID, currency)
    invoices = Invoice.objects.filter(organization=organization, currency=currency)
    usage = invoices.filter(kind=Invoice.Kind.USAGE)
    opening = _sum(usage.filter(issued_at__lt=period.start), "total")
    opening += owed.before(period.start, documents=True)
    told = _sum(usage.filter(issued_at__lt=period.end), "exact_net")
    rows = [*_invoices(invoices, period), *_purchases_back(organization, currency, period)]
    rows += owed.rows(period, documents=True)
    accrued = owed.before(period.end) - owed.before(period.end, documents=True)
    accrued -= owed.invoiced(period.end)
    return Statement(
        currency,
        owed=Account(Money(opening, currency), _ordered(rows)),
        uninvoiced=Money(accrued - told, currency),
        receivable=Money(owed.before(period.end), currency),
        credit=Account(
            Money(-prepaid.before(period.start), currency),
            _ordered([*prepaid.rows(period), *prepaid.used(period)]),
        ),
    )


def _ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.at)


def _sum(found: QuerySet[Invoice], column: str) -> Decimal:
    total: Decimal | None = found.aggregate(sum=Sum(column))["sum"]
    return total or ZERO


def _invoices(found: QuerySet[Invoice], period: periods.Period) -> Iterator[Row]:
    """Yield the invoices of a month; what was bought was paid in the same moment."""
    for it in found.filter(issued_at__gte=period.start, issued_at__lt=period.end):
        total = Money(it.total, it.currency)
        if it.kind == Invoice.Kind.USAGE:
            yield Row(it.issued_at, _("Invoice"), total, invoice=it.number)
        else:
            yield Row(it.issued_at, _("Invoice of a bundle"), total, invoice=it.number)
            yield Row(it.issued_at, _("Payment of the bundle"), -total, invoice=it.number)


def _purchases_back(
    organization: Organization, currency: str, period: periods.Period
) -> Iterator[Row]:
    """Yield what was taken back of purchases, and went back to who had paid."""
    found = CreditNote.objects.filter(
        organization=organization,
        currency=currency,
        invoice__kind=Invoice.Kind.PURCHASE,
        issued_at__gte=period.start,
        issued_at__lt=period.end,
    )
    for it in found:
        total = Money(it.total, currency)
        yield Row(it.issued_at, _("Credit note"), -total, credit_note=it.number)
        is_taken = it.reason == CreditNote.Reason.CHARGEBACK
        words = _("Taken back by the bank") if is_taken else _("Refund")
        yield Row(it.issued_at, words, total, credit_note=it.number)


class _Entries:
    """What the ledger holds on one account."""

    def __init__(self, organization: Organization, kind: AccountKind, currency: str) -> None:
        self.currency = currency
        self.sign = -1 if kind == AccountKind.CUSTOMER_PREPAID else 1
        self.found = LedgerEntry.objects.filter(
            organization=organization, account__kind=kind, account__currency=currency
        )

    def before(self, end: datetime, *, documents: bool = False) -> Decimal:
        """Return the balance, or what of it neither usage nor invoices made."""
        found = self.found.filter(transaction__recorded_at__lt=end)
        if documents:
            found = found.exclude(transaction__kind__in=(*ACCRUING, "invoice"))
        total: Decimal | None = found.aggregate(sum=Sum("amount"))["sum"]
        return total or ZERO

    def invoiced(self, end: datetime) -> Decimal:
        """Return what invoices added: tax, and the rounding of their lines."""
        found = self.found.filter(transaction__recorded_at__lt=end, transaction__kind="invoice")
        total: Decimal | None = found.aggregate(sum=Sum("amount"))["sum"]
        return total or ZERO

    def rows(self, period: periods.Period, *, documents: bool = False) -> Iterator[Row]:
        """Yield what was booked in a month, but for usage; of documents, without invoices."""
        left_out = (*ACCRUING, "invoice") if documents else ("usage",)
        rows = list(
            self._within(period)
            .exclude(transaction__kind__in=left_out)
            .values_list(
                "transaction__recorded_at",
                "transaction__kind",
                "transaction__operation_key",
                "transaction__memo",
            )
            .annotate(sum=Sum("amount"))
        )
        names = _named([key for _at, _kind, key, _memo, _sum in rows])
        for at, kind, key, memo, total in rows:
            words = _words(kind, key)
            amount = Money(self.sign * total, self.currency)
            number = names.get(key, "")
            is_note = key.startswith("credit-note:")
            yield Row(
                at,
                f"{words} · {memo}" if memo and not number else words,
                amount,
                invoice="" if is_note else number,
                credit_note=number if is_note else "",
            )

    def used(self, period: periods.Period) -> Iterator[Row]:
        """Yield what usage took in the month, as one movement at its end."""
        used = self._within(period).filter(transaction__kind="usage")
        total: Decimal | None = used.aggregate(sum=Sum("amount"))["sum"]
        if total:
            # The end is the first instant of the next month.
            end = min(period.end - timedelta(microseconds=1), timezone.now())
            yield Row(end, _("Used in the month"), Money(self.sign * total, self.currency))

    def _within(self, period: periods.Period) -> QuerySet[LedgerEntry]:
        return self.found.filter(
            transaction__recorded_at__gte=period.start, transaction__recorded_at__lt=period.end
        )


#: What movements of an account are called; others as the ledger's page calls them.
WORDS: dict[str, StrOrPromise] = {
    "payment": gettext_lazy("Payment"),
    "credit_note": gettext_lazy("Credit note"),
    "write_off": gettext_lazy("Written off"),
    "surplus": gettext_lazy("Paid too much"),
    "payout": gettext_lazy("Given back"),
    "chargeback": gettext_lazy("Taken back by the bank"),
    "true-up": gettext_lazy("Month rated as a whole"),
    "service-credit": gettext_lazy("Service credit"),
}


def _words(kind: str, key: str) -> str:
    """Return what a movement is called."""
    if key.startswith("transfer:"):
        # What had come in for a bundle pays for it, once all of it is there.
        return _("Taken for a bundle")
    return str(WORDS.get(kind) or KINDS.get(kind, kind.replace("_", " ")))


def _named(keys: Sequence[str]) -> dict[str, str]:
    """Return the number of the document that an operation is about, by its key."""
    ids = {kind: [key.removeprefix(kind) for key in keys if key.startswith(kind)] for kind in NAMED}
    payments = IncomingPayment.objects.filter(pk__in=ids["payment:"])
    notes = CreditNote.objects.filter(pk__in=ids["credit-note:"])
    lost = Invoice.objects.filter(pk__in=ids["write-off:"])
    taken = Chargeback.objects.filter(pk__in=ids["chargeback-lost:"]).values_list(
        "pk", Coalesce("invoice__number", "order__invoice__number")
    )
    return (
        {f"payment:{pk}": number for pk, number in payments.values_list("pk", "invoice__number")}
        | {f"credit-note:{pk}": number for pk, number in notes.values_list("pk", "number")}
        | {f"write-off:{pk}": number for pk, number in lost.values_list("pk", "number")}
        | {f"chargeback-lost:{pk}": number for pk, number in taken}
    )


NAMED = ("payment:", "credit-note:", "write-off:", "chargeback-lost:")


def csv_rows(found: Month) -> Iterator[Sequence[str]]:
    """Yield the statements as lines of a table."""
    yield ("currency", "account", "date", "what", "document", "amount", "balance")
    for it in found.statements:
        for name, account in (("owed", it.owed), ("credit", it.credit)):
            yield (it.currency, name, f"{found.period.start:%Y-%m-%dT%H:%M:%SZ}", "opening", "", "",
                   _plain(account.opening))  # fmt: skip
            for row, balance in account.lines:
                yield (it.currency, name, f"{row.at:%Y-%m-%dT%H:%M:%SZ}", row.words,
                       row.invoice or row.credit_note, _plain(row.amount), _plain(balance))  # fmt: skip
        yield (it.currency, "owed", "", "not invoiced yet", "", "", _plain(it.uninvoiced))
        yield (it.currency, "owed", "", "ledger", "", "", _plain(it.receivable))


def _plain(amount: Money) -> str:
    return f"{amount.amount.normalize():f}"
