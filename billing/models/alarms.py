"""From which amounts on spend is worth a look, by currency; staff sets them."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped


def _amount(label: Any, usual: int) -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(label, max_digits=14, decimal_places=2, default=Decimal(usual))


class SpendAlarm(TimeStamped):
    """Below these amounts nobody is disturbed, however unusual the spend is.

    Rows are what staff set; ``services.spend_alarms`` says what stands in where there is none.
    """

    #: Whoever writes more than this has slipped.
    MOST = Decimal(10) ** 10

    currency = models.CharField(_("currency"), max_length=3, unique=True)
    hour = _amount(_("spent in an hour"), 50)
    day = _amount(_("spent in a day"), 200)
    #: Of a customer who is too new to have anything usual.
    new_account = _amount(_("spent in a day by a new customer"), 100)

    objects = LockingQuerySet.as_manager()

    class Meta:
        ordering = ("currency",)
        constraints = (
            models.CheckConstraint(
                condition=Q(hour__gt=0, day__gt=0, new_account__gt=0),
                name="spend_alarm_amounts_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(day__lte=Decimal(10) ** 10, new_account__lte=Decimal(10) ** 10),
                name="spend_alarm_amounts_are_no_slips",
            ),
            models.CheckConstraint(
                condition=Q(hour__lte=F("day")), name="spend_alarm_of_an_hour_is_within_the_day"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="spend_alarm_names_a_currency"
            ),
        )

    def __str__(self) -> str:
        return self.currency

    @property
    def is_set(self) -> bool:
        """Whether staff wrote it; otherwise it only stands in."""
        return not self._state.adding
