"""Imports bank statements: each movement once, matched by its reference or left to a person."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from billing.bank import camt, csv_file, references
from billing.bank.lines import Line, Statement, UnreadableStatement
from billing.models import BankLine, BankStatement, IncomingPayment, Invoice, Order
from billing.services import offsetting, receiving, transfers
from common.database import atomic
from common.errors import Conflict, DomainError
from tenants.models import User
from tenants.services import audit

State = BankLine.State


class NoStatement(DomainError):
    """The file cannot be read; nothing was taken from it."""

    code = "unreadable_statement"
    detail = _("This file is no statement that can be read.")


@dataclass(frozen=True, slots=True)
class Asked:
    """An open invoice or an order, and the words by which a payer names it."""

    subject: Invoice | Order
    words: tuple[str, ...]


@atomic()
def import_file(
    data: bytes, *, name: str, by: User, account: str = "", currency: str = "EUR"
) -> BankStatement:
    """Take the movements of a CAMT.053 or CSV file that are not there yet, and match them."""
    digest = hashlib.sha256(data).hexdigest()
    if BankStatement.objects.filter(digest=digest).exists():
        raise Conflict(_("This very file was imported before."))
    read = _read(data, account=account, currency=currency)
    try:
        with atomic():
            statement = BankStatement.objects.create(
                name=name[:200], account=read.account[:40], digest=digest, imported_by=by
            )
    except IntegrityError as error:
        raise Conflict(_("This very file was imported before.")) from error
    asked = _asked()
    # Lines alike on one day are told apart by which one of them they are.
    seen: Counter[str] = Counter()
    for position, line in enumerate(read.lines):
        like = _likeness(read.account, line)
        key = _digest(f"{like}|{seen[like]}")
        _take(statement, position, line, key=key, asked=asked, by=by)
        seen[like] += 1
    audit.record(
        organization=None,
        actor=by,
        action="bank_statement.imported",
        target=statement,
        after={"account": statement.account, "lines": len(read.lines)},
    )
    return statement


def _read(data: bytes, *, account: str, currency: str) -> Statement:
    try:
        if data.lstrip().startswith(b"<") or data.startswith(b"\xef\xbb\xbf<"):
            return camt.read(data)
        return csv_file.read(data, account=account, currency=currency)
    except UnreadableStatement as error:
        raise NoStatement(field_errors={"file": [str(error)]}) from error


def _likeness(account: str, line: Line) -> str:
    # However somebody typed the account: a movement is taken once.
    account = references.squeezed(account)
    if line.bank_id:
        return f"{account}|id|{line.bank_id}"
    said = (line.booked_on, line.amount, line.currency, line.remitter, line.text)
    return "|".join([account, *map(str, said)])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _asked() -> list[Asked]:
    """Return the words by which payers name what is asked for: read once, not for every movement.

    Orders that expired are among them: a person is told what late money was meant for.
    """
    invoices = [
        Asked(it, (it.payment_reference, references.squeezed(it.number)))
        for it in Invoice.objects.filter(status=Invoice.Status.OPEN)
    ]
    ordered = Order.objects.by_transfer().filter(status__in=transfers.WAITING)
    return invoices + [Asked(it, (str(it.transfer_reference),)) for it in ordered]


def _take(
    statement: BankStatement,
    position: int,
    line: Line,
    *,
    key: str,
    asked: Sequence[Asked],
    by: User,
) -> None:
    """Write a movement down once, and match it where it says what it pays."""
    row, is_new = BankLine.objects.get_or_create(
        key=key,
        defaults={
            "statement": statement,
            "position": position,
            "booked_on": line.booked_on,
            "amount": line.amount,
            "currency": line.currency,
            "remitter": line.remitter,
            "text": line.text,
            "state": State.WAITING,
            "words": line.problem,
        },
    )
    if not is_new:
        return
    if line.amount is not None and line.amount <= 0 and not line.problem:
        row.state = State.OUTGOING
    elif not line.problem:
        _match(row, asked, by)
    row.save()


def _match(row: BankLine, asked: Sequence[Asked], by: User) -> None:
    """Pay the one invoice or order that the movement names; anything else waits for a person."""
    said = references.squeezed(f"{row.text}")
    named = [it.subject for it in asked if any(word in said for word in it.words)]
    # A movement before this one may have paid it.
    named = [
        it
        for it in named
        if it.currency == row.currency and _is_open(it) and not _is_part_of_another(it, said)
    ]
    if len(named) != 1:
        row.words = "it names no open invoice" if not named else "it names several open invoices"
        return
    (subject,) = named
    try:
        with atomic():
            if isinstance(subject, Order):
                _fulfil(row, subject, by)
            else:
                row.payment = _pay(row, subject, by)
                row.state = State.MATCHED
    except DomainError as error:
        name = subject.bundle_name if isinstance(subject, Order) else subject.number
        row.words = f"{name}: {error.detail}"[:250]


def _is_open(subject: Invoice | Order) -> bool:
    if isinstance(subject, Order):
        return Order.objects.filter(pk=subject.pk, status__in=transfers.WAITING).exists()
    return Invoice.objects.open().filter(pk=subject.pk).exists()


def _is_part_of_another(subject: Invoice | Order, said: str) -> bool:
    """Whether the words name another invoice, whose number has this one's in it.

    Numbers are compared without what separates them: legal entities X and AX both have an X-2026-000001.
    """
    if isinstance(subject, Order) or subject.payment_reference in said:
        return False
    longer = Invoice.objects.filter(number__contains=subject.number).exclude(number=subject.number)
    return any(references.squeezed(it) in said for it in longer.values_list("number", flat=True))


def _fulfil(row: BankLine, order: Order, by: User) -> None:
    """Let an order take the very amount it asks for; what differs or is late is a person's to judge."""
    order = Order.objects.locked(order.pk)
    facts = {"total": order.gross.rounded(), "reference": order.transfer_reference}
    if order.status != Order.Status.PENDING:
        raise Conflict(_("Order %(reference)s has expired.") % facts)
    if row.amount != order.total - transfers.received(order):
        raise Conflict(_("Order %(reference)s asks for %(total)s.") % facts)
    transfers.receive(row, order, by=by)


