"""What billing writes to people about what is left and what could not be bought."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.models import BalanceWatch, BillingProfile, CreditGrant, Invoice, TopUpRule
from billing.services import orders, receiving, watching
from common.money import Money, round_to_minor
from tenants.models import GRANTS, Organization, Permission
from tenants.scope import scope


def balance_alert(organization_id: UUID) -> None:
    """Write to those who manage billing how much is left and until when it will last."""
    with scope(organization_id):
        watch = BalanceWatch.objects.select_related("organization").get()
        organization, seen = watch.organization, watching.forecast(watch.organization)
        addresses = _managers(organization)
    context = {
        "organization": organization,
        "is_used_up": watch.told == BalanceWatch.Level.EXHAUSTED,
        "live": _money(seen.live),
        "per_day": _money(seen.per_day),
        "ends_at": seen.ends_at,
        "link": _link("billing:overview", organization.slug),
    }
    subject = (
        _("The credit of %(organization)s is used up")
        if context["is_used_up"]
        else _("The credit of %(organization)s gets low")
    )
    _write(addresses, subject % {"organization": organization}, "balance", context)


def expiry_alert(organization_id: UUID, grant_id: UUID) -> None:
    """Write to those who manage billing that credit with something left expires soon."""
    with scope(organization_id):
        grant = CreditGrant.objects.select_related("organization", "wallet", "token_class").get(
            pk=grant_id
        )
        addresses = _managers(grant.organization)
    left = (
        f"{int(grant.remaining)} {grant.token_class.name}"
        if grant.token_class
        else _money(Money(grant.remaining, grant.wallet.currency))
    )
    context = {
        "organization": grant.organization,
        "left": left,
        "grant": grant,
        "link": _link("billing:overview", grant.organization.slug),
    }
    subject = _("Credit of %(organization)s expires soon")
    _write(addresses, subject % {"organization": grant.organization}, "expiry", context)


def top_up_alert(organization_id: UUID, reason: str, order_id: str) -> None:
    """Write to those who manage billing why automatic top-up did not buy, and what to do."""
    with scope(organization_id):
        rule = TopUpRule.objects.select_related("organization", "bundle").get()
        addresses = _managers(rule.organization)
    slug = rule.organization.slug
    context = {
        "organization": rule.organization,
        "bundle": rule.bundle,
        "reason": reason,
        "cap": _money(rule.cap),
        "link": _link("billing:order-recover", slug, order_id)
        if reason == orders.NEEDS_PAYER
        else _link("billing:automatic", slug),
    }
    subject = _("Automatic top-up of %(organization)s could not buy")
    _write(addresses, subject % {"organization": rule.organization}, "top_up", context)


def reminder(organization_id: UUID, invoice_id: UUID) -> None:
    """Write to those who manage billing, and to the billing addresses, what is overdue."""
    with scope(organization_id):
        invoice = Invoice.objects.select_related("organization").get(pk=invoice_id)
        profile = BillingProfile.objects.filter(organization=organization_id).first()
        addresses = {*_managers(invoice.organization), *(profile.emails if profile else [])}
        due = receiving.due(invoice)
    context = {
        "organization": invoice.organization,
        "invoice": invoice,
        "due": _money(due),
        "reference": invoice.payment_reference,
        "seller": invoice.seller,
        "link": _link("billing:invoice-detail", invoice.organization.slug, invoice.number),
    }
    subject = _("Reminder: invoice %(number)s is overdue")
    _write(sorted(addresses), subject % {"number": invoice.number}, "reminder", context)


def _managers(organization: Organization) -> list[str]:
    """Return the addresses of those who manage billing; the organization's scope must be open."""
    roles = [role for role, granted in GRANTS.items() if Permission.BILLING_MANAGE in granted]
    members = organization.memberships.filter(role__in=roles, user__is_active=True)
    return list(members.values_list("user__email", flat=True))


def _money(amount: Money) -> str:
    return f"{round_to_minor(amount.amount, amount.currency)} {amount.currency}"


def _link(name: str, *args: object) -> str:
    return settings.PUBLIC_URL + reverse(name, args=args)


def _write(addresses: list[str], subject: str, template: str, context: dict[str, Any]) -> None:
    context = {"operator": settings.OPERATOR, **context}
    for address in addresses:
        message = EmailMultiAlternatives(
            subject, render_to_string(f"emails/{template}.txt", context), to=[address]
        )
        html = render_to_string(f"emails/{template}.html", context)
        message.attach_alternative(html, "text/html")
        message.send()
