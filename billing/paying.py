"""How an invoice stands with its money, and what of a customer's money no invoice asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Prefetch
from django.utils import timezone

from billing.models import IncomingPayment, Invoice, InvoiceCharge, Payout, Surplus
from billing.models.surpluses import SurplusQuerySet
from billing.services import payouts, receiving
from common.money import Money
from tenants.models import Organization

#: So long after a transfer went out a bank may send it back.
BOUNCES_WITHIN = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Paying:
    """What came in for an invoice, what it still asks for, and the last attempt at charging it."""

    invoice: Invoice
    due: Money
    payments: Sequence[IncomingPayment]
    charge: InvoiceCharge | None

    @property
    def is_asked(self) -> bool:
        """Whether somebody may pay it on a page now."""
        is_charged = self.charge and self.charge.status == InvoiceCharge.Status.PENDING
        waits = self.charge is not None and self.charge.waits_for_payer
        return receiving.asks_for_payment(self.invoice) and (waits or not is_charged)

    @property
    def is_partly_paid(self) -> bool:
        """Whether it asks for less than it says: the rest came in, or was credited."""
        is_open = receiving.asks_for_payment(self.invoice)
        return is_open and self.due.amount != self.invoice.total

    @property
    def state(self) -> str:
        """How the last attempt stands, for pages: charging, asked, declined or nothing."""
        charge = self.charge
        if charge is None or not receiving.asks_for_payment(self.invoice):
            return ""
        if charge.status == InvoiceCharge.Status.PENDING:
            return "asked" if charge.failure else "" if charge.waits_for_payer else "charging"
        return "declined" if charge.status == InvoiceCharge.Status.FAILED else ""


def of_invoice(invoice: Invoice) -> Paying:
    """Return how the invoice stands with its money."""
    return Paying(
        invoice,
        receiving.due(invoice),
        list(IncomingPayment.objects.filter(invoice=invoice)),
        InvoiceCharge.objects.filter(invoice=invoice).first(),
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A surplus, and what is being done with it."""

    surplus: Surplus
    payout: Payout | None
    #: Whether it can go back the way it came.
    has_way_back: bool

    @property
    def is_moving(self) -> bool:
        """Whether nobody can choose any more."""
        return self.payout is not None and self.payout.status in Payout.OPEN

    @property
    def is_transferred(self) -> bool:
        """Whether it is gone by a transfer that the bank may still send back."""
        return bool(self.payout and self.payout.may_come_back and not self.is_moving)

    @property
    def wants_back(self) -> bool:
        """Whether somebody asked for it to be paid back."""
        return self.surplus.wish == Surplus.Wish.PAY_BACK


def surpluses(organization: Organization) -> list[Kept]:
    """Return what is the customer's and what was paid back of it, newest first."""
    return [_kept(it) for it in _every().filter(organization=organization)]


def desk() -> list[Kept]:
    """Return every customer's money that is left or on its way: who wants it back comes first.

    Last comes what was transferred lately: a bank may send it back.
    """
    moving = Payout.objects.open() | Payout.objects.transferred(timezone.now() - BOUNCES_WITHIN)
    waiting = _every().filter(pk__in=moving.values("surplus")) | _every().left_over()
    kept = (_kept(it) for it in waiting.distinct())
    return sorted(kept, key=lambda it: (it.is_transferred, not it.wants_back))


def _every() -> SurplusQuerySet:
    lately = Payout.objects.select_related("proposed_by", "decided_by", "surplus")
    found = Surplus.objects.select_related("organization", "invoice", "order", "credit_note")
    return found.prefetch_related(Prefetch("payouts", lately)).order_by("-created_at", "-id")


def _kept(surplus: Surplus) -> Kept:
    sent = list(surplus.payouts.all())
    return Kept(surplus, sent[0] if sent else None, bool(payouts.payment_of(surplus)))
