"""What customers were told of changes ahead: of prices that rise, of models that go."""

from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from marketplace.models.catalogue import AIModel
from marketplace.models.moves import PriceMove
from marketplace.models.offers import Offer
from tenants.models import Organization

#: How long a mail may take to be sent, until another worker takes it up.
LEASE = timedelta(minutes=10)


class NoticeQuerySet(LockingQuerySet["Notice"]):
    """Notices."""

    def due(self) -> "NoticeQuerySet":
        """Those that nobody was written about yet, that still hold, and that nobody sends now."""
        free = models.Q(claimed_at=None) | models.Q(claimed_at__lt=timezone.now() - LEASE)
        return self.filter(free, sent_at=None, taken_back_at=None)


class Notice(TimeStamped):
    """One change that one customer, who used the model of late, is told of: once."""

    class Kind(models.TextChoices):
        PRICES = "prices", _("Prices rise")
        RETIREMENT = "retirement", _("Model retires")

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="notices")
    #: What it is called in the API.
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    happens_at = models.DateTimeField()
    #: Of prices: what rises for this customer, by service tier and part, from what to what.
    prices = models.JSONField(default=list)
    #: By which customers come to pay other prices, where no price changes.
    move = models.ForeignKey(
        PriceMove, on_delete=models.PROTECT, related_name="notices", null=True, blank=True
    )
    currency = models.CharField(max_length=3, blank=True)
    #: Since when somebody is sending its mail, who may have died over it.
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    #: Since when it does not come about any more.
    taken_back_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("happens_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "offer", "kind", "happens_at"), name="told_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer} {self.kind} {self.happens_at:%Y-%m-%d}"
