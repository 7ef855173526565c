"""Keeps a partition ready for every month to come, and drops those that are old enough."""

from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.utils import timezone

from common.database import current_connection, service
from metering import ports

log = structlog.get_logger(__name__)

TABLES = ("metering_usageevent", "billing_ratedusage")
MONTHS_AHEAD = 3
# Written in one transaction with their sums, so there should be none.
NOT_SUMMED = """
SELECT true FROM (
    SELECT organization_id, date_bin('15 minutes', occurred_at, 'epoch') AS starts_at, project_id,
        api_key_id, offer_name, region, count(*) AS requests
    FROM metering_usageevent WHERE recorded_at < %s GROUP BY 1, 2, 3, 4, 5, 6
) event LEFT JOIN metering_usagebucket bucket
    ON bucket.organization_id = event.organization_id AND bucket.starts_at = event.starts_at
    AND bucket.project_id = event.project_id AND bucket.offer_name = event.offer_name
    AND bucket.region = event.region AND bucket.api_key_id IS NOT DISTINCT FROM event.api_key_id
WHERE coalesce(bucket.requests, 0) < event.requests LIMIT 1
"""


def make() -> int:
    """Make the missing partitions of the coming months; answers how many were made."""
    with service(), current_connection().cursor() as cursor:
        made = 0
        for table in TABLES:
            cursor.execute("SELECT metering_make_partitions(%s, %s)", [table, MONTHS_AHEAD])
            made += cursor.fetchone()[0]
        return made


def drop() -> int:
    """Drop the months of facts that need no longer be kept; answers how many partitions went.

    Sums, invoices and the ledger stay for ever, and so do the events' keys: what is reported again
    is still known. Nothing goes while an invoice is still to tell of it, or its sums are missing.
    """
    if not settings.USAGE_MONTHS:
        return 0
    before = _months_ago(settings.USAGE_MONTHS)
    with service(), current_connection().cursor() as cursor:
        if untold := ports.invoices.untold(before):
            log.error("old_usage_is_on_no_invoice", organizations=list(untold)[:20])
            return 0
        cursor.execute(NOT_SUMMED, [before])
        if cursor.fetchone():
            log.error("old_usage_is_not_summed_up", before=before.isoformat())
            return 0
        dropped = 0
        for table in TABLES:
            cursor.execute("SELECT metering_drop_months(%s, %s)", [table, before])
            dropped += cursor.fetchone()[0]
        return dropped


def _months_ago(count: int) -> datetime:
    """Return the beginning of the month so many months before this one, in UTC."""
    now = timezone.now()
    year, month = divmod(now.year * 12 + now.month - 1 - count, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)
