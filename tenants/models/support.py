"""Reading a customer's pages as one of the operator's staff: asked for, granted, and over soon."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from tenants.models.organization import Organization

#: So long it lasts at most, from when it is granted.
LONGEST = timedelta(minutes=30)


class SupportAccessQuerySet(LockingQuerySet["SupportAccess"]):
    """Accesses of the operator's support."""

    def waiting(self) -> "SupportAccessQuerySet":
        """Those that nobody has decided, and that are not too old to be."""
        return self.filter(state=SupportAccess.State.ASKED, lapses_at__gt=Now())

    def open(self) -> "SupportAccessQuerySet":
        """Those that open the customer's pages now, by the database's clock."""
        return self.filter(state=SupportAccess.State.GRANTED, expires_at__gt=Now())


class SupportAccess(TimeStamped):
    """One of the staff who reads one customer's pages, why, and who let them in.

    The customer does; in an emergency somebody else of the staff. Never the supporter: the database
    refuses that, as it refuses more than half an hour.
    """

    class Way(models.TextChoices):
        INVITED = "invited", _("The customer lets them in")
        EMERGENCY = "emergency", _("In an emergency, somebody else of the staff does")

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        GRANTED = "granted", _("Granted")
        REFUSED = "refused", _("Refused")
        ENDED = "ended", _("Ended")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="support_accesses"
    )
    supporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=250)
    ticket = models.CharField(_("ticket"), max_length=60)
    minutes = models.PositiveSmallIntegerField(_("minutes"))
    way = models.CharField(max_length=10, choices=Way, default=Way.INVITED)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    lapses_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = SupportAccessQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("supporter")),
                name="nobody_lets_themselves_into_a_customers_pages",
            ),
            models.CheckConstraint(
                condition=~Q(state="granted")
                | Q(
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                    expires_at__gt=F("decided_at"),
                    expires_at__lte=F("decided_at") + LONGEST,
                ),
                name="support_lasts_half_an_hour_at_most",
            ),
            models.UniqueConstraint(
                fields=("organization", "supporter"),
                condition=Q(state="asked"),
                name="one_open_question_of_support",
            ),
        )

    def __str__(self) -> str:
        return f"{self.ticket}: {self.reason}"
