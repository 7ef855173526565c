"""What members of a group owe moves to the organization that pays, with the invoice that says so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billing import groups
from billing.drafts import Draft, DraftLine
from billing.models import AccountKind, Invoice, InvoicePart
from billing.periods import Period
from billing.services import ledger
from billing.services.ledger import Posting
from billing.services.service_credits import Credited
from tenants.models import Organization

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """An organization's month, and what an invoice tells of it and of earlier ones."""

    organization: Organization
    period: Period
    month: Draft
    lines: Sequence[DraftLine]
    #: Whether a later invoice has told of the month already: the rest of it is late usage.
    is_told: bool = False
    #: What earlier months come to now, of which it tells too.
    earlier: Sequence[tuple[Period, Draft]] = ()
    #: How the month was judged by what was promised; its credit is among the lines.
    judged: Sequence[Credited] = ()


def together(parts: Sequence[Part]) -> tuple[DraftLine, ...]:
    """Return the lines of one invoice: those of the organization itself, then of its members.

    Where members have some, each stands in sections of its own, under its name.
    """
    payer, *members = parts
    if not any(part.lines for part in members):
        return tuple(payer.lines)
    return tuple(
        replace(
            line,
            section=groups.section(part.organization.name, line.section),
            used_by=None if part is payer else part.organization.pk,
        )
        for part in parts
        for line in part.lines
    )


def keep(invoice: Invoice, parts: Sequence[Part]) -> None:
    """Note each member's part and move its debt; part of the transaction that writes the invoice.

    What was used stays in the books of who used it; what is owed for it does not.
    """
    payer = invoice.organization
    for part in parts:
        if part.organization.pk == payer.pk or not part.lines:
            continue
        exact_net = sum((line.exact_amount for line in part.lines), ZERO)
        InvoicePart.objects.create(
            organization=part.organization,
            name=part.organization.name,
            payer=payer,
            payer_name=payer.name,
            invoice=invoice,
            number=invoice.number,
            period_start=part.period.start,
            period_end=part.period.end,
            currency=invoice.currency,
            seller=invoice.seller,
            buyer=invoice.buyer,
            net=sum((line.amount for line in part.lines), ZERO),
            exact_net=exact_net,
            issued_at=invoice.issued_at,
        )
        if exact_net:
            _move(part.organization, payer, exact_net, invoice)


def _move(member: Organization, payer: Organization, owed: Decimal, invoice: Invoice) -> None:
    key = f"group:{invoice.pk}:{member.pk}"
    for organization, amount in ((member, -owed), (payer, owed)):
        ledger.book(
            organization,
            key=key,
            kind="group",
            postings=[
                Posting(AccountKind.RECEIVABLE, invoice.currency, amount),
                Posting(AccountKind.GROUP, invoice.currency, -amount),
            ],
            memo=invoice.number,
        )
