"""What billing writes to people about what is left and what could not be bought."""

from uuid import UUID

from django.utils.translation import gettext as _

from billing import agreements
from billing.models import (
    BalanceWatch,
    BillingProfile,
    CreditGrant,
    Invoice,
    InvoiceCharge,
    Order,
    TopUpRule,
)
from billing.payments.provider import NEEDS_PAYER
from billing.services import receiving, watching
from common import jobs
from common.money import Money, round_to_minor
from tenants import mails
from tenants.models import Permission
from tenants.scope import scope


def balance_alert(organization_id: UUID, told_at: str) -> None:
    """Write to those who manage billing how much is left and until when it will last.

    ``told_at`` is when that was noted; what has changed since is no news any more, or news of its
    own. Empty is whenever.
    """
    with scope(organization_id):
        watch = BalanceWatch.objects.select_related("organization").get()
        if told_at and (watch.told_at is None or watch.told_at.isoformat() != told_at):
            return
        organization, seen = watch.organization, watching.forecast(watch.organization)
        addresses = mails.who_may(organization, Permission.BILLING_MANAGE)
    context = {
        "organization": organization,
        "is_used_up": watch.told == BalanceWatch.Level.EXHAUSTED,
        "live": _money(seen.live),
        "per_day": _money(seen.per_day),
        "ends_at": seen.ends_at,
        "link": mails.link("billing:overview", organization.slug),
    }
    subject = (
        _("The credit of %(organization)s is used up")
        if context["is_used_up"]
        else _("The credit of %(organization)s gets low")
    )
    occasion = f"balance:{watch.pk}:{watch.told_at}"
    named = subject % {"organization": organization}
    mails.write(addresses, named, "balance", context, occasion=occasion)


def expiry_alert(organization_id: UUID, grant_id: UUID) -> None:
    """Write to those who manage billing that credit with something left expires soon."""
    with scope(organization_id):
        grant = CreditGrant.objects.select_related("organization", "wallet", "token_class").get(
            pk=grant_id
        )
        addresses = mails.who_may(grant.organization, Permission.BILLING_MANAGE)
    left = (
        f"{int(grant.remaining)} {grant.token_class.name}"
        if grant.token_class
        else _money(Money(grant.remaining, grant.wallet.currency))
    )
    context = {
        "organization": grant.organization,
        "left": left,
        "grant": grant,
        "link": mails.link("billing:overview", grant.organization.slug),
    }
    subject = _("Credit of %(organization)s expires soon")
    named = subject % {"organization": grant.organization}
    mails.write(addresses, named, "expiry", context, occasion=f"expiry:{grant.pk}")


def top_up_alert(organization_id: UUID, reason: str, order_id: str) -> None:
    """Write to those who manage billing why automatic top-up did not buy, and what to do."""
    with scope(organization_id):
        rule = TopUpRule.objects.select_related("organization", "bundle").get()
        addresses = mails.who_may(rule.organization, Permission.BILLING_MANAGE)
    slug = rule.organization.slug
    context = {
        "organization": rule.organization,
        "bundle": rule.bundle,
        "reason": reason,
        "cap": _money(rule.cap),
        "link": mails.link("billing:order-recover", slug, order_id)
        if reason == NEEDS_PAYER
        else mails.link("billing:automatic", slug),
    }
    subject = _("Automatic top-up of %(organization)s could not buy")
    named = subject % {"organization": rule.organization}
    mails.write(addresses, named, "top_up", context, occasion=jobs.running())


def charge_alert(organization_id: UUID, charge_id: UUID) -> None:
    """Write to those who manage billing why an invoice could not be charged, and what to do."""
    with scope(organization_id):
        charge = InvoiceCharge.objects.select_related("invoice__organization").get(pk=charge_id)
        invoice = charge.invoice
        addresses = mails.who_may(invoice.organization, Permission.BILLING_MANAGE)
    slug, number = invoice.organization.slug, invoice.number
    page = "billing:invoice-pay" if charge.waits_for_payer else "billing:invoice-detail"
    context = {
        "organization": invoice.organization,
        "invoice": invoice,
        "amount": _money(charge.worth),
        "reason": charge.failure,
        "waits_for_payer": charge.waits_for_payer,
        "link": mails.link(page, slug, number),
    }
    subject = _("Invoice %(number)s could not be charged")
    named = subject % {"number": number}
    mails.write(addresses, named, "charge", context, occasion=jobs.running())


def reminder(organization_id: UUID, invoice_id: UUID) -> None:
    """Write to those who manage billing, and to the billing addresses, what is overdue."""
    with scope(organization_id):
        invoice = Invoice.objects.select_related("organization").get(pk=invoice_id)
        profile = BillingProfile.objects.filter(organization=organization_id).first()
        addresses = {
            *mails.who_may(invoice.organization, Permission.BILLING_MANAGE),
            *(profile.emails if profile else []),
        }
        due = receiving.due(invoice)
    context = {
        "organization": invoice.organization,
        "invoice": invoice,
        "due": _money(due),
        "reference": invoice.payment_reference,
        "seller": invoice.seller,
        "link": mails.link("billing:invoice-detail", invoice.organization.slug, invoice.number),
    }
    subject = _("Reminder: invoice %(number)s is overdue")
    named = subject % {"number": invoice.number}
    mails.write(sorted(addresses), named, "reminder", context, occasion=jobs.running())


def proforma(organization_id: UUID, order_id: UUID) -> None:
    """Write to who ordered, and to the billing addresses, what to transfer and until when."""
    with scope(organization_id):
        order = Order.objects.select_related("organization", "placed_by").get(pk=order_id)
        profile = BillingProfile.objects.filter(organization=organization_id).first()
        issuer = order.issuer or agreements.issuer_of(order.organization)
        addresses = {order.placed_by.email, *(profile.emails if profile else [])}
    context = {
        "organization": order.organization,
        "order": order,
        "issuer": issuer,
        "total": _money(order.gross),
        "link": mails.link("billing:checkout-return", order.organization.slug, order.pk),
    }
    subject = _("Your order of %(bundle)s: what to transfer") % {"bundle": order.bundle_name}
    mails.write(sorted(addresses), subject, "proforma", context, occasion=f"proforma:{order.pk}")


def _money(amount: Money) -> str:
    return f"{round_to_minor(amount.amount, amount.currency)} {amount.currency}"
