"""From which amounts on spend is worth a look, by currency; staff sets them."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped


def _amount(label: Any, usual: int) -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(label, max_digits=14, decimal_places=2, default=Decimal(usual))


class SpendAlarm(TimeStamped):
    """Below these amounts nobody is disturbed, however unusual the spend is.

    A currency without a row has the amounts that a new row begins with.
    """

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
        )

    def __str__(self) -> str:
        return self.currency
