"""When work was announced beforehand: calls of that time are no part of what was promised."""

from datetime import datetime
from typing import Any

from metering import ports

#: Holds for quarters of an hour (``called``) that do not lie wholly in an announced window, in SQL.
NOT_MAINTAINED = """NOT EXISTS (
    SELECT FROM unnest(
        %(windows_start)s::timestamptz[], %(windows_end)s::timestamptz[],
        %(windows_offer)s::text[], %(windows_region)s::text[]
    ) AS announced(starts_at, ends_at, offer_name, region)
    WHERE announced.offer_name IN ('', called.offer_name)
        AND announced.region IN ('', called.region)
        AND called.starts_at >= announced.starts_at
        AND called.starts_at + interval '15 minutes' <= announced.ends_at
)"""


def parameters(start: datetime, end: datetime) -> dict[str, Any]:
    """Return what :data:`NOT_MAINTAINED` asks for, of windows that touch the period."""
    windows = ports.maintenance.windows(start, end)
    return {
        "windows_start": [it.starts_at for it in windows],
        "windows_end": [it.ends_at for it in windows],
        "windows_offer": [it.offer_name for it in windows],
        "windows_region": [it.region for it in windows],
    }
