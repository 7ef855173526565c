"""Documents and running months for whoever opens them, who may pay for other organizations too.

What others used is read as the service: it stands on the payer's invoice, and nowhere else for it.
Called outside of scopes; what is returned asks the database for nothing but the document's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.utils import timezone

from billing import documents, evidence, groups, periods
from billing.documents import Document
from billing.evidence import Day
from billing.models import InvoiceLine, Payer
from billing.services import invoicing
from common.database import service
from common.money import Money
from tenants.models import Organization
from tenants.scope import scope

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Running:
    """The month that is running: what it comes to so far, and who is invoiced for whom."""

    period: periods.Period
    #: With tax; without, where somebody else pays.
    total: Money
    payer: Payer | None
    members: list[Payer]
    #: What was used without a price, by name: it is not in the total.
    unpriced: tuple[str, ...] = ()


def document(organization: Organization, reference: str) -> Document:
    """Return an invoice, a part of one or a month's draft, with all for whom the draft pays."""
    return _asked(organization, reference, lambda: documents.named(organization, reference))


def running(organization: Organization) -> Running:
    """Return the running month, with all for whom the organization pays."""
    period = periods.containing(timezone.now(), organization.time_zone)
    return _asked(organization, period.label, lambda: _running(organization, period))


def _running(organization: Organization, period: periods.Period) -> Running:
    payer = groups.payer_of(organization, period.label)
    members = list(groups.paid_for(organization, period.label))
    draft = (invoicing.preview if members else invoicing.draft)(organization, period)
    total = draft.net if payer else draft.total
    return Running(period, Money(total, draft.currency), payer, members, draft.unpriced)


def days(organization: Organization, line: InvoiceLine) -> list[Day]:
    """Return a line of the organization's invoice by day, whoever used what it tells of."""
    if line.used_by is None:
        with scope(organization):
            return evidence.days(organization, line)
    with service():
        used_by = Organization.objects.get(pk=line.used_by)
    late = evidence.late_days(used_by, line)
    if late is not None:
        return late
    with service():
        return evidence.days(used_by, line)


def _asked(organization: Organization, month: str, ask: Callable[[], T]) -> T:
    with scope(organization):
        pays = Payer.objects.during(month).filter(payer=organization).exists()
        if not pays:
            return ask()
    with service():
        return ask()
