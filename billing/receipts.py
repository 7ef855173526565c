"""A receipt as it is sealed: one JSON text per request, the same to the last byte for ever.

``docs/receipts`` describes the text. Whoever needs another one makes a version of its own: what is
sealed was hashed as it stands here.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from metering.models import GPU_SECONDS, TOKEN_PARTS

VERSION = 1
#: What a receipt is made of: of ``metering_usageevent`` as e and ``billing_ratedusage`` as r.
COLUMNS = f"""
    e.id, e.organization_id, e.source, e.event_id, e.project_id, e.api_key_id, e.offer_name,
    e.region, e.policy::text AS policy, e.outcome, e.streamed, e.ttft_ms, e.latency_ms,
    e.occurred_at, e.recorded_at, {", ".join(f"e.{part}_tokens" for part in TOKEN_PARTS)},
    e.{GPU_SECONDS}, r.price_ids::text AS price_ids, r.amounts::text AS amounts, r.amount, r.currency,
    r.split::text AS split, r.uncovered
"""


def plain(number: Decimal | str) -> str:
    """Return a decimal as people write it: no zeros behind it, never in scientific notation."""
    return f"{Decimal(number).normalize():f}"


def moment(at: datetime) -> str:
    """Return an instant in UTC, to the microsecond."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def canonical(facts: Mapping[str, Any]) -> str:
    """Return facts as JSON without spaces, names in order, in UTF-8 as they are (RFC 8785)."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def document(row: Mapping[str, Any]) -> str:
    """Return the sealed text of a request whose row has the columns above."""
    amounts = json.loads(row["amounts"])
    tokens = {part: row[f"{part}_tokens"] for part in TOKEN_PARTS}
    return canonical(
        {
            "version": VERSION,
            "organization_id": str(row["organization_id"]),
            "source": row["source"],
            "request_id": row["event_id"],
            "project_id": str(row["project_id"]),
            "api_key_id": str(row["api_key_id"]) if row["api_key_id"] else None,
            "model": row["offer_name"],
            "region": row["region"],
            "policy": json.loads(row["policy"]),
            "outcome": row["outcome"],
            "streamed": row["streamed"],
            "ttft_ms": row["ttft_ms"],
            "latency_ms": row["latency_ms"],
            "occurred_at": moment(row["occurred_at"]),
            "recorded_at": moment(row["recorded_at"]),
            # Parts without tokens are left out: a new part changes no receipt of the past.
            "tokens": {part: count for part, count in tokens.items() if count},
            **_gpus(row),
            "price_ids": json.loads(row["price_ids"]),
            "amounts": {part: plain(amount) for part, amount in amounts.items()},
            "amount": plain(row["amount"]),
            "currency": row["currency"],
            "paid_by": [_paid(share) for share in json.loads(row["split"])],
            "uncovered": plain(row["uncovered"]),
        }
    )


def _gpus(row: Mapping[str, Any]) -> dict[str, int]:
    """Return for how long GPUs were held, where they were: of all others, nothing is said of it."""
    return {GPU_SECONDS: row[GPU_SECONDS]} if row[GPU_SECONDS] else {}


def _paid(share: Mapping[str, Any]) -> dict[str, str]:
    return {
        "grant": share["grant"],
        "quantity": plain(share["quantity"]),
        "amount": plain(share["amount"]),
    }
