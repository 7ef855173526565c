"""What metering answers to the questions of the apps below it."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from metering.models import UsageBucket
from tenants import ports
from tenants.models import Organization

#: How far back the last use of a key is looked for.
LOOK_BACK = timedelta(days=90)


class KeyUse:
    """What keys were used for, as the sums by quarter of an hour tell it."""

    def of(self, organization: Organization) -> Mapping[UUID, ports.Use]:
        """Return, by key, its use in the last three months; keys without any are left out."""
        now = timezone.now()
        buckets = UsageBucket.objects.filter(
            organization=organization, api_key_id__isnull=False, starts_at__gte=now - LOOK_BACK
        )
        newest = buckets.order_by("api_key_id", "-starts_at").distinct("api_key_id")
        last_day = dict(
            buckets.filter(starts_at__gte=now - timedelta(days=1))
            .values_list("api_key_id")
            .annotate(Sum("requests"))
        )
        return {
            key: ports.Use(at, model, last_day.get(key, 0))
            for key, at, model in newest.values_list("api_key_id", "starts_at", "offer_name")
        }


ports.key_use = KeyUse()
