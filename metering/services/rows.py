"""Many rows to PostgreSQL as one JSON parameter: one round trip, any number of rows."""

from collections.abc import Sequence
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="string")


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows for ``jsonb_to_recordset``; decimals stay exact, as strings."""
    return _encoder.encode(rows).decode()
