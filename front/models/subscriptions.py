"""Who is written to about incidents and planned work, and which letters they get."""

from collections.abc import Collection
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from front.models.incidents import IncidentUpdate
from marketplace.models import AIModel
from tenants.models import Region

#: An address that does not confirm is forgotten after so long; its link is as old as that.
PATIENCE = timedelta(days=7)
#: What a worker took and did not finish is somebody else's after so long.
LEASE = timedelta(minutes=5)
#: Nobody is written to about what was said before that.
STALE = timedelta(days=1)


class StatusSubscriptionQuerySet(LockingQuerySet["StatusSubscription"]):
    """Subscriptions."""

    def confirmed(self) -> "StatusSubscriptionQuerySet":
        """Those of people who have shown that the address is theirs."""
        return self.exclude(confirmed_at=None)

    def waiting(self) -> "StatusSubscriptionQuerySet":
        """Those that nobody has confirmed."""
        return self.filter(confirmed_at=None)

    def invited(self) -> "StatusSubscriptionQuerySet":
        """Those whose link is to go out now, in the order in which they asked."""
        found = self.waiting().filter(invited_at=None)
        return found.filter(Q(invite_after=None) | Q(invite_after__lte=timezone.now())).order_by(
            "pk"
        )

    def told_of(
        self, regions: Collection[Region], models: Collection[AIModel]
    ) -> "StatusSubscriptionQuerySet":
        """Those that get what concerns these regions and models; none of them means all."""
        found = self.confirmed()
        if regions:
            found = found.filter(Q(regions__in=regions) | Q(regions=None))
        if models:
            found = found.filter(Q(named_models__in=models) | Q(named_models=None))
        return found.distinct()


class StatusSubscription(TimeStamped):
    """An address that is written to about incidents and planned work; when it ends, it is gone.

    Where one that gets mail asks again, what it asks for stands beside it until it is confirmed.
    """

    email = models.EmailField(_("e-mail address"), max_length=254)
    language = models.CharField(_("language"), max_length=10)
    #: None: all of them.
    regions = models.ManyToManyField(Region, related_name="+", blank=True)
    named_models = models.ManyToManyField(AIModel, related_name="+", blank=True)
    confirmed_at = models.DateTimeField(null=True)
    #: What waited beside it and was confirmed last: the link to that leads here from then on.
    confirmed_as = models.UUIDField(null=True, unique=True)
    #: When the mail with the link went out; empty while it is to go.
    invited_at = models.DateTimeField(null=True)
    #: No sooner does the link go out: it was not taken before.
    invite_after = models.DateTimeField(null=True)

    objects = StatusSubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("email",),
                condition=Q(confirmed_at__isnull=False),
                name="status_mail_once_an_address",
            ),
            models.UniqueConstraint(
                fields=("email",),
                condition=Q(confirmed_at=None),
                name="status_mail_asked_for_once_an_address",
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)


class StatusLetterQuerySet(LockingQuerySet["StatusLetter"]):
    """Letters."""

    def due(self) -> "StatusLetterQuerySet":
        """Those that are to go, and that nobody is sending now, the oldest first."""
        now = timezone.now()
        free = Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE)
        found = self.filter(free, sent_at=None, created_at__gte=now - STALE)
        return found.order_by("created_at", "pk")


class StatusLetter(TimeStamped):
    """One thing that was said of an incident, and one who is written to of it: once."""

    subscription = models.ForeignKey(
        StatusSubscription, on_delete=models.CASCADE, related_name="letters"
    )
    update = models.ForeignKey(IncidentUpdate, on_delete=models.PROTECT, related_name="letters")
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects = StatusLetterQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subscription", "update"), name="status_letter_once"),
        )
        indexes = (
            models.Index(
                fields=("created_at",), condition=Q(sent_at=None), name="status_letters_to_send"
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)
