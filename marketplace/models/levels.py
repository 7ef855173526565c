"""How well an offer answers: what was measured of it, and what customers are promised."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import AppendOnly, TimeStamped
from marketplace.models.offers import Offer

#: Below so many calls, or of fewer customers than this, figures would tell of single customers.
FEWEST_CALLS = 100
FEWEST_CUSTOMERS = 3
HUNDRED = Decimal(100)


def is_enough(calls: int, customers: int, *, is_private: bool) -> bool:
    """Whether so many calls of so many customers tell of an offer and of no single customer."""
    return calls >= FEWEST_CALLS and (is_private or customers >= FEWEST_CUSTOMERS)


class Measurement(TimeStamped):
    """What was measured of an offer in the last thirty days, by all who called it.

    Written anew every few minutes; nothing is summed up when a page asks.
    """

    offer = models.OneToOneField(Offer, on_delete=models.CASCADE, related_name="measurement")
    #: The first hour with a call in it, and when it was told.
    since = models.DateTimeField()
    until = models.DateTimeField()
    #: Calls, those that got no answer included, and of how many customers.
    calls = models.BigIntegerField()
    customers = models.IntegerField()
    ttft_p50_ms = models.IntegerField(null=True)
    ttft_p95_ms = models.IntegerField(null=True)
    tokens_per_second = models.DecimalField(max_digits=12, decimal_places=1, null=True)
    inter_token_p95_ms = models.DecimalField(max_digits=12, decimal_places=1, null=True)
    #: Of a hundred calls, those that did not fail because of us.
    availability = models.DecimalField(max_digits=6, decimal_places=3)

    def __str__(self) -> str:
        return f"{self.offer} {self.until:%Y-%m-%d}"

    @property
    def is_enough(self) -> bool:
        """Whether it tells of the offer and of no single customer; of a private one its owner reads."""
        is_private = self.offer.model_version.model.owner_id is not None
        return is_enough(self.calls, self.customers, is_private=is_private)


class ServiceLevelQuerySet(models.QuerySet["ServiceLevel"]):
    """What was promised."""

    def newest_first(self) -> "ServiceLevelQuerySet":
        """In the order in which the first that has begun is the one that holds."""
        return self.order_by("offer_id", "-effective_from", "-number")


class ServiceLevel(AppendOnly):
    """What customers of an offer are promised from an instant on, until the next one begins.

    A month is judged by what holds at its first instant where the customer is, whatever changes while
    it runs. A target that is empty is not promised; without any, nothing is.
    """

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="service_levels")
    #: From one, in the order in which they were agreed.
    number = models.PositiveIntegerField()
    #: Of a hundred calls, ninety-five have their first token within so long.
    ttft_p95_ms = models.PositiveIntegerField(null=True, blank=True)
    #: Half of the answers come at least as fast.
    tokens_per_second = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    #: Of a hundred answers, in ninety-five all but a twentieth of the tokens come within so long.
    inter_token_p95_ms = models.PositiveIntegerField(null=True, blank=True)
    #: Of a hundred calls so many do not fail because of us.
    availability = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    #: A customer's month with fewer calls than this is not judged.
    least_calls = models.PositiveIntegerField(default=100)
    #: Pairs of by how much a target is missed at least, and what is credited of the month's charges,
    #: both in per cent: of times and speed as a share of the target, of availability in points.
    steps = models.JSONField(default=list)
    availability_steps = models.JSONField(default=list)
    #: All that is missed comes to no more than this.
    cap = models.DecimalField(max_digits=5, decimal_places=2, default=HUNDRED)
    effective_from = models.DateTimeField()
    agreed_at = models.DateTimeField(default=timezone.now)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = ServiceLevelQuerySet.as_manager()

    class Meta:
        ordering = ("offer__name", "-effective_from", "-number")
        constraints = (
            models.UniqueConstraint(fields=("offer", "number"), name="service_level_number_once"),
            models.CheckConstraint(
                condition=~models.Q(approved_by=models.F("proposed_by")),
                name="service_level_under_four_eyes",
            ),
            models.CheckConstraint(
                condition=models.Q(effective_from__gte=models.F("agreed_at")),
                name="service_level_not_for_the_past",
            ),
            models.CheckConstraint(
                condition=models.Q(cap__gte=0, cap__lte=100), name="service_level_cap_is_a_share"
            ),
            models.CheckConstraint(
                condition=models.Q(availability=None)
                | models.Q(availability__gt=0, availability__lte=100),
                name="service_level_availability_is_a_share",
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer} {self.number}"

    @property
    def promises(self) -> bool:
        """Whether it promises anything."""
        return any(getattr(self, name) is not None for name in TARGETS)


#: What can be promised, in order, and how it is called.
TARGETS = {
    "ttft_p95_ms": _("First token, 95 of 100 calls within (ms)"),
    "tokens_per_second": _("Tokens a second, half of the answers at least"),
    "inter_token_p95_ms": _("Between tokens, 95 of 100 answers within (ms)"),
    "availability": _("Availability, percent of calls"),
}
