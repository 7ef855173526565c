"""What the operator holds a customer to, in three grades, and for how long."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from tenants.models.organization import Organization


class RestrictionQuerySet(LockingQuerySet["Restriction"]):
    """Restrictions."""

    def open(self) -> "RestrictionQuerySet":
        """Those that nobody has lifted, to come or in force."""
        return self.filter(lifted_at=None)

    def in_force(self, now: datetime) -> "RestrictionQuerySet":
        """Those that hold at this moment."""
        unended = Q(ends_at=None) | Q(ends_at__gt=now)
        return self.open().filter(unended, starts_at__lte=now)


class Restriction(TimeStamped):
    """A warning, a stop of what is new, or a stop of everything; with its reason, from when to when.

    The customer reads it. It ends when it is lifted, or by itself at ``ends_at``.
    """

    class Level(models.TextChoices):
        WARN = "warn", _("Warn")
        NEW = "new", _("Stop what is new")
        ALL = "all", _("Stop everything")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="restrictions"
    )
    level = models.CharField(max_length=4, choices=Level)
    reason = models.CharField(max_length=250)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    #: When it came into force and the customer was told.
    begun_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    #: Nobody: it ended by itself.
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    objects = RestrictionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "level"),
                condition=Q(lifted_at=None),
                name="one_open_restriction_of_a_level",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="restriction_ends_after_it_starts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_level_display()}: {self.organization}"
