"""Datasets, fine-tuning jobs and what they leave on their way."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.ids import public_id
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from compute.models import ComputeJob, Service
from files.models import StoredFile
from marketplace.models import Offer, Price, Upstream
from studio.hyperparameters import Hyperparameters, settled
from studio.states import OPENAI, TERMINAL, State
from tenants.models import ApiKey, Classification, Organization, Project


class DatasetQuerySet(LockingQuerySet["Dataset"]):
    """Datasets."""

    def unchecked(self) -> "DatasetQuerySet":
        """Those that wait to be checked, and that nobody is checking."""
        free = models.Q(claimed_until=None) | models.Q(claimed_until__lt=timezone.now())
        return self.filter(free, state=Dataset.State.VALIDATING)

    def living(self) -> "DatasetQuerySet":
        """Those whose file can be read."""
        unexpired = models.Q(file__expires_at=None) | models.Q(file__expires_at__gt=Now())
        return self.filter(unexpired, file__deleted_at=None)


class Dataset(TimeStamped):
    """A file as examples to learn from; the file never changes, so neither does the verdict."""

    class State(models.TextChoices):
        VALIDATING = "validating", _("Being checked")
        READY = "ready", _("Ready")
        INVALID = "invalid", _("Cannot be used")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="datasets"
    )
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.VALIDATING)
    lines = models.BigIntegerField(default=0)
    examples = models.BigIntegerField(default=0)
    bad_lines = models.BigIntegerField(default=0)
    #: By ``studio.counting``.
    tokens = models.BigIntegerField(default=0)
    report = models.JSONField(default=dict)
    #: By the tokenizers of models, see ``services.token_counts``.
    counts = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "file"), name="dataset_once_per_file"),
        )

    def __str__(self) -> str:
        return self.file.filename


class MendingQuerySet(LockingQuerySet["Mending"]):
    """Mendings."""

    def waiting(self) -> "MendingQuerySet":
        """Those that are not done, and that nobody is doing."""
        free = models.Q(claimed_until=None) | models.Q(claimed_until__lt=timezone.now())
        return self.filter(free, finished_at=None)


class Mending(TimeStamped):
    """A new file made of a dataset by some fixes; the dataset itself stays as it is."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="mendings")
    #: Codes of ``studio.mending.fixes``, in the order in which they are made.
    fixes = ArrayField(models.CharField(max_length=20))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    result = models.OneToOneField(
        Dataset, on_delete=models.PROTECT, related_name="made_by", null=True, blank=True
    )
    changed = models.BigIntegerField(default=0)
    left_out = models.BigIntegerField(default=0)
    #: How many examples each of the fixes has changed or left out.
    by_fix = models.JSONField(default=dict)
    #: Why there is no result.
    trouble = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    objects = MendingQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("dataset", "fixes"),
                condition=models.Q(finished_at=None),
                name="dataset_mended_by_the_same_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at=None, result=None, trouble="")
                | models.Q(finished_at__isnull=False, result__isnull=False, trouble="")
                | models.Q(finished_at__isnull=False, result=None) & ~models.Q(trouble=""),
                name="mending_ends_with_a_result_or_why_not",
            ),
        )

    def __str__(self) -> str:
        return f"{self.dataset} ({', '.join(self.fixes)})"

    @property
    def stands(self) -> bool:
        """Whether it is being done, or its result can still be read."""
        return self.finished_at is None or (self.result is not None and self.result.file.is_living)


class FineTuningJobQuerySet(LockingQuerySet["FineTuningJob"]):
    """Jobs."""

    def open(self) -> "FineTuningJobQuerySet":
        """Those that have not ended."""
        return self.exclude(state__in=TERMINAL)


