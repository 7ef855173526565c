"""Mail that is owed to people of an organization until it went out."""

from django.db import models
from django.utils import timezone

from common.models import LockingQuerySet, TimeStamped
from tenants.models.organization import Organization


class OwedMailQuerySet(LockingQuerySet["OwedMail"]):
    """Owed mails."""

    def due(self) -> "OwedMailQuerySet":
        """Those that nobody sends now and that are to be tried now."""
        return self.filter(next_attempt_at__lte=timezone.now())


class OwedMail(TimeStamped):
    """One mail, by the task that writes it; its row stands in the transaction of what it tells.

    It has no words of its own: the task reads what it tells of when it writes. The row goes once
    the mail went out.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="owed_mails"
    )
    task = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)

    objects = OwedMailQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("next_attempt_at",), name="owed_mails_by_time"),)

    def __str__(self) -> str:
        return self.task
