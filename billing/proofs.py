"""The proof of one receipt, as its organization reads it; for the pages."""

from typing import Any

from billing import receipts, seals
from common.database import rows
from metering.models import UsageEvent

RECEIPT = f"""
SELECT {receipts.COLUMNS}
FROM metering_usageevent e JOIN billing_ratedusage r
    ON r.organization_id = e.organization_id AND r.recorded_at = e.recorded_at AND r.id = e.id
WHERE e.organization_id = %(organization)s AND e.recorded_at = %(recorded_at)s AND e.id = %(id)s
"""  # noqa: S608 - the names are the receipt's own


def of(event: UsageEvent) -> dict[str, Any] | None:
    """Return what proves that the receipt stands as it was sealed; None while it is not sealed."""
    asked = {
        "organization": event.organization_id,
        "recorded_at": event.recorded_at,
        "id": event.pk,
    }
    for row in rows(RECEIPT, asked):
        for found in rows(seals.PROOF, row):
            return seals.proof(found, receipts.document(row))
    return None
