"""What customers owe, by how long it is overdue, and what was done about it. As the service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from billing import chargebacks
from billing.models import DunningStep, Invoice
from billing.models.dunning import Act
from billing.services import disputes, dunning, receiving
from common.money import Money

#: Days overdue from which each column of the aging begins; the first is what is not due yet.
AGES = (0, 1, 31, 61, 91)


@dataclass(frozen=True, slots=True)
class Overdue:
    """An invoice that is past its day."""

    invoice: Invoice
    due: Money
    days: int
    steps: Sequence[DunningStep]
    #: The next stage: after so many days, and what it does; nothing when all are taken.
    next_days: int | None
    next_act: str
    #: Nothing is done about it while somebody objects to all of it.
    is_disputed: bool

    @property
    def last(self) -> DunningStep | None:
        """What was done last."""
        return self.steps[-1] if self.steps else None


@dataclass(frozen=True, slots=True)
class Aging:
    """What is owed in one currency: not due yet, then 1 to 30, 31 to 60, 61 to 90 days and older."""

    currency: str
    amounts: tuple[Money, ...]

    @property
    def total(self) -> Money:
        """All of it."""
        return sum(self.amounts[1:], self.amounts[0])


def aging(now: datetime | None = None) -> list[Aging]:
    """Return what is owed by currency and age."""
    now = now or timezone.now()
    sums: dict[str, list[Decimal]] = {}
    for invoice in Invoice.objects.open():
        ages = sums.setdefault(invoice.currency, [Decimal(0)] * len(AGES))
        days = -1 if invoice.due_at > now else max((now - invoice.due_at).days, 1)
        column = max((i for i, least in enumerate(AGES) if days >= least), default=0)
        ages[column] += receiving.due(invoice).amount
    return [
        Aging(currency, tuple(Money(it, currency) for it in ages))
        for currency, ages in sorted(sums.items())
    ]


def queue(now: datetime | None = None) -> list[Overdue]:
    """Return the invoices that are past their day, the oldest first."""
    now = now or timezone.now()
    found = Invoice.objects.open().filter(due_at__lt=now).select_related("organization")
    return [_overdue(invoice, now) for invoice in found.order_by("due_at")]


def _overdue(invoice: Invoice, now: datetime) -> Overdue:
    steps = list(DunningStep.objects.filter(invoice=invoice))
    coming = dunning.coming(dunning.stages_of(invoice, now), steps)
    return Overdue(
        invoice=invoice,
        due=receiving.due(invoice),
        days=(now - chargebacks.owed_since(invoice)).days,
        steps=steps,
        next_days=coming[0]["days"] if coming else None,
        next_act=str(Act(coming[0]["act"]).label) if coming else "",
        is_disputed=disputes.hold_off(invoice),
    )
