"""What looks like abuse of a customer's keys or account, and how staff decided about it."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, Row
from tenants.models.api_key import ApiKey
from tenants.models.organization import Organization


class AbuseSignalQuerySet(LockingQuerySet["AbuseSignal"]):
    """Signals."""

    def open(self) -> "AbuseSignalQuerySet":
        """Those that nobody has decided about."""
        return self.filter(closed_at=None)

    def of_customers(self) -> "AbuseSignalQuerySet":
        """Those that the customers are told of; the database lets their pages read no other."""
        return self.filter(kind__in=AbuseSignal.TOLD)

    def quieting(self, now: datetime) -> "AbuseSignalQuerySet":
        """Those after whose decision the same is not raised again yet."""
        return self.filter(quiet_until__gt=now)


class AbuseSignal(Row):
    """Something unusual about a customer or one of their keys, at its worst; staff decides.

    At most one of a kind (and key) is open: what goes on makes it graver, not more. Customers read
    what was seen, of the kinds that they are told of, and never what staff writes about it.
    """

    class Kind(models.TextChoices):
        SPEND = "spend_spike", _("Unusual spend")
        NEW = "new_account", _("New customer spends fast")
        KEY = "leaked_key", _("Leaked key")

    class Level(models.IntegerChoices):
        NOTICE = 1, _("to look at")
        HIGH = 2, _("grave")
        SEVERE = 3, _("very grave")

    class Decision(models.TextChoices):
        DISMISSED = "dismissed", _("Dismissed")
        ACTED = "acted", _("Acted upon")

    #: The kinds that the customer's own people are told of.
    TOLD = (Kind.SPEND, Kind.KEY)

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="abuse_signals"
    )
    #: Empty: it is about the customer as a whole.
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", null=True)
    kind = models.CharField(max_length=20, choices=Kind)
    level = models.PositiveSmallIntegerField(choices=Level)
    #: What raised it, at its worst, as the kind's own service writes it.
    figures = models.JSONField(default=dict)
    raised_at = models.DateTimeField(default=timezone.now, editable=False)
    #: When it was last seen to go on.
    seen_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    #: For staff alone.
    reason = models.CharField(max_length=250, blank=True)
    #: Until then the same is not raised again, unless it is graver.
    quiet_until = models.DateTimeField(null=True)

    objects = AbuseSignalQuerySet.as_manager()

    class Meta:
        ordering = ("-raised_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "kind", "api_key"),
                condition=Q(closed_at=None),
                nulls_distinct=False,
                name="one_open_abuse_signal_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, decision="", decided_by=None, quiet_until=None)
                | Q(
                    closed_at__isnull=False,
                    decision__in=("dismissed", "acted"),
                    decided_by__isnull=False,
                    quiet_until__isnull=False,
                ),
                name="abuse_signal_closed_by_a_decision",
            ),
            models.CheckConstraint(
                condition=~Q(kind="leaked_key") | Q(api_key__isnull=False),
                name="abuse_signal_of_a_leak_names_the_key",
            ),
            models.CheckConstraint(
                condition=Q(level__in=(1, 2, 3)), name="abuse_signal_level_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.organization}"
