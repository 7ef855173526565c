"""Invoices that look wrong wait for a person; they are not tried again and again.

What is held has no number and is written nowhere: it is computed anew when it is let go or checked
again, so nothing of it is lost and what was put right meanwhile counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import bounds, periods
from billing.bounds import Finding
from billing.einvoice import facts, rules
from billing.models import Invoice, InvoiceHold
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


def looked_at(write: Callable[[], T]) -> T:
    """Run a transaction that numbers a document, after what it asks of the rules is known.

    The sheets take seconds, and longer on a busy machine: no lock is held meanwhile. The
    transaction begins anew, so what it writes is what it computed last.
    """
    for _attempt in range(ATTEMPTS):
        try:
            return write()
        except rules.NotLookedAt as unknown:
            rules.look(unknown.facts)
    raise Conflict(_("The document changed each time it was checked; try again."))


def let_through(paper: Paper) -> bool:
    """Whether the invoice may get its number; what looks wrong is held for a person.

    What a person let go is held again only for what was not found then. One that was let go with
    broken rules is a document on paper: no electronic invoice that breaks them leaves the house.
    """
    invoice = paper.invoice
    found = InvoiceHold.objects.filter(organization=invoice.organization_id, **_subject(invoice))
    holds = list(found)
    if any(hold.status == InvoiceHold.Status.WAITING for hold in holds):
        return False
    released = [hold for hold in holds if hold.status == InvoiceHold.Status.RELEASED]
    allowed = {finding["code"] for hold in released for finding in hold.findings}
    odd, broken = _odd(paper), _broken(paper)
    if any(finding.code not in allowed for finding in [*odd, *broken]):
        _hold(invoice, [*odd, *broken])
        return False
    if broken:
        invoice.seller = {**invoice.seller, "is_electronic": False}
    return True


def _subject(invoice: Invoice) -> dict[str, Any]:
    if invoice.order is not None:
        return {"order": invoice.order}
    return {"period_start": invoice.period_start}


def _odd(paper: Paper) -> list[Finding]:
    invoice = paper.invoice
    if invoice.kind != Invoice.Kind.USAGE:
        return []
    earlier = Invoice.objects.filter(
        organization=invoice.organization_id,
        kind=Invoice.Kind.USAGE,
        period_start__lt=invoice.period_start,
    )
    before: list[Decimal] = list(
        earlier.order_by("-period_start").values_list("net", flat=True)[:BEFORE]
    )
    return bounds.findings(paper.lines, net=invoice.net, currency=invoice.currency, before=before)


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


def is_waiting(organization: Organization, period: periods.Period) -> bool:
    """Whether the month's invoice waits for a person."""
    held = InvoiceHold.objects.waiting().filter(organization=organization)
    return held.filter(period_start=period.start).exists()


def kept_back(organization: Organization) -> set[datetime]:
    """Return the beginnings of months that are or were held and have no invoice of their own yet.

    No other invoice may tell of them as late usage.
    """
    held = InvoiceHold.objects.filter(organization=organization, order=None)
    written = Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)
    starts = held.exclude(period_start__in=written.values("period_start"))
    return {start for start in starts.values_list("period_start", flat=True) if start}


def let_go() -> list[Held]:
    """Return the months that no longer wait and are still to be invoiced, the oldest first."""
    decided = InvoiceHold.objects.filter(order=None).exclude(status=InvoiceHold.Status.WAITING)
    found: dict[tuple[Any, Any], Held] = {}
    for hold in decided.select_related("organization").order_by("period_start"):
        if hold.period_start in kept_back(hold.organization):
            period = periods.containing(hold.period_start, hold.organization.time_zone)
            found[hold.organization_id, hold.period_start] = Held(hold.organization, period)
    return list(found.values())
