"""Writes a batch's results into the customer's files, and lets go of its lines."""

import tempfile
from datetime import timedelta
from typing import IO, Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.files import File
from django.utils import timezone

from common.errors import DomainError
from files.models import Purpose, StoredFile
from files.services import stored_files
from gateway.errors import GatewayError
from gateway.models import Batch, BatchLine, BatchStatus, request_id
from tenants.scope import scope
from tenants.services import audit

AT_ONCE = 20
ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
#: Why a line that was not run was not.
UNRUN = {
    BatchStatus.EXPIRED: (
        "batch_expired",
        "This request was not answered before the completion window closed.",
    ),
    BatchStatus.CANCELLED: ("batch_cancelled", "The batch was cancelled before this request ran."),
    BatchStatus.FAILED: ("batch_failed", "The batch was stopped before this request ran."),
}


class FileGone(GatewayError):
    """The customer deleted the file of a batch that runs."""

    code = "input_file_deleted"

    def __init__(self, message: str = "The input file was deleted while the batch ran.") -> None:
        super().__init__(message)


def write(batch: Batch, lease: UUID) -> None:
    """Keep answers in one file and errors in another, and end the batch; again is the same."""
    outcome, errors = BatchStatus(batch.outcome), batch.errors
    output: StoredFile | None = None
    refused: StoredFile | None = None
    try:
        answered = BatchLine.State.ANSWERED
        output = _kept(batch, "output", [answered])
        refused = _kept(batch, "errors", [BatchLine.State.REFUSED, BatchLine.State.WAITING])
    except DomainError as error:
        # The storage may not hold this customer's data any more.
        outcome = BatchStatus.FAILED
        errors = [{"code": error.code, "message": str(error.detail), "param": None, "line": None}]
    with scope(batch.organization_id):
        present = Batch.objects.locked(batch.pk)
        if present.lease != lease or present.status != batch.status:
            return
        present.output_file, present.error_file = output, refused
        present.errors = errors
        _end(present, outcome)


def _end(batch: Batch, outcome: BatchStatus) -> None:
    before = {"status": batch.status}
    batch.status = outcome
    batch.ended_at = timezone.now()
    batch.failed += batch.lines.filter(state=BatchLine.State.WAITING).count()
    batch.save()
    batch.lines.all().delete()
    audit.record(
        organization=batch.organization,
        actor=None,
        action="batch.ended",
        target=batch,
        before=before,
        after={"status": outcome, "completed": batch.completed, "failed": batch.failed},
    )


def _kept(batch: Batch, name: str, states: list[str]) -> StoredFile | None:
    """Keep the file of these lines, once; None when there are none."""
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as content:
        if not _fill(content, batch, states):
            return None
        kept_for = batch.results_kept_for
        return stored_files.keep(
            batch.organization,
            File(content),
            filename=f"{batch.public_id}_{name}.jsonl",
            purpose=Purpose.BATCH_OUTPUT,
            by=None,
            source_key=f"{batch.public_id}:{name}",
            expires_at=timezone.now() + timedelta(seconds=kept_for) if kept_for else None,
        )


def _fill(content: IO[bytes], batch: Batch, states: list[str]) -> int:
    """Write the lines in their order; returns how many there are."""
    count = 0
    with scope(batch.organization_id):
        for line in batch.lines.filter(state__in=states).iterator(chunk_size=AT_ONCE):
            content.write(_written(batch, line))
            count += 1
    content.seek(0)
    return count


def _written(batch: Batch, line: BatchLine) -> bytes:
    name = request_id(batch.pk.hex, line.number)
    facts: dict[str, Any] = {
        "id": name,
        "custom_id": line.custom_id,
        "response": None,
        "error": None,
    }
    if line.status_code:
        # Line ends stand between JSON's tokens only: without them the answer is one line.
        body = line.body.encode().translate(ONE_LINE)
        facts["response"] = {
            "status_code": line.status_code,
            "request_id": name,
            "body": msgspec.Raw(body),
        }
    if line.state == BatchLine.State.WAITING:
        code, message = UNRUN[BatchStatus(batch.outcome)]
        facts["error"] = {"code": code, "message": message}
    return msgspec.json.encode(facts) + b"\n"
