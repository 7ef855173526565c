"""What billing writes to people."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import BudgetWindow, CreditNote, Dispute, Referral
from common import jobs
from common.database import service
from common.money import round_to_minor
from tenants import mails
from tenants.models import AbuseSignal, Permission
from tenants.scope import scope

#: For how many seconds a mail is nobody else's; one that could not be sent waits as long.
GUARDED = 600


def budget_alert(organization_id: UUID, window_id: UUID, percent: int) -> None:
    """Write to everybody who manages budgets how much of one is spent."""
    with scope(organization_id):
        window = BudgetWindow.objects.select_related("budget__organization").get(pk=window_id)
        addresses = mails.who_may(window.organization, Permission.BILLING_MANAGE)
    budget = window.budget
    context = {
        "budget": budget,
        "window": window,
        "percent": percent,
        "spent": f"{round_to_minor(window.spent, budget.currency)} {budget.currency}",
        "amount": f"{round_to_minor(budget.amount, budget.currency)} {budget.currency}",
        "link": mails.link("billing:budget-list", budget.organization.slug),
    }
    subject = _("%(percent)s %% of the budget “%(name)s” is spent")
    named = subject % {"percent": percent, "name": budget.name}
    mails.write(addresses, named, "budget", context, occasion=jobs.running())


def dispute_decision(organization_id: UUID, dispute_id: UUID) -> None:
    """Write to who opened a dispute how it was decided; to who manages billing if they have left."""
    with service():
        dispute = Dispute.objects.select_related("invoice", "opened_by", "organization").get(
            organization=organization_id, pk=dispute_id
        )
        note = CreditNote.objects.filter(correction__dispute=dispute).first()
        may_read = mails.who_may(dispute.organization, Permission.BILLING_READ)
        in_charge = mails.who_may(dispute.organization, Permission.BILLING_MANAGE)
    opener = dispute.opened_by.email
    context = {
        "dispute": dispute,
        "note": note,
        "total": note and f"{round_to_minor(note.total, note.currency)} {note.currency}",
        "link": mails.link("billing:dispute-detail", dispute.organization.slug, dispute.pk),
    }
    subject = _("Your dispute about invoice %(number)s") % {"number": dispute.invoice.number}
    # Who has left reads no more of it: those who manage billing go on with what they began.
    addresses = [opener] if opener in may_read else in_charge
    mails.write(addresses, subject, "dispute", context, occasion=f"dispute:{dispute.pk}")


def spend_alert(organization_id: UUID, signal_id: UUID) -> None:
    """Write to those who manage billing how much more is spent than usual, and what they can do."""
    with service():
        found = AbuseSignal.objects.select_related("organization", "api_key")
        signal = found.get(organization=organization_id, pk=signal_id)
        addresses = mails.who_may(signal.organization, Permission.BILLING_MANAGE)
    figures, slug = signal.figures, signal.organization.slug
    context = {
        "organization": signal.organization,
        "api_key": signal.api_key,
        "is_hour": figures["window"] == "hour",
        **{
            name: f"{round_to_minor(Decimal(figures[name]), figures['currency'])} {figures['currency']}"
            for name in ("spent", "usual")
        },
        "link": mails.link("portal:usage", slug),
        "budgets": mails.link("billing:budget-list", slug),
    }
    subject = _("%(organization)s spends more than usual")
    named = subject % {"organization": signal.organization}
    mails.write(addresses, named, "spend", context, occasion=jobs.running())


def referral(referral_id: UUID) -> None:
    """Write to those who manage billing what they were credited for a customer they referred; once.

    Two workers do not write it twice. A worker that dies after sending and before it has noted so
    sends it again: better twice than never.
    """
    guard = f"mailing:referral:{referral_id}"
    if not cache.add(guard, 1, timeout=GUARDED):
        return
    with service():
        untold = Referral.objects.untold()
        found = untold.select_related("organization", "terms", "referrer_grant")
        told = found.filter(pk=referral_id).first()
        addresses = mails.who_may(told.organization, Permission.BILLING_MANAGE) if told else []
    if told is not None:
        _write_of_referral(told, addresses)
        with service():
            untold.filter(pk=referral_id).update(told_at=timezone.now())
    cache.delete(guard)


def _write_of_referral(told: Referral, addresses: Iterable[str]) -> None:
    given, terms = told.referrer_grant, told.terms
    # The database lets nothing be credited without.
    assert given is not None and terms is not None  # noqa: S101, PT018
    currency = terms.currency
    context = {
        "organization": told.organization,
        "amount": f"{round_to_minor(given.granted, currency)} {currency}",
        "expires_at": given.expires_at,
        "link": mails.link("billing:referrals", told.organization.slug),
    }
    subject, occasion = _("You were credited for a new customer"), f"referral:{told.pk}"
    mails.write(addresses, subject, "referral", context, occasion=occasion)
