"""Doorbells of billing; the tables in ``portal.celery`` say when they ring."""

from celery import shared_task

from billing.services import credits, invoicing, leases, orders


@shared_task(name="billing.reconcile_payments")
def reconcile_payments() -> None:
    """Act on the provider's events that never reached us."""
    orders.reconcile()


@shared_task(name="billing.close_periods")
def close_periods() -> None:
    """Finalize the invoices of the month that has ended."""
    invoicing.close_periods()


@shared_task(name="billing.expire_grants")
def expire_grants() -> None:
    """Book what is left of credit that is over."""
    credits.expire_due()


@shared_task(name="billing.reclaim_leases")
def reclaim_leases() -> None:
    """Free what dead gateway processes held."""
    leases.reclaim_dead()
