"""Usage with its worth, by request and summed up."""

from django.db import models
from django.utils import timezone

from common.models import AppendOnly, Row
from metering.models import LONGEST_SOURCE
from tenants.models import ApiKey, Organization, Project


class RatedUsage(AppendOnly):
    """What one usage event is worth and which grants paid for it; ``id`` is the event's own.

    Partitioned by month of ``recorded_at``. That it stands once follows from the event's key,
    written in the same transaction.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="rated_usage", db_constraint=False
    )
    source = models.CharField(max_length=LONGEST_SOURCE)
    event_id = models.CharField(max_length=100)
    #: The price that was in force for each token part at admission.
    price_ids = models.JSONField(default=dict)
    #: The worth of each token part, as decimal strings.
    amounts = models.JSONField(default=dict)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    #: In burn order: {"grant", "quantity", "amount"}.
    split = models.JSONField(default=list)
    #: What no grant paid for; it stands on the receivable account.
    uncovered = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "rated usage"
        ordering = ("-recorded_at", "-id")

    def __str__(self) -> str:
        return f"{self.event_id} {self.amount} {self.currency}"


class SpendBucket(Row):
    """The worth of a quarter of an hour's usage, by when it occurred."""

    # The unique key begins with it: an index of its own would lead PostgreSQL astray.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="spend_buckets",
        db_constraint=False,
        db_index=False,
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True
    )
    offer_name = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    starts_at = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    amount = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    #: The part of it that no grant paid for.
    uncovered = models.DecimalField(max_digits=30, decimal_places=12, default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "organization",
                    "starts_at",
                    "project",
                    "api_key",
                    "offer_name",
                    "currency",
                ),
                name="spend_bucket_once_per_quarter_hour",
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.starts_at:%Y-%m-%d %H:%M}"


class PricedBucket(Row):
    """The tokens of a quarter of an hour that one price applies to: what a draft invoice sums up.

    Written with the events, so that it never differs from what they come to one by one.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="priced_buckets",
        db_constraint=False,
        db_index=False,
    )
    offer_name = models.CharField(max_length=100)
    token_part = models.CharField(max_length=20)
    #: Empty where usage came without a price; no invoice can be made of that.
    price_id = models.UUIDField(null=True)
    #: What each of them counts, by what its request was like.
    multiplier = models.DecimalField(max_digits=20, decimal_places=12, default=1, db_default=1)
    starts_at = models.DateTimeField()
    tokens = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "organization",
                    "starts_at",
                    "offer_name",
                    "token_part",
                    "price_id",
                    "multiplier",
                ),
                name="priced_bucket_once_per_quarter_hour",
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.token_part} {self.starts_at:%Y-%m-%d %H:%M}"


class SpendDay(Row):
    """The worth of a day in UTC, for what is read about everybody: the operator's desk, a month's end.

    The database keeps it from the buckets, so that whoever writes a bucket cannot forget it.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    offer_name = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    day = models.DateField()
    requests = models.BigIntegerField(default=0)
    amount = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    #: The part of it that no grant paid for.
    uncovered = models.DecimalField(max_digits=30, decimal_places=12, default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "day", "offer_name", "currency"), name="spend_day_once"
            ),
        )
        indexes = (models.Index(fields=("day",), name="spend_days_by_day"),)

    def __str__(self) -> str:
        return f"{self.offer_name} {self.day}"
