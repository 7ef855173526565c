"""Batches as OpenAI's clients write and read them."""

import uuid
from datetime import datetime
from typing import Any

from rest_framework import serializers

from gateway.batches.endpoints import ENDPOINTS
from gateway.batches.intake import WINDOWS
from gateway.models import PREFIX, Batch, BatchStatus
from gateway.usage import made, read
from tenants.key_api import Strict

MOST_METADATA = 16
HOUR, MONTH = 3600, 30 * 86_400
#: Which field tells when a batch came to this end.
ENDS = {
    BatchStatus.COMPLETED: "completed_at",
    BatchStatus.FAILED: "failed_at",
    BatchStatus.EXPIRED: "expired_at",
    BatchStatus.CANCELLED: "cancelled_at",
}


class KeptFor(Strict):
    """How long the files of the results are kept."""

    anchor = serializers.ChoiceField(["created_at"])
    seconds = serializers.IntegerField(min_value=HOUR, max_value=MONTH)


class BatchIn(Strict):
    """What a batch is asked for with."""

    input_file_id = serializers.CharField(max_length=50)
    endpoint = serializers.ChoiceField(sorted(ENDPOINTS))
    completion_window = serializers.ChoiceField(sorted(WINDOWS))
    metadata = serializers.DictField(
        child=serializers.CharField(max_length=512, allow_blank=True),
        required=False,
        allow_null=True,
    )
    output_expires_after = KeptFor(required=False, allow_null=True)

    def validate_metadata(self, value: dict[str, str] | None) -> dict[str, str]:
        """Hold it to OpenAI's size, and its names to what can be stored."""
        pairs = value or {}
        name = serializers.CharField(max_length=64)
        for key in pairs:
            name.run_validation(key)
        if len(pairs) > MOST_METADATA:
            raise serializers.ValidationError(f"At most {MOST_METADATA} pairs are kept.")
        return pairs


class PageIn(Strict):
    """Which batches, and how many."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    after = serializers.CharField(required=False, max_length=50)

    def validate_after(self, value: str) -> uuid.UUID:
        """Understand the id of the last page's last batch."""
        key = key_of(value)
        if key is None:
            raise serializers.ValidationError("This is no id of a batch.")
        return key


def key_of(text: str) -> uuid.UUID | None:
    """Return the key that ``/v1`` shows as this text; None when it shows none so."""
    try:
        key = uuid.UUID(hex=text.removeprefix(PREFIX))
    except ValueError:
        return None
    return key if text == PREFIX + key.hex else None


def batch_out(batch: Batch) -> dict[str, Any]:
    """Return the batch as OpenAI's clients know it."""
    facts: dict[str, Any] = {
        "id": batch.public_id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "input_file_id": batch.input_file.public_id,
        "completion_window": batch.completion_window,
        "status": batch.status,
        "created_at": _seconds(batch.created_at),
        "in_progress_at": _seconds(batch.in_progress_at),
        "expires_at": _seconds(batch.expires_at),
        "finalizing_at": _seconds(batch.finalizing_at),
        "cancelling_at": _seconds(batch.cancelling_at),
        "request_counts": {
            "total": batch.total,
            "completed": batch.completed,
            "failed": batch.failed,
        },
        "metadata": batch.metadata,
        "model": batch.model,
        "output_file_id": batch.output_file and batch.output_file.public_id,
        "error_file_id": batch.error_file and batch.error_file.public_id,
        **_ending(batch),
    }
    if batch.errors:
        facts["errors"] = {"object": "list", "data": batch.errors}
    if batch.usage:
        facts["usage"] = _usage(batch.usage)
    # What is not known yet is left out, as OpenAI does: nothing there may be null.
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _ending(batch: Batch) -> dict[str, Any]:
    if batch.ended_at is None:
        return {}
    return {ENDS[BatchStatus(batch.status)]: _seconds(batch.ended_at)}


def _usage(parts: dict[str, int]) -> dict[str, Any]:
    sent, written = read(parts), made(parts)
    return {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": parts.get("cached_input", 0)},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": parts.get("reasoning", 0)},
        "total_tokens": sent + written,
    }


def _seconds(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at else None
