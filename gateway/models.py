"""Batches: files of requests that are answered within a day, and where each of them stands."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, Row, TimeStamped
from files.models import StoredFile
from tenants.models import ApiKey, Organization

PREFIX = "batch_"


class BatchStatus(models.TextChoices):
    """Where a batch stands, in OpenAI's words."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


ENDED = (
    BatchStatus.COMPLETED,
    BatchStatus.FAILED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
)


class BatchQuerySet(LockingQuerySet["Batch"]):
    """Batches."""

    def open(self) -> "BatchQuerySet":
        """Those that have not ended."""
        return self.exclude(status__in=ENDED)

    def in_turn(self) -> "BatchQuerySet":
        """Locked until the transaction ends, in the order in which everybody locks them."""
        return self.select_for_update(of=("self",)).order_by("pk")

    def waiting(self) -> "BatchQuerySet":
        """Those that could go on now, and that nobody works on."""
        free = models.Q(leased_until=None) | models.Q(leased_until__lt=Now())
        rested = models.Q(resumes_at=None) | models.Q(resumes_at__lte=Now())
        return self.open().filter(free, rested)


class Batch(TimeStamped):
    """A file of requests, and what has become of it. The row is the queue; see ``gateway.batches``.

    Whoever works on it holds its lease and proves it with every write, so that of two workers one
    writes.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="batches")
    #: What whoever asked calls the asking: asked again, it is the same batch.
    operation_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 - none is no name
    #: Its lines act with the rights that this key has when they run.
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    endpoint = models.CharField(max_length=40)
    completion_window = models.CharField(max_length=10)
    metadata = models.JSONField(default=dict)
    #: Seconds that the files of its results are kept; none for ever.
    results_kept_for = models.PositiveIntegerField(null=True, blank=True)
    input_file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    output_file = models.ForeignKey(
        StoredFile, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    error_file = models.ForeignKey(
        StoredFile, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    status = models.CharField(max_length=12, choices=BatchStatus, default=BatchStatus.VALIDATING)
    #: How it will have ended once its results are written.
    outcome = models.CharField(max_length=12, choices=BatchStatus, blank=True)
    #: Why it failed, a few lines of the file or one reason for all: code, message, param, line.
    errors = models.JSONField(default=list)
    #: The model of all lines; empty where they name several.
    model = models.CharField(max_length=100, blank=True)
    total = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    #: Tokens of all lines by part.
    usage = models.JSONField(default=dict)
    expires_at = models.DateTimeField()
    in_progress_at = models.DateTimeField(null=True, blank=True)
    finalizing_at = models.DateTimeField(null=True, blank=True)
    cancelling_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    #: After a refusal that may pass, nothing is tried before.
    resumes_at = models.DateTimeField(null=True, blank=True)
    #: How often in a row it had to rest.
    rests = models.PositiveSmallIntegerField(default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = _("batch")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "operation_key"), name="batch_once_per_operation"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=ENDED, ended_at__isnull=False)
                | ~models.Q(status__in=ENDED) & models.Q(ended_at__isnull=True),
                name="batch_has_an_end_when_it_ended",
            ),
        )
        indexes = (
            models.Index(
                fields=("organization", "id"),
                condition=~models.Q(status__in=ENDED),
                name="open_batches",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """How ``/v1`` names it."""
        return PREFIX + self.pk.hex

    def is_free(self, now: datetime) -> bool:
        """Whether somebody could go on with it now."""
        leased = self.leased_until is not None and self.leased_until > now
        rests = self.resumes_at is not None and self.resumes_at > now
        return not (leased or rests)

    def runs_elsewhere(self, now: datetime) -> bool:
        """Whether somebody runs its lines now."""
        leased = self.leased_until is not None and self.leased_until > now
        return leased and self.status == BatchStatus.IN_PROGRESS

    @property
    def is_over_time(self) -> bool:
        """Whether its window has closed."""
        return self.expires_at <= timezone.now()


class BatchLine(Row):
    """One line of a batch's file: where it lies there, and its answer once there is one.

    The rows are gone when the results are written: answers are kept in the customer's file alone.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        ANSWERED = "answered"
        REFUSED = "refused"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    custom_id = models.CharField(max_length=512)
    #: Where the line begins in the file, and how many bytes it has.
    begins = models.BigIntegerField()
    size = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    #: How often it was refused for a reason that may pass.
    tries = models.PositiveSmallIntegerField(default=0)
    #: The last answer: HTTP's status, and the body as JSON.
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.TextField(blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("batch", "number"), name="batch_line_once"),
            models.UniqueConstraint(fields=("batch", "custom_id"), name="custom_id_once_per_batch"),
        )
        indexes = (
            models.Index(
                fields=("batch", "tries", "number"),
                condition=models.Q(state="waiting"),
                name="batch_lines_that_wait",
            ),
        )

    def __str__(self) -> str:
        return f"line {self.number}"


def request_id(batch_id: str, number: int) -> str:
    """Return the id under which a line is billed: the same however often it is called."""
    return f"batch_req_{batch_id}_{number}"
