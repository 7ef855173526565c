"""What customers have uploaded or may download."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.ids import public_id
from common.models import LockingQuerySet, TimeStamped
from tenants.models import Organization, Region


class Purpose(models.TextChoices):
    """What a file is for, in OpenAI's words."""

    FINE_TUNE = "fine-tune", _("Fine-tuning")
    BATCH = "batch", _("Batch")
    EVALS = "evals", _("Evaluation")
    USER_DATA = "user_data", _("Other data")
    FINE_TUNE_RESULTS = "fine-tune-results", _("Results of fine-tuning")
    BATCH_OUTPUT = "batch_output", _("Results of a batch")


#: What customers may upload for; the rest is made here.
UPLOADABLE = (Purpose.FINE_TUNE, Purpose.BATCH, Purpose.EVALS, Purpose.USER_DATA)


class FileAllowanceQuerySet(LockingQuerySet["FileAllowance"]):
    """Allowances."""


class FileAllowance(TimeStamped):
    """How much an organization may keep; the row is the lock over its files."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="file_allowance"
    )
    quota_bytes = models.BigIntegerField()

    objects = FileAllowanceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.quota_bytes} bytes"


class StoredFileQuerySet(LockingQuerySet["StoredFile"]):
    """Files."""

    def living(self) -> "StoredFileQuerySet":
        """Those that can be read."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(unexpired, deleted_at=None)

    def expired(self) -> "StoredFileQuerySet":
        """Those whose time is over and whose content may still be there."""
        return self.filter(expires_at__lte=Now(), deleted_at=None)


class StoredFile(TimeStamped):
    """A file: its content never changes. Deleted, its content is gone and the row says it was."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="files")
    #: Who brings the same thing again brings the same key.
    source_key = models.CharField(max_length=120)
    filename = models.CharField(_("name"), max_length=255)
    purpose = models.CharField(max_length=20, choices=Purpose)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "source_key"), name="file_once_per_source"
            ),
            models.CheckConstraint(condition=models.Q(bytes__gt=0), name="file_has_content"),
        )
        indexes = (
            models.Index(
                fields=("expires_at",),
                condition=models.Q(deleted_at=None, expires_at__isnull=False),
                name="files_that_expire",
            ),
        )

    def __str__(self) -> str:
        return self.filename

    @property
    def public_id(self) -> str:
        """How ``/v1`` names it."""
        return public_id("file", self.pk)

    @property
    def is_living(self) -> bool:
        """Whether its content can be read."""
        unexpired = self.expires_at is None or self.expires_at > timezone.now()
        return self.deleted_at is None and unexpired


class UploadQuerySet(LockingQuerySet["Upload"]):
    """Uploads."""

    def open(self) -> "UploadQuerySet":
        """Those that parts can still be added to."""
        return self.filter(file=None, cancelled_at=None, expires_at__gt=Now())


class Upload(TimeStamped):
    """A file that arrives in parts: each is kept as it comes, and together they become the file."""

    class Status(models.TextChoices):
        """Where it stands, in OpenAI's words."""

        PENDING = "pending"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="uploads")
    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=20, choices=Purpose)
    #: How large the file will be, as was announced.
    bytes = models.BigIntegerField()
    #: How long the file is kept once it is whole, in seconds; without end where there is none.
    keep_seconds = models.PositiveIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    file = models.OneToOneField(
        StoredFile, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(bytes__gt=0), name="upload_has_content"),
            models.CheckConstraint(
                condition=models.Q(file=None) | models.Q(cancelled_at=None),
                name="upload_completed_or_cancelled",
            ),
        )

    def __str__(self) -> str:
        return self.filename

    @property
    def public_id(self) -> str:
        """How ``/v1`` names it."""
        return public_id("upload", self.pk)

    @property
    def status(self) -> "Upload.Status":
        """Where it stands."""
        if self.file_id is not None:
            return self.Status.COMPLETED
        if self.cancelled_at is not None:
            return self.Status.CANCELLED
        is_over = self.expires_at <= timezone.now()
        return self.Status.EXPIRED if is_over else self.Status.PENDING


class UploadPart(TimeStamped):
    """A part of a file, kept until the file is whole."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="parts")
    bytes = models.BigIntegerField()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(bytes__gt=0), name="part_has_content"),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """How ``/v1`` names it."""
        return public_id("part", self.pk)
