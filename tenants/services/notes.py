"""Writing notes about a customer, and pinning those that everybody should see first."""

from django.utils import timezone

from common.database import atomic
from tenants.models import CustomerNote, Organization, User
from tenants.services import audit


@atomic()
def write(organization: Organization, *, text: str, by: User) -> CustomerNote:
    """Keep a note about the customer; what was done is in the operator's log, not in theirs."""
    note = CustomerNote.objects.create(organization=organization, author=by, text=text)
    _record("note.written", note, by)
    return note


@atomic()
def pin(note: CustomerNote, *, by: User) -> CustomerNote:
    """Put the note above the others; twice is once."""
    note = CustomerNote.objects.locked(note.pk)
    if note.pinned_at is None:
        note.pinned_at, note.pinned_by = timezone.now(), by
        _save(note)
        _record("note.pinned", note, by)
    return note


@atomic()
def unpin(note: CustomerNote, *, by: User) -> CustomerNote:
    """Put the note back among the others; twice is once."""
    note = CustomerNote.objects.locked(note.pk)
    if note.pinned_at is not None:
        note.pinned_at, note.pinned_by = None, None
        _save(note)
        _record("note.unpinned", note, by)
    return note


def _save(note: CustomerNote) -> None:
    note.save(update_fields=["pinned_at", "pinned_by", "updated_at"])


def _record(action: str, note: CustomerNote, by: User) -> None:
    # Of the operator's own, without its words: the customer reads their log.
    entry = audit.written(
        organization=None,
        actor=by,
        action=action,
        target=note,
        after={"customer": note.organization.slug},
    )
    entry.target_label = note.organization.slug
    entry.save()
