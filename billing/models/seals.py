"""Seals over receipts: an hour's root per organization, all of them in one signed chain."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from common.models import AppendOnly
from tenants.models import Organization


class ClosedHour(AppendOnly):
    """An hour into which nothing is recorded any more; PostgreSQL refuses whoever comes late."""

    starts_at = models.DateTimeField(unique=True)

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"


class SealingKey(AppendOnly):
    """The public half of a key that seals were signed with; published for ever."""

    key_id = models.CharField(max_length=16, unique=True)
    public_key = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key_id


class Seal(AppendOnly):
    """One hour of all organizations: the signed text that names the hour before it by its hash."""

    number = models.PositiveIntegerField(unique=True)
    starts_at = models.DateTimeField(unique=True)
    document = models.TextField()
    hash = models.BinaryField(max_length=32, unique=True)
    #: The hash of the seal before; that each is named once makes it a chain.
    previous = models.BinaryField(max_length=32, unique=True)
    key = models.ForeignKey(SealingKey, on_delete=models.PROTECT, related_name="+")
    signature = models.BinaryField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"{self.number} {self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def ends_at(self) -> datetime:
        """Return until when receipts were recorded that it seals."""
        return self.starts_at + timedelta(hours=1)


class OrganizationSeal(AppendOnly):
    """The root over one organization's receipts of an hour, and the way from it to the hour's."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, related_name="organizations")
    document = models.TextField()
    #: Which of the organization's hours it is, from 1; none of those sealed before they had numbers.
    number = models.PositiveIntegerField(null=True)
    receipts = models.PositiveBigIntegerField()
    root = models.BinaryField(max_length=32)
    #: From this text's leaf to the hour's root: {"side", "hash"}.
    path = models.JSONField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "seal"), name="organization_sealed_once_per_hour"
            ),
            models.UniqueConstraint(
                fields=("organization", "number"),
                condition=models.Q(number__isnull=False),
                name="organization_sealed_in_one_chain",
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.receipts}"


class SealedLeaves(AppendOnly):
    """Up to 1,024 receipts' hashes in the order they were recorded in; kept when the receipts go."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    organization_seal = models.ForeignKey(
        OrganizationSeal, on_delete=models.PROTECT, related_name="leaves"
    )
    number = models.PositiveIntegerField()
    first_recorded_at = models.DateTimeField()
    first_id = models.UUIDField()
    root = models.BinaryField(max_length=32)
    hashes = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization_seal", "number"), name="sealed_leaves_once_per_place"
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_seal_id} {self.number}"


class SealCheck(AppendOnly):
    """What came of comparing seals with what they seal."""

    checked_at = models.DateTimeField(default=timezone.now)
    #: The number of the last seal that was looked at.
    through = models.PositiveIntegerField()
    receipts = models.PositiveBigIntegerField()
    #: What is not as it was sealed, in words.
    problems = models.JSONField(default=list)

    class Meta:
        ordering = ("-checked_at",)

    def __str__(self) -> str:
        return f"{self.checked_at:%Y-%m-%d %H:%M}"
