"""Who pays for whom: organizations of one legal customer on one invoice.

Called as the service, but for what says otherwise.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from billing import periods
from billing.models import Invoice, InvoiceLine, InvoicePart, Payer
from billing.periods import Period
from tenants.models import Organization

#: Between the name of an organization and the part of it that a line belongs to.
BETWEEN = " · "
#: What a line keeps of a section's name.
LONGEST = 120


def this_month(organization: Organization) -> str:
    """Return the running month of the organization's own time zone."""
    return periods.containing(timezone.now(), organization.time_zone).label


def payer_of(organization: Organization, month: str) -> Payer | None:
    """Return who pays for the organization's month; None where it pays itself. In a scope, too."""
    return Payer.objects.during(month).filter(organization=organization).first()


def paid_for(payer: Organization, month: str) -> QuerySet[Payer]:
    """Return for whom an organization pays in a month or later."""
    return Payer.objects.not_over(month).filter(payer=payer).select_related("organization")


def payers(organization: Organization) -> QuerySet[Payer]:
    """Return all who paid, pay or will pay for the organization, the first first."""
    return paid_by(organization).select_related("payer")


def paid_by(organization: Organization) -> QuerySet[Payer]:
    """Return the same by the names of the day on which it was agreed. In a scope, too."""
    return Payer.objects.filter(organization=organization).order_by("first_month")


def agreed() -> QuerySet[Payer]:
    """Return all who pay for somebody, with both."""
    return Payer.objects.select_related("organization", "payer")


def members(payer: Organization, month: str) -> list[Organization]:
    """Return for which other organizations one pays in a month, by name."""
    held = Payer.objects.during(month).filter(payer=payer).values("organization")
    return list(Organization.objects.filter(pk__in=held).order_by("name", "pk"))


def around(organization: Organization) -> tuple[Organization, list[Organization]]:
    """Return who pays for the organization now, itself mostly, and for whom that one pays."""
    found = payer_of(organization, this_month(organization))
    payer = found.payer if found else organization
    return payer, members(payer, this_month(payer))


def locked(payer: Organization, month: str) -> list[Organization] | None:
    """Return the members, locked with their payer in one order; None if they changed meanwhile."""
    before = {it.pk for it in members(payer, month)}
    for pk in sorted({payer.pk, *before}):
        Organization.objects.locked(pk)
    found = members(payer, month)
    return found if {it.pk for it in found} == before else None


def invoiced(organization: Organization) -> datetime | None:
    """Return when the latest month of the organization was invoiced, on whosesoever invoice."""
    own = Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)
    parts = InvoicePart.objects.filter(organization=organization)
    found = [
        *own.order_by("-period_start").values_list("period_start", "issued_at")[:1],
        *parts.order_by("-period_start").values_list("period_start", "issued_at")[:1],
    ]
    # The last month, not the last document: a month that was held is written after later ones.
    return max(found)[1] if found else None


def is_invoiced(organization: Organization, month: Period) -> bool:
    """Whether the organization's month stands on an invoice, its own or another's."""
    own = Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)
    parts = InvoicePart.objects.filter(organization=organization, period_start=month.start)
    return own.filter(period_start=month.start).exists() or parts.exists()


def lines(organization: Organization) -> QuerySet[InvoiceLine]:
    """Return all lines about the organization's own usage, whoever was invoiced."""
    own = Q(organization=organization, used_by=None)
    return InvoiceLine.objects.filter(own | Q(used_by=organization.pk))


def told(organization: Organization, month: Period) -> list[InvoiceLine]:
    """Return what invoices say of the organization's month, by the sections of its own."""
    own = Q(used_by=None, invoice__kind=Invoice.Kind.USAGE, invoice__period_start=month.start)
    parts = InvoicePart.objects.filter(organization=organization, period_start=month.start)
    others = Q(used_by=organization.pk, invoice__in=parts.values("invoice"))
    of_month = Q(corrects=month.start) | Q(corrects=None) & (own | others)
    found = list(lines(organization).filter(of_month))
    names = {*_names(organization), organization.name}
    for line in found:
        line.section = own_section(line.section, names)
    return found


def _names(organization: Organization) -> Iterable[str]:
    parts = InvoicePart.objects.filter(organization=organization)
    return parts.order_by().values_list("name", flat=True).distinct()


def parts(organization: Organization) -> QuerySet[InvoicePart]:
    """Return what of the organization stands on others' invoices, newest first. In a scope, too."""
    return InvoicePart.objects.filter(organization=organization)


def names_on(organization: Organization, parts: Iterable[InvoicePart]) -> set[str]:
    """Return what an invoice with these parts calls an organization, and what it is called now."""
    found = {it.name for it in parts if it.organization_id == organization.pk}
    return (
        found
        | {it.payer_name for it in parts if it.payer_id == organization.pk}
        | {organization.name}
    )


def parts_of(invoice: Invoice) -> QuerySet[InvoicePart]:
    """Return the parts of others on an invoice. In a scope, too."""
    return InvoicePart.objects.filter(invoice=invoice)


def section(name: str, own: str) -> str:
    """Return the section of a line on an invoice of several organizations."""
    return (f"{name}{BETWEEN}{own}" if own else name)[:LONGEST]


def own_section(written: str, names: Iterable[str]) -> str:
    """Return the same as the organization itself divides its usage."""
    for name in names:
        if written == name:
            return ""
        if written.startswith(f"{name}{BETWEEN}"):
            return written.removeprefix(f"{name}{BETWEEN}")
    return written
