"""Frees what dead gateway processes held."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.utils import timezone

from billing.models import BudgetLease, BudgetWindow, CreditGrant, Lease
from common.database import service

log = structlog.get_logger(__name__)

#: How long a silent process keeps its leases: time to restart it and replay its journal.
LIFETIME = timedelta(minutes=15)


def reclaim_dead() -> int:
    """Free every lease whose process has been silent for too long; answers how many.

    What such a process delivered and never reports is the operator's loss: at most what it held,
    which the log says. Usage that it reports later draws on what is free then (``billing.purses``).
    """
    with service():
        stale = Lease.objects.filter(heartbeat_at__lt=timezone.now() - LIFETIME)
        grants = sorted(set(stale.values_list("grant_id", flat=True)))
        of_budgets = BudgetLease.objects.filter(heartbeat_at__lt=timezone.now() - LIFETIME)
        windows = sorted(set(of_budgets.values_list("window_id", flat=True)))
    freed = sum(_reclaim(grant_id) for grant_id in grants)
    return freed + sum(_reclaim_window(window_id) for window_id in windows)


def _reclaim(grant_id: UUID) -> int:
    """Free the stale leases of one grant; they are read again under the grant's lock."""
    with service():
        grant = CreditGrant.objects.locked(grant_id)
        stale = Lease.objects.filter(
            grant_id=grant_id, heartbeat_at__lt=timezone.now() - LIFETIME
        ).select_for_update()
        leases = list(stale)
        grant.leased -= sum((lease.quantity for lease in leases), Decimal(0))
        grant.save(update_fields=["leased", "updated_at"])
        Lease.objects.filter(pk__in=[lease.pk for lease in leases]).delete()
    for lease in leases:
        log.warning(
            "lease_of_lost_process_given_back",
            process=lease.process_id,
            organization=str(grant.organization_id),
            grant=str(grant_id),
            unit=grant.unit,
            operator_loses_at_most=str(lease.quantity),
        )
    return len(leases)


def _reclaim_window(window_id: UUID) -> int:
    """Free the stale leases of one window of a budget, read again under the window's lock."""
    with service():
        window = BudgetWindow.objects.locked(window_id)
        stale = BudgetLease.objects.filter(
            window_id=window_id, heartbeat_at__lt=timezone.now() - LIFETIME
        ).select_for_update()
        leases = list(stale)
        window.leased -= sum((lease.quantity for lease in leases), Decimal(0))
        window.save(update_fields=["leased"])
        BudgetLease.objects.filter(pk__in=[lease.pk for lease in leases]).delete()
        return len(leases)
