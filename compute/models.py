"""Clusters, and what we asked them to run: jobs that end, and services that do not."""

from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.encryption import EncryptedField
from common.models import LockingQuerySet, TimeStamped
from compute.scheduler import JobHandle, JobSpec
from compute.scheduler import Outcome as Ending
from tenants.models import Organization, Region

#: Absent this often in a row, and this long after it was submitted, a job is not there.
MISSES = 5
HORIZON = timedelta(seconds=60)


class ClusterCredential(EncryptedField):
    """What a cluster knows us by, encrypted at rest."""

    use = "compute.cluster"


class ClusterQuerySet(LockingQuerySet["Cluster"]):
    """Clusters."""

    def enabled(self) -> "ClusterQuerySet":
        """Those that are spoken to."""
        return self.filter(is_enabled=True)

    def taking(self) -> "ClusterQuerySet":
        """Those that take new jobs."""
        return self.enabled().filter(intake=Cluster.Intake.OPEN)


class Cluster(TimeStamped):
    """Machines of the operator that run jobs, in one region."""

    class Kind(models.TextChoices):
        LOCAL = "local", _("This machine")
        SLURM = "slurm", _("Slurm")
        KUBERNETES = "kubernetes", _("Kubernetes")

    class Isolation(models.TextChoices):
        """What stands between the jobs of two tenants."""

        NONE = "none", _("Nothing: for trials only")
        SHARED = "shared", _("Processes on shared nodes")
        DEDICATED_NODE = "dedicated_node", _("Nodes of their own")
        DEDICATED_CLUSTER = "dedicated_cluster", _("A cluster of their own")

    class Intake(models.TextChoices):
        """Whether it takes jobs, and keeps those it has."""

        OPEN = "open", _("Takes jobs")
        CORDONED = "cordoned", _("Takes no new jobs")
        DRAINING = "draining", _("Gives its jobs back")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="clusters")
    isolation = models.CharField(max_length=20, choices=Isolation.choices)
    #: How it is reached, by whom, and what its scheduler must be told beside that.
    address = models.CharField(_("address"), max_length=300, blank=True)
    credential = ClusterCredential(blank=True, default="")
    options = models.JSONField(default=dict, blank=True)
    gpus = models.PositiveIntegerField(_("GPUs"), default=0)
    #: In the scheduler's words, such as "h100".
    gpu_type = models.CharField(_("kind of GPU"), max_length=63, blank=True)
    #: How many of an organization's jobs it is asked to take at a time, and GPUs; no limit if null.
    jobs_each = models.PositiveIntegerField(_("jobs per organization"), null=True, blank=True)
    gpus_each = models.PositiveIntegerField(_("GPUs per organization"), null=True, blank=True)
    intake = models.CharField(max_length=10, choices=Intake.choices, default=Intake.OPEN)
    is_enabled = models.BooleanField(default=True)
    #: What was wrong when it was last asked; empty when it answered.
    trouble = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class ComputeJobQuerySet(LockingQuerySet["ComputeJob"]):
    """Jobs."""

    def open(self) -> "ComputeJobQuerySet":
        """Those that have not ended."""
        return self.exclude(state=ComputeJob.State.ENDED)


