"""What people allow themselves to spend, and what of it is spent."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, Row, TimeStamped
from common.money import Money
from tenants.models import ApiKey, Organization, Project

#: Shares of a budget, in per cent, whose crossing is told.
THRESHOLDS = (50, 80, 100)


def usual_thresholds() -> list[int]:
    """Return the shares that are told unless others are chosen."""
    return list(THRESHOLDS)


class BudgetQuerySet(LockingQuerySet["Budget"]):
    """Budgets."""

    def open(self) -> "BudgetQuerySet":
        """Those that count."""
        return self.filter(closed_at=None)


class Budget(TimeStamped):
    """An amount of money that an organization, a project or a key may spend in a window of time.

    A hard one stops requests; the others only tell. One that is closed counts no more and stays.
    """

    class Window(models.TextChoices):
        DAY = "day", _("Every day")
        WEEK = "week", _("Every week, from Monday")
        MONTH = "month", _("Every month")
        FIXED = "fixed", _("From one day to another")

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="budgets")
    #: Empty means all projects.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="budgets", null=True, blank=True
    )
    #: Empty means all keys.
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, related_name="budgets", null=True, blank=True
    )
    name = models.CharField(_("name"), max_length=100)
    amount = models.DecimalField(_("amount"), max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    window = models.CharField(max_length=5, choices=Window, default=Window.MONTH)
    #: The ends of a fixed window.
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_hard = models.BooleanField(default=True)
    thresholds = ArrayField(models.PositiveSmallIntegerField(), default=usual_thresholds)
    closed_at = models.DateTimeField(null=True, blank=True)
    #: What new customers may spend until their first purchase or contract: theirs to read, not to change.
    is_operators = models.BooleanField(default=False)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="budget_is_an_amount"),
            models.CheckConstraint(
                condition=models.Q(project=None) | models.Q(api_key=None),
                name="budget_is_of_a_project_or_a_key",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    window="fixed", starts_at__isnull=False, ends_at__gt=models.F("starts_at")
                )
                | (~models.Q(window="fixed") & models.Q(starts_at=None, ends_at=None)),
                name="fixed_budget_has_two_ends",
            ),
        )
        indexes = (
            models.Index(
                fields=("organization",),
                condition=models.Q(closed_at=None),
                name="open_budgets",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def limit(self) -> Money:
        """Return what may be spent in a window."""
        return Money(self.amount, self.currency)

    @property
    def time_zone(self) -> str:
        """Return the clocks by which its windows are cut."""
        return self.organization.time_zone


class BudgetWindow(Row):
    """One window of a budget: what was spent in it, and what processes hold of it.

    What was really spent is always written, above the amount too; what is held never is (the
    database refuses a lease that passes the amount, see the migration).
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="budget_windows"
    )
    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="windows")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    spent = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    leased = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    #: The greatest share, in per cent, whose crossing was told.
    told = models.PositiveSmallIntegerField(default=0)

    objects = LockingQuerySet["BudgetWindow"].as_manager()

    class Meta:
        ordering = ("-starts_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("budget", "starts_at"), name="budget_window_once_per_start"
            ),
            models.CheckConstraint(
                condition=models.Q(spent__gte=0, leased__gte=0), name="budget_never_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{self.budget_id} {self.starts_at:%Y-%m-%d}"


class BudgetLease(Row):
    """What one gateway process holds of one window; reclaimed when the process is dead."""

    process_id = models.CharField(max_length=100)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    window = models.ForeignKey(BudgetWindow, on_delete=models.PROTECT, related_name="leases")
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    heartbeat_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("process_id", "window"), name="one_lease_per_process_and_window"
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=0), name="budget_lease_never_negative"
            ),
        )
        indexes = (models.Index(fields=("heartbeat_at",), name="budget_leases_by_heartbeat"),)

    def __str__(self) -> str:
        return f"{self.process_id} {self.quantity}"
