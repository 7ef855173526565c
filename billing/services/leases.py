"""Frees what dead gateway processes held."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.utils import timezone

from billing.models import CreditGrant, Lease
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
    return sum(_reclaim(grant_id) for grant_id in grants)


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