class FineTuningJob(TimeStamped):
    """A wish to teach a model by a dataset, and what has become of it."""

    class Desired(models.TextChoices):
        RUN = "run"
        CANCEL = "cancel"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="fine_tuning_jobs"
    )
    operation_key = models.CharField(max_length=255)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="jobs")
    #: Examples that it is measured by after every pass.
    validation = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    recipe = models.CharField(max_length=20)
    suffix = models.CharField(max_length=64, blank=True)
    seed = models.BigIntegerField()
    #: As asked: numbers, or "auto".
    hyperparameters = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    desired = models.CharField(max_length=10, choices=Desired.choices, default=Desired.RUN)
    state = models.CharField(max_length=14, choices=State.choices, default=State.VALIDATING)
    epochs = models.PositiveSmallIntegerField(null=True, blank=True)
    #: One pass through the dataset, by the model's own tokenizer; none where nobody can ask that.
    counted_tokens = models.BigIntegerField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    compute_job = models.ForeignKey(
        ComputeJob, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    result_file = models.ForeignKey(
        StoredFile, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    trained_tokens = models.BigIntegerField(null=True, blank=True)
    #: Whose budgets and invoices it stands in; jobs of a recipe that trains have one.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: More than this the customer does not pay: a dearer quote ends the job before it runs.
    max_cost = models.DecimalField(max_digits=30, decimal_places=12, null=True, blank=True)
    #: What all of it costs at most, at the price that held when it was quoted.
    quote = models.DecimalField(max_digits=30, decimal_places=12, null=True, blank=True)
    price = models.ForeignKey(
        Price, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    cost = models.DecimalField(max_digits=30, decimal_places=12, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    error_param = models.CharField(max_length=60, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = FineTuningJobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "operation_key"), name="job_once_per_operation"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(TERMINAL), finished_at__isnull=False)
                | ~models.Q(state__in=sorted(TERMINAL)) & models.Q(finished_at__isnull=True),
                name="job_finished_when_it_ended",
            ),
            models.CheckConstraint(
                condition=models.Q(cost=None) | models.Q(cost__gte=0, cost__lte=models.F("quote")),
                name="job_never_costs_more_than_quoted",
            ),
        )
        indexes = (
            models.Index(
                fields=("organization", "id"),
                condition=~models.Q(state__in=sorted(TERMINAL)),
                name="open_fine_tuning_jobs",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        """How ``/v1`` names it."""
        return public_id("ftjob", self.pk)

    @property
    def name(self) -> str:
        """How people tell it from others."""
        base = self.offer.model_version.model.name
        return f"{base}: {self.suffix}" if self.suffix else base

    @property
    def openai_status(self) -> str:
        """What OpenAI's clients are told: cancelled as soon as that is wished, until it is not."""
        is_open = self.state not in TERMINAL
        return "cancelled" if is_open and self.is_unwanted else OPENAI[State(self.state)]

    @property
    def tokens_per_pass(self) -> int:
        """How many tokens one pass through the dataset is."""
        return self.dataset.tokens if self.counted_tokens is None else self.counted_tokens

    @property
    def settled(self) -> Hyperparameters:
        """What it is taught with, once its dataset is known."""
        window = self.offer.model_version.model.context_window
        examples = self.dataset.examples
        return settled(self.hyperparameters, examples=examples, context_window=window)

    @property
    def tuned(self) -> "TunedModel | None":
        """The model that was made of it; None before."""
        found: TunedModel | None = getattr(self, "tuned_model", None)
        return found

    @property
    def is_unwanted(self) -> bool:
        """Whether its end is wished."""
        return self.desired == self.Desired.CANCEL


class TunedModelQuerySet(LockingQuerySet["TunedModel"]):
    """Tuned models."""

    def present(self) -> "TunedModelQuerySet":
        """Those that nobody has retired."""
        return self.filter(retired_at=None)

    def followed(self) -> "TunedModelQuerySet":
        """Those, and others that a server still has to forget."""
        return self.filter(models.Q(retired_at=None) | models.Q(loaded_at__isnull=False))

    def deployed(self) -> "TunedModelQuerySet":
        """Those that should be served."""
        by_service = models.Q(service__desired=Service.Desired.RUN)
        return self.present().filter(by_service | models.Q(is_wanted=True))


class TunedModel(TimeStamped):
    """What a job has made, as a private model: of what, where it lies, and whether it is served."""

    class Standing(models.TextChoices):
        """Whether it can be called."""

        STARTING = "starting", _("Starting")
        READY = "ready", _("Ready to be called")
        STOPPED = "stopped", _("Not deployed")
        RETIRED = "retired", _("Retired")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="tuned_models"
    )
    job = models.OneToOneField(FineTuningJob, on_delete=models.PROTECT, related_name="tuned_model")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    offer = models.OneToOneField(Offer, on_delete=models.PROTECT, related_name="+")
    #: The attempt that made it, in whose folder it lies.
    artifact = models.CharField(max_length=63)
    learnt = models.CharField(max_length=10)
    manifest_sha256 = models.CharField(max_length=64)
    training_sha256 = models.CharField(max_length=64)
    #: How confidential the data was that it has learnt from.
    classification = models.CharField(max_length=12, choices=Classification)
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: A server of its base that it is loaded into; then it needs no service of its own.
    engine = models.ForeignKey(
        Upstream, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: Whether it should be loaded there, and since when it is.
    is_wanted = models.BooleanField(default=False)
    loaded_at = models.DateTimeField(null=True, blank=True)
    engine_trouble = models.CharField(max_length=300, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = TunedModelQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.offer.name

    @property
    def standing(self) -> "TunedModel.Standing":
        """Whether it can be called now, or why not."""
        if self.retired_at is not None:
            return self.Standing.RETIRED
        if self.engine_id is not None and self.is_wanted:
            return self.Standing.READY if self.loaded_at else self.Standing.STARTING
        if self.service is None or self.service.desired == Service.Desired.STOP:
            return self.Standing.STOPPED
        is_well = self.service.state == Service.State.HEALTHY
        return self.Standing.READY if is_well else self.Standing.STARTING

    @property
    def trouble(self) -> str:
        """What is in the way of serving it; empty when nothing is."""
        return self.engine_trouble or (self.service.trouble if self.service else "")


class Checkpoint(AppendOnly):
    """How far a job had come after a pass through its dataset."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey(FineTuningJob, on_delete=models.PROTECT, related_name="checkpoints")
    epoch = models.PositiveIntegerField()
    step = models.BigIntegerField()
    tokens = models.BigIntegerField()
    #: How well it went by then.
    metrics = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("step",)
        constraints = (
            models.UniqueConstraint(fields=("job", "step"), name="checkpoint_once_per_step"),
        )

    def __str__(self) -> str:
        return f"step {self.step}"


class JobEvent(AppendOnly):
    """One thing that happened to a job, told to its owner."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey(FineTuningJob, on_delete=models.PROTECT, related_name="events")
    level = models.CharField(max_length=5, default="info")
    message = models.CharField(max_length=500)
    occurred_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("job", "-id"), name="events_by_job"),)

    def __str__(self) -> str:
        return self.message
