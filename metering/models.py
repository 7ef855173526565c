"""What was used, when and by whom, exactly once; no amount of money stands here.

The tables of facts refer to organizations, projects and keys without foreign keys: a check per
row would lock the key's row for every request, and a fact outlives what it speaks of.
"""

from django.db import models
from django.utils import timezone

from common.models import AppendOnly, Row
from tenants.models import ApiKey, Organization, Project

#: The disjoint parts of a request's tokens: what is in one is in no other. Text that was read anew,
#: read from a cache, written into one, pictures and sound; then text, hidden thought and sound made.
PROMPT_PARTS = ("input", "cached_input", "cache_write", "image_input", "audio_input")
ANSWER_PARTS = ("output", "reasoning", "audio_output")
REQUEST_PARTS = PROMPT_PARTS + ANSWER_PARTS
#: What a model was trained with is counted beside them, in events of its own.
TRAINED = "trained"
TOKEN_PARTS = (*REQUEST_PARTS, TRAINED)
#: For how long GPUs were held stands beside the tokens: so many seconds, of all of them together.
GPU_SECONDS = "gpu_seconds"
#: What a meter calls itself, with whose it is before it; see ``metering.reports``.
LONGEST_SOURCE = 120
#: Outcomes of requests that we broke off; a client that leaves early is no failure.
FAILURES = frozenset({"failed", "interrupted", "upstream_failed"})


class Tokens(models.Model):
    """What is counted: tokens, a column for each part, and seconds of GPUs.

    Columns that came later are nought to older code.
    """

    input_tokens = models.BigIntegerField(default=0)
    cached_input_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0, db_default=0)
    image_input_tokens = models.BigIntegerField(default=0, db_default=0)
    audio_input_tokens = models.BigIntegerField(default=0, db_default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    audio_output_tokens = models.BigIntegerField(default=0, db_default=0)
    trained_tokens = models.BigIntegerField(default=0, db_default=0)
    gpu_seconds = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True

    @property
    def total_tokens(self) -> int:
        """Return the tokens of all parts."""
        return sum(self.of(part) for part in TOKEN_PARTS)

    def of(self, part: str) -> int:
        """Return the tokens of one part."""
        count: int = getattr(self, f"{part}_tokens")
        return count


# To group requests by their prices, PostgreSQL would compare a document for each, which takes as long as
# reading it. Of a thousand documents that an offer ever had, two share a number in one case of thirty
# million millions.
PRICE_KEY = models.Func(models.F("price_ids"), models.Value(0), function="jsonb_hash_extended")


class UsageEvent(Tokens, AppendOnly):
    """One fact: a request and what it used. Partitioned by month of ``recorded_at``."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="usage_events", db_constraint=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True
    )
    source = models.CharField(max_length=LONGEST_SOURCE)
    event_id = models.CharField(max_length=100)
    offer_id = models.UUIDField()
    offer_name = models.CharField(max_length=100)
    region = models.CharField(max_length=40)
    #: The versions that priced each part, as opaque references.
    price_ids = models.JSONField(default=dict)
    #: Tells those of one offer apart; see :data:`PRICE_KEY`.
    price_key = models.GeneratedField(
        expression=PRICE_KEY, output_field=models.BigIntegerField(), db_persist=True
    )
    policy = models.JSONField(default=dict)
    outcome = models.CharField(max_length=20)
    streamed = models.BooleanField(default=False)
    ttft_ms = models.IntegerField(null=True)
    latency_ms = models.IntegerField(null=True)
    #: How long the slowest twentieth of its tokens took after the one before, at least; in microseconds.
    inter_token_us = models.IntegerField(null=True)
    #: In the world.
    occurred_at = models.DateTimeField()
    #: We learnt.
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-recorded_at", "-id")

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"

    @property
    def meter(self) -> str:
        """Return what its meter calls itself, without whose it is."""
        return self.source.partition(":")[2] or self.source


class UsageEventKey(models.Model):
    """The promise that an event counts once, for ever: kept when its partition is long gone."""

    pk = models.CompositePrimaryKey("organization", "source", "event_id")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    source = models.CharField(max_length=LONGEST_SOURCE)
    event_id = models.CharField(max_length=100)
    body_hash = models.BinaryField(max_length=32)
    recorded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class DroppedMonth(AppendOnly):
    """A month of facts that was old enough to go, and how much stood in it."""

    table_name = models.CharField(max_length=63)
    month = models.DateField()
    rows = models.BigIntegerField()
    dropped_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-month", "table_name")
        constraints = (
            models.UniqueConstraint(fields=("table_name", "month"), name="month_dropped_once"),
        )

    def __str__(self) -> str:
        return f"{self.table_name} {self.month:%Y-%m}"


class UsageConflict(AppendOnly):
    """An event that came again under the same key with another body: refused, and kept to look at."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=LONGEST_SOURCE)
    event_id = models.CharField(max_length=100)
    body = models.JSONField()
    body_hash = models.BinaryField(max_length=32)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-recorded_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "source", "event_id", "body_hash"),
                name="usage_conflict_told_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class UsageBucket(Tokens, Row):
    """The sums of a quarter of an hour, by when the usage occurred."""

    # The unique key begins with it: an index of its own would lead PostgreSQL astray.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="usage_buckets",
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
    region = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    ttft_ms_sum = models.BigIntegerField(default=0)
    ttft_count = models.BigIntegerField(default=0)
    latency_ms_sum = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "starts_at", "project", "api_key", "offer_name", "region"),
                name="usage_bucket_once_per_quarter_hour",
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.starts_at:%Y-%m-%d %H:%M}"


