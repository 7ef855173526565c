"""Running totals of what everybody used, for what is read about all customers at once.

A day's total is all that was ever used until its end, so that any days are read as the difference of
two. They are made of the sums of days by :mod:`billing.services.totalling`; :mod:`billing.totals` reads.
"""

from django.db import models

from common.models import Row


class TotalledDay(models.Model):
    """A day (UTC) that was over and had its totals made; what comes later is told by a `LateDay`."""

    day = models.DateField(primary_key=True)
    #: Whether its totals stand: they are made again once an earlier day has changed.
    is_current = models.BooleanField(default=False)

    class Meta:
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day}"


class LateDay(Row):
    """That the sums of a totalled day have changed since; written by the database itself."""

    day = models.DateField(db_index=True)

    def __str__(self) -> str:
        return f"{self.day}"


class RunningTotal(Row):
    """All that was used until the end of a day: by a customer, of a model, or altogether.

    Without a currency it counts requests and tokens; in one, requests and what they were worth.
    """

    day = models.ForeignKey(
        TotalledDay, on_delete=models.PROTECT, related_name="totals", db_index=False
    )
    #: An organization's id; of a model's and of everybody's totals, none.
    customer = models.UUIDField(null=True)
    #: None in a customer's and in everybody's totals.
    offer_name = models.CharField(max_length=100, null=True)  # noqa: DJ001 - a name may be empty
    currency = models.CharField(max_length=3, blank=True)
    requests = models.BigIntegerField()
    tokens = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                # All customers' of a day in a currency stand together; see billing.totals.
                fields=("day", "currency", "customer", "offer_name"),
                name="running_total_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(customer=None) | models.Q(offer_name=None),
                name="running_total_of_one",
            ),
        )
        indexes = (
            models.Index(
                fields=("currency", "day"),
                name="running_totals_of_all",
                condition=models.Q(customer=None, offer_name=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.day_id} {self.customer or self.offer_name or 'all'} {self.currency}"


class QuarterTotal(Row):
    """What all customers used in a quarter of an hour of a totalled day."""

    starts_at = models.DateTimeField()
    currency = models.CharField(max_length=3, blank=True)
    requests = models.BigIntegerField()
    tokens = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("starts_at", "currency"), name="quarter_total_once"),
        )

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.currency}"