class ComputeJob(TimeStamped):
    """One thing that one cluster was asked to run. Others write ``desired``, the reconciler all else.

    ``owner_kind`` and ``owner_id`` say whose it is, in words of the app above; compute never looks.
    """

    class State(models.TextChoices):
        PREPARED = "prepared", _("Not yet submitted")
        #: The cluster was asked, and whether it heard is not known.
        UNKNOWN = "unknown", _("Being submitted")
        PENDING = "pending", _("Waiting on the cluster")
        RUNNING = "running", _("Running")
        ENDED = "ended", _("Ended")

    class Desired(models.TextChoices):
        RUN = "run"
        CANCEL = "cancel"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="compute_jobs"
    )
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="jobs")
    name = models.CharField(max_length=63)
    owner_kind = models.CharField(max_length=60)
    owner_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField(default=1)
    spec = models.JSONField()
    desired = models.CharField(max_length=10, choices=Desired.choices, default=Desired.RUN)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PREPARED)
    outcome = models.CharField(
        max_length=20, choices=[(ending.value, ending.value) for ending in Ending], blank=True
    )
    exit_code = models.SmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    external_id = models.CharField(max_length=100, blank=True)
    #: How often in a row the cluster did not know it, since when it was last submitted.
    misses = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: What it held, over all its runs; null where the cluster could not say.
    cpu_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    gpu_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    #: Who works on it now, and until when that is believed.
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)

    objects = ComputeJobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("cluster", "name"), name="job_name_once_per_cluster"),
            models.CheckConstraint(
                condition=models.Q(state="ended", ended_at__isnull=False) & ~models.Q(outcome="")
                | ~models.Q(state="ended") & models.Q(outcome="", ended_at__isnull=True),
                name="job_ended_with_an_outcome",
            ),
        )
        indexes = (
            models.Index(
                fields=("cluster", "id"),
                condition=~models.Q(state="ended"),
                name="open_jobs_by_cluster",
            ),
            models.Index(fields=("organization", "owner_id"), name="jobs_by_owner"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def job_spec(self) -> JobSpec:
        """What is to run."""
        return JobSpec.from_facts(self.spec)

    @property
    def handle(self) -> JobHandle | None:
        """How the cluster knows it; None before it has answered."""
        if self.submitted_at is None:
            return None
        return JobHandle(self.external_id, self.name, self.submitted_at)

    @property
    def is_unwanted_there(self) -> bool:
        """Whether its cluster is to end it: nobody wants it, or the cluster gives its jobs back."""
        is_given_back = self.cluster.intake == Cluster.Intake.DRAINING
        return is_given_back or self.desired == self.Desired.CANCEL

    @property
    def is_gone(self) -> bool:
        """Whether the cluster did not know it often and long enough to be believed."""
        late = self.asked_at is None or timezone.now() - self.asked_at > HORIZON
        return late and self.misses >= MISSES


class ServiceQuerySet(LockingQuerySet["Service"]):
    """Services."""

    def unsettled(self) -> "ServiceQuerySet":
        """Those that must be looked at: all that should run, or have not stopped."""
        return self.exclude(desired=Service.Desired.STOP, state=Service.State.STOPPED)


class Service(TimeStamped):
    """Something that a cluster should keep running: one job after the other, as each ends.

    ``desired`` is what others wish; all else is written by the loop that brings it about. Each run
    is a job of its own, named after the service and its number, so that none is started twice.
    """

    class Desired(models.TextChoices):
        RUN = "run"
        STOP = "stop"

    class State(models.TextChoices):
        STARTING = "starting", _("Starting")
        HEALTHY = "healthy", _("Running")
        STOPPING = "stopping", _("Stopping")
        STOPPED = "stopped", _("Stopped")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="compute_services"
    )
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="services")
    name = models.CharField(max_length=50)
    owner_kind = models.CharField(max_length=60)
    owner_id = models.UUIDField()
    #: Of every run, without its name.
    spec = models.JSONField()
    desired = models.CharField(max_length=10, choices=Desired.choices, default=Desired.RUN)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STARTING)
    run = models.PositiveIntegerField(default=0)
    job = models.ForeignKey(
        ComputeJob, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: Where it answers, while it does.
    address = models.CharField(max_length=200, blank=True)
    trouble = models.CharField(max_length=300, blank=True)
    #: Runs in a row that ended, or had to be ended, before they were well for long.
    failures = models.PositiveIntegerField(default=0)
    #: The next run begins no sooner; a stop is asked for no sooner.
    not_before = models.DateTimeField(null=True, blank=True)
    #: Since when it has been well, or not.
    well_since = models.DateTimeField(null=True, blank=True)
    ill_since = models.DateTimeField(null=True, blank=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("cluster", "name"), name="service_name_once_per_cluster"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="healthy") | ~models.Q(address=""),
                name="service_that_is_well_has_an_address",
            ),
        )

    def __str__(self) -> str:
        return self.name
