"""The ledger summed up by day, and by hour until a day is over, so that reports do not read every entry there ever was."""

from django.db import models
from django.utils import timezone

from billing.models.ledger import AccountKind
from common.models import Row


class ClosedLedgerDay(models.Model):
    """A day (UTC) that is over and summed up: nothing is booked on it any more."""

    day = models.DateField(primary_key=True)
    closed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day}"


class LedgerDay(Row):
    """What all organizations' accounts of a kind and currency were moved by on a day."""

    day = models.ForeignKey(ClosedLedgerDay, on_delete=models.PROTECT, related_name="sums")
    account = models.CharField(max_length=20, choices=AccountKind)
    currency = models.CharField(max_length=3)
    debit = models.DecimalField(max_digits=30, decimal_places=12)
    credit = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("day", "account", "currency"), name="ledger_day_summed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(debit__gte=0, credit__gte=0), name="ledger_day_has_two_sides"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day_id} {self.account} {self.currency}"


class LedgerHour(Row):
    """The same of an hour that is over, on a day that is not summed up yet; it goes with the day's sums."""

    starts_at = models.DateTimeField()
    account = models.CharField(max_length=20, choices=AccountKind)
    currency = models.CharField(max_length=3)
    debit = models.DecimalField(max_digits=30, decimal_places=12)
    credit = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("starts_at", "account", "currency"), name="ledger_hour_summed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(debit__gte=0, credit__gte=0), name="ledger_hour_has_two_sides"
            ),
        )

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H} {self.account} {self.currency}"