class UsageDay(Tokens, Row):
    """The sums of a day in UTC, for what is read about everybody: the operator's desk.

    The database keeps them from the buckets, so that whoever writes a bucket cannot forget them.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    offer_name = models.CharField(max_length=100)
    day = models.DateField()
    requests = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "day", "offer_name"), name="usage_day_once"
            ),
        )
        indexes = (models.Index(fields=("day",), name="usage_days_by_day"),)

    def __str__(self) -> str:
        return f"{self.offer_name} {self.day}"


class Measured(models.Model):
    """How requests were answered: how many, and how fast, as :mod:`metering.histograms` counts it."""

    requests = models.BigIntegerField(default=0)
    #: Of these, those that we broke off.
    failures = models.BigIntegerField(default=0)
    #: Milliseconds until the first part of an answer was passed on.
    ttft = models.JSONField(default=dict)
    #: Tokens a second of answers in parts, from their first part on.
    speed = models.JSONField(default=dict)
    #: Microseconds between tokens; see :attr:`UsageEvent.inter_token_us`.
    gaps = models.JSONField(default=dict)

    class Meta:
        abstract = True


class ServiceBucket(Measured, Row):
    """How the calls of a quarter of an hour were answered, by when they came.

    Only calls of the gateway that somebody waited for: neither batches nor what other meters told.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="service_buckets",
        db_constraint=False,
        db_index=False,
    )
    offer_name = models.CharField(max_length=100)
    region = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    #: When something was last added: whoever sums buckets up finds what came late.
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "starts_at", "offer_name", "region"),
                name="service_bucket_once_per_quarter_hour",
            ),
        )
        indexes = (
            models.Index(fields=("changed_at",), name="service_buckets_by_change"),
            models.Index(fields=("starts_at",), name="service_buckets_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.starts_at:%Y-%m-%d %H:%M}"


class FailedCalls(Row):
    """Calls of a quarter of an hour that got no answer because of us, as one gateway counted them.

    They left no event: nothing was used. A gateway writes how many it has counted so far, so that
    writing twice counts nothing twice.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="failed_calls",
        db_constraint=False,
        db_index=False,
    )
    offer_name = models.CharField(max_length=100)
    region = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    #: Which process of the gateway counted.
    process = models.CharField(max_length=40)
    calls = models.BigIntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "starts_at", "offer_name", "region", "process"),
                name="failed_calls_once_per_quarter_hour",
            ),
            models.CheckConstraint(condition=models.Q(calls__gt=0), name="failed_calls_are_some"),
        )
        indexes = (
            models.Index(fields=("changed_at",), name="failed_calls_by_change"),
            models.Index(fields=("starts_at",), name="failed_calls_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.starts_at:%Y-%m-%d %H:%M}"


class OfferHour(Measured, Row):
    """How the calls of all customers were answered in an hour; see :mod:`metering.services.measuring`."""

    offer_name = models.CharField(max_length=100)
    region = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    #: Calls that got no answer because of us; they are not among the requests.
    unanswered = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("starts_at", "offer_name", "region"), name="offer_hour_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.starts_at:%Y-%m-%d %H}"
