"""Answers about files."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Sum

from files.models import FileAllowance, StoredFile
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Room:
    """How much an organization keeps, and may keep."""

    used: int
    quota: int

    def has(self, size: int) -> bool:
        """Whether so much fits in."""
        return self.used + size <= self.quota


def room(organization: Organization) -> Room:
    """Return the organization's room; a deleted file takes none."""
    kept = StoredFile.objects.filter(organization=organization, deleted_at=None)
    allowance = FileAllowance.objects.filter(organization=organization).first()
    return Room(
        used=kept.aggregate(sum=Sum("bytes"))["sum"] or 0,
        quota=allowance.quota_bytes if allowance else settings.FILES_QUOTA,
    )


def known(organization: Organization, file_id: uuid.UUID) -> StoredFile | None:
    """Return the organization's file, though its content may be gone."""
    files = StoredFile.objects.filter(organization=organization, pk=file_id)
    return files.select_related("region").first()


def living(organization: Organization, file_id: uuid.UUID) -> StoredFile | None:
    """Return the organization's file, if it can be read."""
    files = StoredFile.objects.living().filter(organization=organization, pk=file_id)
    return files.select_related("region").first()