def _pay(row: BankLine, invoice: Invoice, by: User) -> IncomingPayment:
    return receiving.receive(
        invoice,
        transfers.amount_of(row, invoice.currency),
        source=IncomingPayment.Source.BANK,
        key=f"bank:{row.pk}",
        words=row.remitter,
        by=by,
        at=_noon(row),
    )


def _noon(row: BankLine) -> datetime | None:
    return datetime.combine(row.booked_on, time(12), tzinfo=UTC) if row.booked_on else None


def _pay_all(row: BankLine, invoice: Invoice, by: User) -> IncomingPayment | None:
    """Let the invoice take what it asks for; the rest is kept for its customer."""
    return offsetting.receive(
        invoice,
        transfers.amount_of(row, invoice.currency),
        source=IncomingPayment.Source.BANK,
        key=f"bank:{row.pk}",
        words=row.remitter,
        by=by,
        at=_noon(row),
    )


@atomic()
def assign(line: BankLine, invoice: Invoice, *, by: User) -> BankLine:
    """Let a waiting movement pay the invoice that a person found."""
    Invoice.objects.locked(invoice.pk)
    line = _waiting(line)
    line.payment = _pay_all(line, invoice, by)
    line.state, line.words = State.MATCHED, invoice.number
    line.save()
    return line


@atomic()
def assign_order(line: BankLine, order: Order, *, by: User) -> BankLine:
    """Let a waiting movement pay the order that a person found, wholly or in part."""
    order = Order.objects.locked(order.pk)
    line = _waiting(line)
    transfers.receive(line, order, by=by)
    return line


@atomic()
def settle(line: BankLine, *, words: str, by: User) -> BankLine:
    """Note what a person found out about a movement that pays no invoice of ours."""
    line = _waiting(line)
    line.state, line.words = State.SETTLED, words[:250]
    line.save()
    audit.record(
        organization=None,
        actor=by,
        action="bank_line.settled",
        target=line,
        after={"words": words},
    )
    return line


def _waiting(line: BankLine) -> BankLine:
    line = BankLine.objects.locked(line.pk)
    if line.state != State.WAITING:
        raise Conflict
    return line
