"""Tells customers' own systems what happened, in the transaction in which it happens."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from billing import webhook_types as types
from billing.models import BudgetWindow, CreditGrant, Invoice, InvoiceCharge, Order
from tenants.services import webhooks


def plain(amount: Decimal) -> str:
    """Return the amount as programs read it: all its digits, no zeros behind them."""
    return f"{amount.normalize():f}"


def invoices_finalized(invoices: Iterable[Invoice]) -> None:
    """Tell of new invoices."""
    facts = [(it.organization_id, str(it.pk), _invoice(it)) for it in invoices]
    webhooks.emit_all(types.INVOICE_FINALIZED, facts)


def invoice_paid(invoice: Invoice) -> None:
    """Tell that an invoice is paid."""
    key, data = str(invoice.pk), _invoice(invoice)
    webhooks.emit(invoice.organization_id, types.INVOICE_PAID, key=key, data=data)


def _invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice": invoice.number,
        "kind": invoice.kind,
        "status": invoice.status,
        "net": plain(invoice.net),
        "tax": plain(invoice.tax),
        "total": plain(invoice.total),
        "currency": invoice.currency,
        "issued_at": invoice.issued_at.isoformat(),
        "due_at": invoice.due_at.isoformat(),
    }


def order(order: Order, type: str, *, reason: str = "") -> None:
    """Tell how the payment of an order went."""
    data = {
        "order": str(order.pk),
        "bundle": order.bundle_name,
        "total": plain(order.total),
        "currency": order.currency,
        "status": str(order.status),
        **({"reason": reason} if reason else {}),
    }
    webhooks.emit(order.organization_id, type, key=f"{order.pk}:{reason}", data=data)


def charge(charge: InvoiceCharge, type: str, *, reason: str = "") -> None:
    """Tell how an attempt at paying an invoice went."""
    data = {
        "invoice": charge.invoice.number,
        "total": plain(charge.amount),
        "currency": charge.currency,
        "status": str(charge.status),
        **({"reason": reason} if reason else {}),
    }
    webhooks.emit(charge.organization_id, type, key=f"{charge.pk}:{reason}", data=data)


def grant_created(given: CreditGrant) -> None:
    """Tell of new credit."""
    webhooks.emit(given.organization_id, types.GRANT_CREATED, key=str(given.pk), data=_grant(given))


def grant_expiring(given: CreditGrant) -> bool:
    """Tell, once, of credit that will be gone soon; answers whether it was new."""
    told = webhooks.emit(
        given.organization_id, types.GRANT_EXPIRING, key=str(given.pk), data=_grant(given)
    )
    return told is not None


def _grant(given: CreditGrant) -> dict[str, Any]:
    return {
        "grant": str(given.pk),
        "kind": given.kind,
        "unit": given.unit,
        "granted": plain(given.granted),
        "remaining": plain(given.remaining),
        "effective_from": given.effective_from.isoformat(),
        "expires_at": given.expires_at.isoformat() if given.expires_at else None,
    }


def budget_reached(window: BudgetWindow, percent: int) -> None:
    """Tell that so much of a budget is spent; all of it is an event of its own."""
    budget = window.budget
    data = {
        "budget": str(budget.pk),
        "name": budget.name,
        "percent": percent,
        "spent": plain(window.spent),
        "amount": plain(budget.amount),
        "currency": budget.currency,
        "until": window.ends_at.isoformat(),
        "stops_requests": budget.is_hard,
    }
    # What a raised budget tells again is another fact, of another amount.
    key = f"{window.pk}:{percent}:{plain(budget.amount)}"
    webhooks.emit(budget.organization_id, types.BUDGET_REACHED, key=key, data=data)
    if percent >= 100:
        webhooks.emit(budget.organization_id, types.BUDGET_EXCEEDED, key=key, data=data)
