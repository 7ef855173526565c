"""How many tokens a dataset is for a model, by the very code that trains on it.

Counted once for each tokenizer and each length that examples are cut to; the numbers stand on the
dataset. Where nobody here can read a model's weights, the dataset's own count stands in.
"""

import hashlib
import uuid
from pathlib import Path

from common import jobs
from files import blobs
from marketplace.models import ModelVersion
from studio.models import Dataset, FineTuningJob
from studio.services.transitions import fail
from studio.states import State
from studio.validation.dataset import examples
from tenants.scope import scope
from trainer import lesson
from trainer.errors import Refused
from trainer.orders import path_of
from trainer.tokenise import Tokeniser

#: What the tokens of an example follow from.
READ = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def known(dataset: Dataset, version: ModelVersion, max_length: int) -> int | None:
    """Return the tokens of one pass; None while nobody has counted them."""
    if not version.weights:
        return dataset.tokens
    counted = dataset.counts.get(_key(version, max_length))
    return counted["tokens"] if counted else None


def ring(dataset: Dataset, version: ModelVersion, max_length: int) -> None:
    """Have it counted soon."""
    jobs.enqueue(
        "studio.count_tokens",
        organization_id=str(dataset.organization_id),
        dataset_id=str(dataset.pk),
        version_id=str(version.pk),
        max_length=max_length,
    )


def count(
    organization_id: uuid.UUID, dataset_id: uuid.UUID, version_id: uuid.UUID, max_length: int
) -> int:
    """Count what one pass is, and keep the number; raises ``Refused`` where nothing can be learnt."""
    with scope(organization_id):
        dataset = Dataset.objects.select_related("file").get(pk=dataset_id)
        version = ModelVersion.objects.get(pk=version_id)
    if (tokens := known(dataset, version, max_length)) is not None:
        return tokens
    tokeniser = Tokeniser.of(path_of(version.weights))
    with blobs.open_blob(blobs.of(dataset.file)) as content:
        counted = lesson.counted(examples(content), tokeniser, max_length=max_length)
    with scope(organization_id):
        dataset = Dataset.objects.locked(dataset_id)
        dataset.counts[_key(version, max_length)] = counted.facts()
        dataset.save(update_fields=["counts", "updated_at"])
    return counted.tokens


def count_for(job: FineTuningJob, max_length: int) -> bool:
    """Count for a job that waits for it; one of which nothing can be learnt has failed."""
    try:
        version_id = job.offer.model_version_id
        tokens = count(job.organization_id, job.dataset_id, version_id, max_length)
    except (Refused, FileNotFoundError) as error:
        _fail(job, error)
        return True
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        if job.state == State.VALIDATING and job.counted_tokens is None:
            job.counted_tokens = tokens
            job.save(update_fields=["counted_tokens", "updated_at"])
    return True


def _fail(job: FineTuningJob, error: Exception) -> None:
    code = error.code if isinstance(error, Refused) else "training_file_deleted"
    param = error.param if isinstance(error, Refused) else "training_file"
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        if job.state == State.VALIDATING:
            fail(job, code, f"{str(error)[:400]}.", param)


def _key(version: ModelVersion, max_length: int) -> str:
    """Return what the number belongs to: another tokenizer counts otherwise."""
    folder = path_of(version.weights)
    found = [_content(folder / name) for name in READ]
    digest = hashlib.sha256(b"\0".join(hashlib.sha256(each).digest() for each in found))
    return f"{digest.hexdigest()[:32]}/{max_length}"


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
