"""Who pays for whom: organizations of one legal customer on one invoice.

Called as the service, but for what says otherwise.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from billing import periods
from billing.models import Invoice, InvoiceLine, InvoicePart, Payer
from billing.periods import Period
from tenants.models import Organization

#: Between the name of an organization and the part of it that a line belongs to.
BETWEEN = " · "
#: What a line keeps of a section's name.
LONGEST = 120
#: How many letters of its hash tell a name that was cut from others.
MARK = 6
#: Whose month, by its first instant.
Told = tuple[UUID, datetime]


def this_month(organization: Organization) -> str:
    """Return the running month of the organization's own time zone."""
    return periods.containing(timezone.now(), organization.time_zone).label


def payer_of(organization: Organization, month: str) -> Payer | None:
    """Return who pays for the organization's month; None where it pays itself. In a scope, too."""
    return Payer.objects.during(month).filter(organization=organization).first()


def paid_for_by_others(organizations: Iterable[UUID], month: str) -> set[UUID]:
    """Return for which of the organizations another one pays in a month."""
    held = Payer.objects.during(month).filter(organization__in=organizations)
    return set(held.values_list("organization_id", flat=True))


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


def is_in_group(organization: Organization) -> bool:
    """Whether it pays for somebody this month, or somebody for it. In a scope, too."""
    held = Payer.objects.during(this_month(organization))
    return held.filter(Q(organization=organization) | Q(payer=organization)).exists()


def locked(payers: Iterable[UUID], month: str) -> list[list[Organization]]:
    """Return each payer with its members, by name, all locked in one order.

    Whose members changed meanwhile is left out: the next round looks again.
    """
    before = _pairs(payers, month)
    held = {it.pk: it for it in Organization.objects.all_locked({*before, *_all(before)})}
    after = _pairs(payers, month)
    return [
        [held[pk], *sorted((held[its] for its in after[pk]), key=lambda it: (it.name, it.pk))]
        for pk in sorted(held.keys() & before.keys())
        if before[pk] == after[pk]
    ]


def _pairs(payers: Iterable[UUID], month: str) -> dict[UUID, set[UUID]]:
    found: dict[UUID, set[UUID]] = {pk: set() for pk in payers}
    held = Payer.objects.during(month).filter(payer__in=found)
    for payer, member in held.order_by().values_list("payer_id", "organization_id"):
        found[payer].add(member)
    return found


def _all(members: Mapping[UUID, set[UUID]]) -> set[UUID]:
    return {pk for those in members.values() for pk in those}


def invoiced(organizations: Iterable[UUID]) -> dict[UUID, datetime]:
    """Return when the latest month of each was invoiced, on whosesoever invoice."""
    asked = list(organizations)
    own = Invoice.objects.filter(organization__in=asked, kind=Invoice.Kind.USAGE)
    parts = InvoicePart.objects.filter(organization__in=asked)
    # The last month, not the last document: a month that was held is written after later ones.
    found: dict[UUID, tuple[Any, datetime]] = {}
    for documents in (own, parts):
        latest = documents.order_by("organization_id", "-period_start").distinct("organization_id")
        for pk, start, issued_at in latest.values_list(
            "organization_id", "period_start", "issued_at"
        ):
            found[pk] = max(found.get(pk, (start, issued_at)), (start, issued_at))
    return {pk: issued_at for pk, (_start, issued_at) in found.items()}


def is_invoiced(organization: Organization, month: Period) -> bool:
    """Whether the organization's month stands on an invoice, its own or another's."""
    own = Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)
    parts = InvoicePart.objects.filter(organization=organization, period_start=month.start)
    return own.filter(period_start=month.start).exists() or parts.exists()


def told(months: Iterable[tuple[Organization, Period]]) -> dict[Told, list[InvoiceLine]]:
    """Return what invoices say of organizations' months, by the sections of each one's own."""
    asked = list(months)
    names = {it.pk: {it.name} for it, _month in asked}
    starts = {month.start for _it, month in asked}
    parts: dict[tuple[UUID, UUID], datetime] = {}
    for part in InvoicePart.objects.filter(organization__in=names).defer("seller", "buyer"):
        names[part.organization_id].add(part.name)
        parts[part.organization_id, part.invoice_id] = part.period_start
    own = Q(used_by=None, invoice__kind=Invoice.Kind.USAGE, invoice__period_start__in=starts)
    others = Q(used_by__in=names, invoice__in={invoice for _owner, invoice in parts})
    of_months = Q(corrects__in=starts) | Q(corrects=None) & (own | others)
    found: dict[Told, list[InvoiceLine]] = {}
    for line in _lines(names).filter(of_months).annotate(start=F("invoice__period_start")):
        owner = line.used_by or line.organization_id
        start = parts[owner, line.invoice_id] if line.used_by and not line.corrects else line.start
        line.section = own_section(line.section, names[owner])
        found.setdefault((owner, line.corrects or start), []).append(line)
    return found


def told_later(organizations: Iterable[UUID], starts: Iterable[datetime]) -> set[Told]:
    """Return which of their months another month's invoice has told of already."""
    corrected = _lines(organizations).filter(corrects__in=set(starts)).order_by()
    each = corrected.values_list("organization_id", "used_by", "corrects").distinct()
    return {(used_by or owner, start) for owner, used_by, start in each if start}


def _lines(organizations: Iterable[UUID]) -> QuerySet[InvoiceLine]:
    asked = list(organizations)
    own = Q(organization__in=asked, used_by=None)
    return InvoiceLine.objects.filter(own | Q(used_by__in=asked))


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
    return cut(f"{name}{BETWEEN}{own}" if own else name)


def cut(name: str) -> str:
    """Return what a line keeps of a section's name; two that differ only late stay two sections."""
    if len(name) <= LONGEST:
        return name
    mark = f"… {hashlib.sha256(name.encode()).hexdigest()[:MARK]}"
    return name[: LONGEST - len(mark)] + mark


def own_section(written: str, names: Iterable[str]) -> str:
    """Return the same as the organization itself divides its usage."""
    for name in names:
        if written == name:
            return ""
        if written.startswith(f"{name}{BETWEEN}"):
            return written.removeprefix(f"{name}{BETWEEN}")
    return written
