"""What billing writes to people."""

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.models import BudgetWindow, CreditNote, Dispute
from common.database import service
from common.money import round_to_minor
from tenants.models import GRANTS, Permission
from tenants.scope import scope


def budget_alert(organization_id: UUID, window_id: UUID, percent: int) -> None:
    """Write to everybody who manages budgets how much of one is spent."""
    roles = [role for role, granted in GRANTS.items() if Permission.BILLING_MANAGE in granted]
    with scope(organization_id):
        window = BudgetWindow.objects.select_related("budget__organization").get(pk=window_id)
        members = window.organization.memberships.filter(role__in=roles, user__is_active=True)
        addresses = list(members.values_list("user__email", flat=True))
    budget = window.budget
    link = reverse("billing:budget-list", args=[budget.organization.slug])
    context = {
        "budget": budget,
        "window": window,
        "percent": percent,
        "spent": f"{round_to_minor(window.spent, budget.currency)} {budget.currency}",
        "amount": f"{round_to_minor(budget.amount, budget.currency)} {budget.currency}",
        "link": settings.PUBLIC_URL + link,
        "operator": settings.OPERATOR,
    }
    subject = _("%(percent)s %% of the budget “%(name)s” is spent")
    for address in addresses:
        message = EmailMultiAlternatives(
            subject % {"percent": percent, "name": budget.name},
            render_to_string("emails/budget.txt", context),
            to=[address],
        )
        message.attach_alternative(render_to_string("emails/budget.html", context), "text/html")
        message.send()


def dispute_decision(organization_id: UUID, dispute_id: UUID) -> None:
    """Write to who opened a dispute how it was decided."""
    with service():
        dispute = Dispute.objects.select_related("invoice", "opened_by", "organization").get(
            organization=organization_id, pk=dispute_id
        )
        note = CreditNote.objects.filter(correction__dispute=dispute).first()
    link = reverse("billing:dispute-detail", args=[dispute.organization.slug, dispute.pk])
    context = {
        "dispute": dispute,
        "note": note,
        "total": note and f"{round_to_minor(note.total, note.currency)} {note.currency}",
        "link": settings.PUBLIC_URL + link,
        "operator": settings.OPERATOR,
    }
    subject = _("Your dispute about invoice %(number)s") % {"number": dispute.invoice.number}
    message = EmailMultiAlternatives(
        subject, render_to_string("emails/dispute.txt", context), to=[dispute.opened_by.email]
    )
    message.attach_alternative(render_to_string("emails/dispute.html", context), "text/html")
    message.send()
