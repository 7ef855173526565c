"""Asking for a batch, and taking that back."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from common import jobs
from common.database import atomic
from files.models import Purpose, StoredFile
from gateway.batches.errors import OperationMeansAnother, UnknownFile, WrongState
from gateway.models import Batch, BatchStatus
from tenants.models import ApiKey, Organization
from tenants.services import audit, restrictions

WINDOWS = {"24h": timedelta(hours=24)}


@atomic()
def create(
    organization: Organization,
    *,
    file: StoredFile | None,
    by: ApiKey,
    endpoint: str,
    completion_window: str,
    metadata: dict[str, str] | None = None,
    results_kept_for: int | None = None,
    operation_key: str | None = None,
) -> Batch:
    """Take the file's lines in; they are checked and run soon, with the rights of this key.

    The same operation key returns the batch it was first used for, though its file is gone since.
    """
    if file is None or file.purpose != Purpose.BATCH:
        raise UnknownFile(field_errors={"input_file_id": [UnknownFile.detail]})
    batch = Batch(
        organization=organization,
        operation_key=operation_key or None,
        api_key=by,
        endpoint=endpoint,
        completion_window=completion_window,
        metadata=metadata or {},
        results_kept_for=results_kept_for,
        input_file=file,
        expires_at=timezone.now() + WINDOWS[completion_window],
    )
    if not file.is_living:
        return _first(batch)
    restrictions.refuse_new(organization)
    try:
        with atomic():
            batch.save(force_insert=True)
    except IntegrityError as error:
        if "batch_once_per_operation" not in str(error):
            raise
        return _first(batch)
    facts = {"endpoint": endpoint, "input_file": file.public_id, "expires_at": batch.expires_at}
    _tell(batch, "batch.created", by, None, facts)
    ring(batch)
    return batch


def _first(batch: Batch) -> Batch:
    batches = Batch.objects.select_related("input_file", "output_file", "error_file")
    first = batches.filter(
        organization=batch.organization,
        operation_key=batch.operation_key,
        operation_key__isnull=False,
    ).first()
    if first is None:
        # Only of a file that is gone.
        raise UnknownFile(field_errors={"input_file_id": [UnknownFile.detail]})
    same = ("input_file_id", "endpoint", "completion_window", "metadata", "results_kept_for")
    if any(getattr(first, name) != getattr(batch, name) for name in same):
        raise OperationMeansAnother
    return first


@atomic()
def cancel(batch: Batch, *, by: ApiKey) -> Batch:
    """Start nothing more of it; what is answered already is kept. Twice is once."""
    batch = Batch.objects.locked(batch.pk)
    if batch.status == BatchStatus.CANCELLING:
        return batch
    if batch.status not in (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS):
        raise WrongState
    before = {"status": batch.status}
    batch.status = BatchStatus.CANCELLING
    batch.outcome = BatchStatus.CANCELLED
    batch.cancelling_at = timezone.now()
    batch.resumes_at = None
    batch.save()
    _tell(batch, "batch.cancelled", by, before, {"status": batch.status})
    ring(batch)
    return batch


def ring(batch: Batch) -> None:
    """Have the batch looked at once this is committed."""
    facts = {"organization_id": str(batch.organization_id), "batch_id": str(batch.pk)}
    jobs.enqueue("gateway.advance_batch", **facts)


def _tell(
    batch: Batch,
    action: str,
    by: ApiKey,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    audit.record(
        organization=batch.organization,
        actor=by,
        action=action,
        target=batch,
        before=before,
        after=after,
    )
