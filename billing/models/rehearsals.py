"""What past usage would have been worth under a version of a price book, customer by customer."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, Row, TimeStamped
from marketplace.models import PRICED_PARTS, OtherPart, PriceBookVersion, ServiceTier
from tenants.models import Organization, User


class RehearsalQuerySet(LockingQuerySet["Rehearsal"]):
    """Rehearsals."""

    def unfinished(self) -> "RehearsalQuerySet":
        """Those that a worker still has to go on with."""
        return self.filter(finished_at=None)


class Rehearsal(TimeStamped):
    """Months of usage replayed under a version; the row is the queue, and counts how far it is."""

    # What a draft would have brought is gone with the draft.
    version = models.ForeignKey(
        PriceBookVersion, on_delete=models.CASCADE, related_name="rehearsals"
    )
    first_month = models.CharField(_("first month"), max_length=7)
    last_month = models.CharField(_("last month"), max_length=7)
    #: All that the book would say, as it stood when the rehearsal was asked for.
    prices = models.JSONField()
    #: How many customers pay by the book, how many are done, and who was the last of them.
    customers = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    reached = models.UUIDField(null=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    finished_at = models.DateTimeField(null=True)

    objects = RehearsalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(last_month__gte=models.F("first_month")),
                name="rehearsal_never_ends_before_it_begins",
            ),
        )

    def __str__(self) -> str:
        return f"{self.version} {self.first_month} {self.last_month}"

    @property
    def is_finished(self) -> bool:
        """Whether all customers are done."""
        return self.finished_at is not None


class RehearsedUsage(Row):
    """What one customer used of one part of an offer, as it was booked and as it would be."""

    class Reason(models.TextChoices):
        """Why usage could not be rated."""

        RATED = "", _("rated")
        NO_PRICE = "no_price", _("The version has no price for it.")
        UNPRICED = "unpriced", _("It was recorded without a price.")
        GONE = "gone", _("Its requests are no longer kept, and the price asks for them.")

    rehearsal = models.ForeignKey(Rehearsal, on_delete=models.CASCADE, related_name="lines")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    offer_name = models.CharField(max_length=100)
    token_part = models.CharField(max_length=20, choices=PRICED_PARTS)
    service_tier = models.CharField(max_length=10, choices=ServiceTier)
    #: Requests, where they are what is priced; of GPU-hours, the seconds.
    tokens = models.DecimalField(max_digits=30, decimal_places=0)
    before = models.DecimalField(max_digits=30, decimal_places=12)
    #: Empty where it could not be rated.
    after = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    reason = models.CharField(max_length=10, choices=Reason, blank=True)

    class Meta:
        ordering = ("offer_name", "token_part", "service_tier")
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "rehearsal",
                    "organization",
                    "offer_name",
                    "token_part",
                    "service_tier",
                    "reason",
                ),
                name="rehearsed_usage_once",
            ),
            models.CheckConstraint(
                condition=models.Q(reason="", after__isnull=False)
                | (~models.Q(reason="") & models.Q(after=None)),
                name="unrated_usage_has_a_reason",
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer_name} {self.token_part}"

    @property
    def is_timed(self) -> bool:
        """Whether what is counted are seconds of GPUs."""
        return self.token_part == OtherPart.GPU_HOURS.value
