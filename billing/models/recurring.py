"""Credit that comes every month, and the grants that it has made."""

from django.conf import settings
from django.db import models

from billing.models.grants import CreditGrant
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from marketplace.models import TokenClass
from tenants.models import Organization

#: A month, as periods name it.
MONTH_LENGTH = 7


class RecurringGrantQuerySet(LockingQuerySet["RecurringGrant"]):
    """Recurring grants."""

    def running(self) -> "RecurringGrantQuerySet":
        """Those that nobody has ended."""
        return self.filter(ended_at=None)


class RecurringGrant(TimeStamped):
    """What an organization is granted each calendar month of its own time zone.

    What is left of it ends with the month, or ``rollover`` of it at most with the month after.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="recurring_grants"
    )
    unit = models.CharField(max_length=6, choices=CreditGrant.Unit)
    token_class = models.ForeignKey(
        TokenClass, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    priority = models.SmallIntegerField(default=0)
    rollover = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    first_month = models.CharField(max_length=MONTH_LENGTH)
    #: The last month that it is granted for; empty: until somebody ends it.
    last_month = models.CharField(max_length=MONTH_LENGTH, blank=True)
    reason = models.CharField(max_length=250)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    #: Makes two clicks one.
    operation_key = models.UUIDField(unique=True)
    ended_at = models.DateTimeField(null=True)

    objects = RecurringGrantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0, rollover__gte=0),
                name="recurring_grant_is_worth_something",
            ),
            models.CheckConstraint(
                condition=models.Q(unit="money", token_class=None)
                | models.Q(unit="tokens", token_class__isnull=False),
                name="recurring_tokens_are_of_a_class",
            ),
            models.CheckConstraint(
                condition=models.Q(last_month="")
                | models.Q(last_month__gte=models.F("first_month")),
                name="recurring_grant_never_ends_before_it_begins",
            ),
        )

    def __str__(self) -> str:
        return self.reason

    @property
    def credit(self) -> Money:
        """What a month grants, where that is money."""
        return Money(self.quantity, self.currency)

    @property
    def kept(self) -> Money:
        """What is kept of it for another month, where that is money."""
        return Money(self.rollover, self.currency)

    def is_due_in(self, label: str) -> bool:
        """Whether it is granted for the month."""
        return self.first_month <= label and (not self.last_month or label <= self.last_month)


class RecurringInstance(AppendOnly):
    """The grant of one month."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    recurring = models.ForeignKey(
        RecurringGrant, on_delete=models.PROTECT, related_name="instances"
    )
    month = models.CharField(max_length=MONTH_LENGTH)
    #: The first instant of the month after: what goes beyond the rollover is taken off then.
    ends_at = models.DateTimeField()
    grant = models.OneToOneField(CreditGrant, on_delete=models.PROTECT, related_name="instance")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("recurring", "month"), name="recurring_grant_once_a_month"
            ),
        )

    def __str__(self) -> str:
        return f"{self.recurring_id} {self.month}"
