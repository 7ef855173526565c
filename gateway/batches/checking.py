"""Checks a batch's file as a whole: with the verdict its lines are written, or none of them is."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
from django.utils import timezone

from common.database import atomic, service
from files import blobs
from gateway import offers, policy
from gateway.batches import standing
from gateway.batches.core import for_batches
from gateway.batches.endpoints import ENDPOINTS
from gateway.batches.validation import LARGEST_FILE, Check, Line, Problem, Unfit, examine
from gateway.errors import GatewayError
from gateway.keys import Caller
from gateway.models import Batch, BatchLine, BatchStatus
from marketplace import queries
from marketplace.queries import OfferSnapshot
from tenants.models.classification import strictest
from tenants.scope import scope
from tenants.services import audit

AT_ONCE = 1000


class Unusable(Exception):
    """The file fails as a whole; what was written of it is undone."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("the file cannot be used")
        self.problems = problems


class Overtaken(Exception):
    """The batch was cancelled, or another worker has it: our verdict does not count."""


def check(batch: Batch, lease: UUID) -> None:
    """Read the file once: the batch runs then, or has failed with what is wrong with it."""
    found = _examined(batch)
    with scope(batch.organization_id), suppress(Overtaken):
        try:
            with atomic():
                _write(batch, lease, _taken_in(batch, found))
        except Unusable as unusable:
            _write(batch, lease, _failed(unusable.problems))


def _examined(batch: Batch) -> Iterator[Line | Problem]:
    """Return the lines of the file and its problems, read as they are asked for."""
    if batch.input_file.bytes > LARGEST_FILE:
        message = f"A batch's file has {LARGEST_FILE:,} bytes at most."
        return iter([Problem("file_too_large", message)])
    try:
        fit = _fit(standing.caller_of(batch.api_key_id), batch)
    except GatewayError as error:
        return iter([Problem(error.code, error.message)])
    return _read(batch, fit)


def _read(batch: Batch, fit: Check) -> Iterator[Line | Problem]:
    try:
        with blobs.open_blob(blobs.of(batch.input_file)) as content:
            yield from examine(content, batch.endpoint, fit)
    except FileNotFoundError:
        yield Problem("input_file_deleted", "The file was deleted before it was checked.")


def _fit(caller: Caller, batch: Batch) -> Check:
    """Return the check whether this key may call a model here; offers are read once."""
    with service():
        known = {
            offer.name: offer
            for offer in queries.snapshot(caller.currency, special=caller.price_books)
        }
    kinds = ENDPOINTS[batch.endpoint].kinds

    def fit(model: str) -> None:
        why = _why_not(caller, known.get(model), model, kinds)
        if why is not None:
            raise Unfit(*why, "body.model")

    return fit


def _why_not(
    caller: Caller, offer: OfferSnapshot | None, model: str, kinds: tuple[str, ...]
) -> tuple[str, str] | None:
    """Return code and sentence of what forbids the model; None when nothing does."""
    if offer is None or not offers.is_named(caller, offer):
        words = f"The model '{model[:100]}' does not exist or this key may not use it."
        return "model_not_found", words
    try:
        policy.check(caller, offer, strictest(*caller.classifications))
    except GatewayError as refusal:
        return refusal.code, refusal.message
    if offer.kind not in kinds:
        return "model_not_supported", f"The model '{model}' is not for this endpoint."
    try:
        for_batches(offer)
    except GatewayError as error:
        return error.code, error.message
    return None


def _taken_in(batch: Batch, found: Iterator[Line | Problem]) -> dict[str, Any]:
    """Write the lines; raise when one of them, or the file, cannot be used."""
    rows: list[BatchLine] = []
    problems: list[Problem] = []
    models: set[str] = set()
    total = 0
    for each in found:
        if isinstance(each, Problem):
            problems.append(each)
            continue
        total += 1
        models.add(each.model)
        rows.append(_row(batch, each))
        if len(rows) >= AT_ONCE:
            BatchLine.objects.bulk_create(rows)
            rows = []
    if problems:
        raise Unusable(problems)
    BatchLine.objects.bulk_create(rows)
    return {
        "status": BatchStatus.IN_PROGRESS,
        "in_progress_at": timezone.now(),
        "total": total,
        "model": models.pop() if len(models) == 1 else "",
    }


def _row(batch: Batch, line: Line) -> BatchLine:
    return BatchLine(
        organization_id=batch.organization_id,
        batch=batch,
        number=line.number,
        custom_id=line.custom_id,
        begins=line.begins,
        size=line.size,
    )


def _failed(problems: list[Problem]) -> dict[str, Any]:
    return {
        "status": BatchStatus.FAILED,
        "ended_at": timezone.now(),
        "errors": [msgspec.to_builtins(problem) for problem in problems],
    }


def _write(batch: Batch, lease: UUID, facts: dict[str, Any]) -> None:
    """Write the verdict, unless the batch was cancelled or taken over meanwhile."""
    present = Batch.objects.locked(batch.pk)
    if present.lease != lease or present.status != BatchStatus.VALIDATING:
        raise Overtaken
    for name, value in facts.items():
        setattr(present, name, value)
    present.save()
    audit.record(
        organization=batch.organization,
        actor=None,
        action="batch.checked",
        target=batch,
        before={"status": BatchStatus.VALIDATING},
        after={"status": present.status, "requests": present.total},
    )
