"""Frees what dead gateway processes held."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.utils import timezone

from billing.models import HOLD, BudgetLease, BudgetWindow, CreditGrant, Lease
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
        silent = timezone.now() - LIFETIME
        stale = Lease.objects.of_processes().filter(heartbeat_at__lt=silent)
        grants = sorted(set(stale.values_list("grant_id", flat=True)))
        of_budgets = BudgetLease.objects.exclude(process_id__startswith=HOLD).filter(
            heartbeat_at__lt=silent
        )
        windows = sorted(set(of_budgets.values_list("window_id", flat=True)))
    freed = sum(_reclaim(grant_id) for grant_id in grants)
    return freed + sum(_reclaim_window(window_id) for window_id in windows)


def _reclaim(grant_id: UUID) -> int:
    """Free the stale leases of one grant; they are read again under the grant's lock."""
    with service():
        grant = CreditGrant.objects.locked(grant_id)
        stale = Lease.objects.of_processes().filter(
            grant_id=grant_id, heartbeat_at__lt=timezone.now() - LIFETIME
        )
        leases = list(stale.select_for_update())
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
        stale = BudgetLease.objects.exclude(process_id__startswith=HOLD).filter(
            window_id=window_id, heartbeat_at__lt=timezone.now() - LIFETIME
        )
        leases = list(stale.select_for_update())
        window.leased -= sum((lease.quantity for lease in leases), Decimal(0))
        window.save(update_fields=["leased"])
        BudgetLease.objects.filter(pk__in=[lease.pk for lease in leases]).delete()
        return len(leases)
