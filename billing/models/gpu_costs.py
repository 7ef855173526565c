"""What the GPUs of a model cost the operator, as staff stated it."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from marketplace.models import Offer

ZERO = Decimal(0)


class GpuCostQuerySet(LockingQuerySet["GpuCost"]):
    """Statements of cost."""

    def standing(self) -> "GpuCostQuerySet":
        """Those that nobody withdrew, in the order in which they hold."""
        return self.filter(withdrawn_at=None).order_by("offer__name", "starts_on")


class GpuCost(TimeStamped):
    """How many GPUs a model holds from a day (UTC) on, and what each costs an hour.

    It holds until the next one of the same model begins, so no two ever overlap; none at all is
    stated as no GPUs. What was stated is never changed: it is withdrawn, and stated again.
    """

    offer = models.ForeignKey(
        Offer, on_delete=models.PROTECT, related_name="gpu_costs", verbose_name=_("model")
    )
    starts_on = models.DateField(_("first day"))
    currency = models.CharField(_("currency"), max_length=3)
    #: Part of one, where several models share it.
    gpus = models.DecimalField(
        _("GPUs"), max_digits=10, decimal_places=3, validators=[MinValueValidator(ZERO)]
    )
    per_hour = models.DecimalField(
        _("cost of a GPU an hour"),
        max_digits=30,
        decimal_places=12,
        validators=[MinValueValidator(ZERO)],
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    stated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        editable=False,
    )

    objects = GpuCostQuerySet.as_manager()

    class Meta:
        ordering = ("offer__name", "-starts_on", "-created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("offer", "starts_on"),
                condition=models.Q(withdrawn_at=None),
                name="gpu_cost_once_a_day",
            ),
            models.CheckConstraint(
                condition=models.Q(gpus__gte=0, per_hour__gte=0), name="gpu_cost_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer} {self.starts_on}"

    @property
    def an_hour(self) -> Money:
        """What all of them cost an hour."""
        return Money(self.gpus * self.per_hour, self.currency)

    @property
    def each(self) -> Money:
        """What one of them costs an hour."""
        return Money(self.per_hour, self.currency)
