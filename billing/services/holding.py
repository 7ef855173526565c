"""Invoices that look wrong wait for a person; they are not tried again and again.

What is held has no number and is written nowhere: it is computed anew when it is let go or checked
again, so nothing of it is lost and what was put right meanwhile counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.db.models import Exists, F, OuterRef, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import bounds, periods
from billing.bounds import Finding
from billing.einvoice import facts, rules
from billing.models import Invoice, InvoiceHold, Order
from billing.services.papers import Paper
from common import jobs
from common.database import atomic
from common.errors import Conflict
from tenants.models import Organization, User
from tenants.services import audit

#: How many months before are looked at for a jump.
BEFORE = 3
#: A document has one form, or another if its terms change while the first is looked at.
ATTEMPTS = 3
T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """A month of a customer that a person let go, and whose invoice is still to be written."""

    organization: Organization
    period: periods.Period


@dataclass(frozen=True, slots=True)
class History:
    """What an invoice is compared with: how it was held before, and what earlier months came to."""

    holds: Sequence[InvoiceHold] = ()
    before: Sequence[Decimal] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a person."""
        return any(hold.status == InvoiceHold.Status.WAITING for hold in self.holds)


def looked_at(write: Callable[[], T]) -> T:
    """Run a transaction that numbers a document, after what it asks of the rules is known.

    The sheets take seconds, and longer on a busy machine: no lock is held meanwhile. The
    transaction begins anew, so what it writes is what it computed last.
    """
    for _attempt in range(ATTEMPTS):
        try:
            return write()
        except rules.NotLookedAt as unknown:
            rules.look(*unknown.documents)
    raise Conflict(_("The document changed each time it was checked; try again."))


def histories(owners: Iterable[UUID], period: periods.Period) -> dict[UUID, History]:
    """Return what each customer's invoice of a month is compared with."""
    asked = list(owners)
    holds: dict[UUID, list[InvoiceHold]] = {}
    found = InvoiceHold.objects.filter(organization__in=asked, period_start=period.start)
    for hold in found:
        holds.setdefault(hold.organization_id, []).append(hold)
    place = Window(RowNumber(), F("organization_id"), order_by=F("period_start").desc())
    earlier = Invoice.objects.filter(
        organization__in=asked, kind=Invoice.Kind.USAGE, period_start__lt=period.start
    )
    last = earlier.annotate(place=place).filter(place__lte=BEFORE).order_by("place")
    before: dict[UUID, list[Decimal]] = {}
    for pk, net in last.values_list("organization_id", "net"):
        before.setdefault(pk, []).append(net)
    return {pk: History(holds.get(pk, ()), before.get(pk, ())) for pk in asked}


def of_order(order: Order) -> History:
    """Return what the invoice of an order is compared with."""
    return History(list(InvoiceHold.objects.filter(order=order)))


def let_through(paper: Paper, history: History) -> bool:
    """Whether the invoice may get its number; what looks wrong is held for a person.

    What a person let go is held again only for what was not found then. One that was let go with
    broken rules is a document on paper: no electronic invoice that breaks them leaves the house.
    """
    invoice = paper.invoice
    if history.is_waiting:
        return False
    released = [it for it in history.holds if it.status == InvoiceHold.Status.RELEASED]
    allowed = {finding["code"] for hold in released for finding in hold.findings}
    odd, broken = _odd(paper, history), _broken(paper)
    if any(finding.code not in allowed for finding in [*odd, *broken]):
        _hold(invoice, [*odd, *broken])
        return False
    if broken:
        invoice.seller = {**invoice.seller, "is_electronic": False}
    return True


def _odd(paper: Paper, history: History) -> list[Finding]:
    invoice = paper.invoice
    if invoice.kind != Invoice.Kind.USAGE:
        return []
    return bounds.findings(
        paper.lines, net=invoice.net, currency=invoice.currency, before=history.before
    )


def _broken(paper: Paper) -> list[Finding]:
    invoice = paper.invoice
    if not invoice.seller["is_electronic"]:
        return []
    zone = invoice.organization.time_zone
    found = rules.broken(facts.of_invoice(invoice, paper.lines, time_zone=zone))
    return [Finding(failure.code, failure.words) for failure in found]


def _hold(invoice: Invoice, found: Sequence[Finding]) -> None:
    log.error("invoice_held", organization=invoice.organization.slug, findings=len(found))
    kept = InvoiceHold.objects.create(
        organization=invoice.organization,
        order=invoice.order,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        findings=[finding.as_json() for finding in found],
        currency=invoice.currency,
        total=invoice.total,
    )
    audit.record(
        organization=invoice.organization,
        actor=None,
        action="invoice.held",
        target=kept,
        after={"total": invoice.total, "findings": [finding.words for finding in found]},
    )


@atomic()
def release(hold: InvoiceHold, *, by: User, words: str) -> InvoiceHold:
    """Let the invoice go in spite of what was found; a worker numbers it at once."""
    return _decide(hold, InvoiceHold.Status.RELEASED, by=by, words=words)


@atomic()
def check_again(hold: InvoiceHold, *, by: User) -> InvoiceHold:
    """Have the invoice made and checked anew: what was wrong has been put right."""
    return _decide(hold, InvoiceHold.Status.AGAIN, by=by, words="")


def _decide(hold: InvoiceHold, status: InvoiceHold.Status, *, by: User, words: str) -> InvoiceHold:
    hold = InvoiceHold.objects.locked(hold.pk)
    if hold.status != InvoiceHold.Status.WAITING:
        raise Conflict(_("Somebody has decided this already."))
    hold.status, hold.words = status, words
    hold.decided_by, hold.decided_at = by, timezone.now()
    hold.save()
    audit.record(
        organization=hold.organization,
        actor=by,
        action=f"invoice.{'released' if words else 'checked_again'}",
        target=hold,
        after={"total": hold.total, "words": words},
    )
    # Lost, this bell costs an hour: the sweeps find what is no longer held.
    jobs.enqueue("billing.write_held")
    return hold


def kept_back(owners: Iterable[UUID]) -> dict[UUID, set[datetime]]:
    """Return by customer the beginnings of months that are or were held and have no invoice yet.

    No other invoice may tell of them as late usage.
    """
    held = InvoiceHold.objects.filter(organization__in=list(owners), order=None)
    written = Invoice.objects.filter(
        organization=OuterRef("organization"),
        kind=Invoice.Kind.USAGE,
        period_start=OuterRef("period_start"),
    )
    found: dict[UUID, set[datetime]] = {}
    for hold in held.filter(~Exists(written)):
        if hold.period_start:
            found.setdefault(hold.organization_id, set()).add(hold.period_start)
    return found


def let_go() -> list[Held]:
    """Return the months that no longer wait and are still to be invoiced, the oldest first."""
    decided = InvoiceHold.objects.filter(order=None).exclude(status=InvoiceHold.Status.WAITING)
    found: dict[tuple[Any, Any], Held] = {}
    unwritten = kept_back(decided.values_list("organization_id", flat=True))
    for hold in decided.select_related("organization").order_by("period_start"):
        start = hold.period_start
        if start and start in unwritten.get(hold.organization_id, ()):
            period = periods.containing(start, hold.organization.time_zone)
            found[hold.organization_id, start] = Held(hold.organization, period)
    return list(found.values())
