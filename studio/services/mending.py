"""Making a new dataset of one that is at fault: asked for once, done once, the old one untouched."""

import re
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import PurePath
from typing import IO, Any

from django.core.files import File
from django.utils import timezone
from django.utils.translation import gettext as _

from common import jobs
from common.database import atomic
from common.errors import DomainError, in_words
from files import blobs
from files.models import Purpose, StoredFile
from files.services import stored_files
from studio.errors import NothingToMend
from studio.mending import fixes as mends
from studio.mending.mending import Change, Tally, mend
from studio.mending.sources import records
from studio.models import Dataset, Mending
from studio.services import datasets
from studio.validation.problems import Unusable
from tenants.models import User
from tenants.scope import scope

#: Longer than a task may run: whoever was killed while mending is waited for so long.
CLAIM = timedelta(minutes=6)
#: So many examples are looked at while somebody waits for the page.
LOOKED_AT = 10_000
NUMBERED = re.compile(r"-(\d{1,6})$")


def offered(dataset: Dataset) -> list[str]:
    """Return what can be mended in a dataset, by what was found in it."""
    found = {*dataset.report.get("counts", {}), *dataset.report.get("notices", {})}
    if dataset.state == Dataset.State.VALIDATING or not dataset.file.is_living:
        return []
    return mends.offered(found) if dataset.examples else []


@atomic()
def ask(dataset: Dataset, codes: Sequence[str], *, by: User) -> Mending:
    """Have a new dataset made by these fixes; the same asked twice is made once.

    It is made anew where that failed, or where what was made is deleted.
    """
    wanted = [code for code in offered(dataset) if code in codes]
    if not wanted or set(codes) - set(wanted):
        known = ", ".join(offered(dataset)) or _("none")
        words = _("Choose among what this dataset can be mended by: %(known)s.")
        raise NothingToMend(field_errors={"fixes": [words % {"known": known}]})
    # Two who ask at once wait for each other here.
    dataset = Dataset.objects.locked(dataset.pk)
    asked = Mending.objects.filter(dataset=dataset, fixes=wanted)
    latest: Mending | None = asked.select_related("result__file").first()
    if latest is not None and latest.stands:
        return latest
    mending = Mending.objects.create(
        organization=dataset.organization, dataset=dataset, fixes=wanted, created_by=by
    )
    ring(mending.organization_id, mending.pk)
    return mending


def ring(organization_id: uuid.UUID, mending_id: uuid.UUID) -> None:
    """Have it done soon."""
    facts = {"organization_id": str(organization_id), "mending_id": str(mending_id)}
    jobs.enqueue("studio.mend_dataset", **facts)


def changes(dataset: Dataset, codes: Sequence[str], *, most: int) -> list[Change]:
    """Return what these fixes change among the first examples; the file must be there."""
    with blobs.open_blob(blobs.of(dataset.file)) as content:
        mended = mend(records(content), mends.chosen(codes), Tally())
        return list(islice((it for it in islice(mended, LOOKED_AT) if it.is_one), most))


def work(organization_id: uuid.UUID, mending_id: uuid.UUID) -> None:
    """Make the new file and its dataset, once; or say why there is none."""
    mending = _claim(organization_id, mending_id)
    if mending is None:
        return
    tally, file, trouble = Tally(), None, ""
    try:
        file = _kept(mending, tally)
    except FileNotFoundError:
        trouble = _("The file was deleted meanwhile.")
    except DomainError as refusal:
        trouble = in_words(refusal)
    except Unusable as error:
        trouble = str(error)
    _end(mending, tally, file=file, trouble=trouble)


def _claim(organization_id: uuid.UUID, mending_id: uuid.UUID) -> Mending | None:
    with scope(organization_id):
        free = Mending.objects.waiting().filter(pk=mending_id)
        if not free.update(claimed_until=timezone.now() + CLAIM):
            return None
        known = Mending.objects.select_related("organization", "dataset__file", "created_by")
        return known.get(pk=mending_id)


def _kept(mending: Mending, tally: Tally) -> StoredFile:
    source = mending.dataset.file
    with blobs.open_blob(blobs.of(source)) as content, tempfile.TemporaryFile() as made:
        write(mend(records(content), mends.chosen(mending.fixes), tally), made)
        if tally.left_out == tally.examples:
            raise NothingToMend(_("No example would be left."))
        if not tally.changed and not tally.left_out:
            raise NothingToMend(_("Nothing would be different."))
        return stored_files.keep(
            mending.organization,
            File(made),
            filename=next_name(source.filename),
            purpose=Purpose.FINE_TUNE,
            by=mending.created_by,
            # Whoever was killed between keeping it and saying so keeps no second one.
            source_key=f"mending:{mending.pk}",
            expires_at=source.expires_at,
        )


def write(found: Iterator[Change], target: IO[Any]) -> None:
    """Write what is left of the examples, one on each line, and go back to the beginning."""
    for change in found:
        if change.after is not None:
            target.write(change.after + b"\n")
    target.seek(0)


def next_name(filename: str) -> str:
    """Return what the next version of a file is called: train.jsonl, train-2.jsonl, train-3.jsonl."""
    stem = PurePath(filename).stem
    if found := NUMBERED.search(stem):
        return f"{stem[: found.start()]}-{int(found.group(1)) + 1}.jsonl"
    return f"{stem}-2.jsonl"


def _end(mending: Mending, tally: Tally, *, file: StoredFile | None, trouble: str) -> None:
    with scope(mending.organization_id):
        mending = Mending.objects.locked(mending.pk)
        if mending.finished_at:
            return
        mending.result = datasets.ensure(mending.organization, file) if file else None
        mending.trouble = trouble[:300]
        mending.changed, mending.left_out = tally.changed, tally.left_out
        mending.by_fix = {code: count for code, count in tally.by_fix.items() if count}
        mending.finished_at, mending.claimed_until = timezone.now(), None
        mending.save()
