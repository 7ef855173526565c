"""How an organization pays without being asked again, and when it does."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from marketplace.models import Bundle
from tenants.models import Organization


class ProviderCustomer(TimeStamped):
    """The organization as the payment provider knows it."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="provider_customer"
    )
    customer_id = models.CharField(max_length=255, unique=True)

    def __str__(self) -> str:
        return self.customer_id


#: How people know the provider's names of cards.
BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


class PaymentMethodQuerySet(LockingQuerySet["PaymentMethod"]):
    """Saved methods."""

    def present(self) -> "PaymentMethodQuerySet":
        """Those that were not removed."""
        return self.filter(removed_at=None)


class PaymentMethod(TimeStamped):
    """A card or account saved with the provider; of its number we know the last four digits."""

    class Kind(models.TextChoices):
        CARD = "card", _("Card")
        SEPA = "sepa_debit", _("SEPA direct debit")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="payment_methods"
    )
    method_id = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    brand = models.CharField(max_length=30, blank=True)
    last_four = models.CharField(max_length=4)
    #: Of cards: the last month in which it is valid, as MM/YYYY.
    expires = models.CharField(max_length=7, blank=True)
    is_default = models.BooleanField(default=False)
    removed_at = models.DateTimeField(null=True)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("organization",),
                condition=models.Q(is_default=True),
                name="one_default_payment_method",
            ),
        )

    def __str__(self) -> str:
        brand = BRANDS.get(self.brand, self.brand) or self.get_kind_display()
        return f"{brand} …{self.last_four}"


class TopUpRuleQuerySet(LockingQuerySet["TopUpRule"]):
    """Rules."""

    def ready(self) -> "TopUpRuleQuerySet":
        """Those that may buy now."""
        rested = models.Q(paused_until=None) | models.Q(paused_until__lte=timezone.now())
        return self.filter(rested, is_on=True, stopped_at=None)


class TopUpRule(TimeStamped):
    """Which bundle is bought by itself, below which balance, for how much a month at most."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="top_up_rule"
    )
    is_on = models.BooleanField(default=False)
    below = models.DecimalField(max_digits=30, decimal_places=12)
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="+")
    #: With tax, in the organization's months.
    monthly_cap = models.DecimalField(max_digits=30, decimal_places=12)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    #: It rests so long after a decline, or until the month ends that reached its cap.
    paused_until = models.DateTimeField(null=True)
    #: It bought too often in a few minutes: a person looks at it and switches it on again.
    stopped_at = models.DateTimeField(null=True)

    objects = TopUpRuleQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(below__gt=0, monthly_cap__gt=0), name="top_up_has_bounds"
            ),
        )

    def __str__(self) -> str:
        return f"{self.bundle}"

    @property
    def cap(self) -> Money:
        """At most so much a month, with tax."""
        return Money(self.monthly_cap, self.bundle.currency)


class BalanceWatchQuerySet(LockingQuerySet["BalanceWatch"]):
    """Watches."""


class BalanceWatch(TimeStamped):
    """Below which balance people are told, and what they were told last."""

    class Level(models.TextChoices):
        FINE = "fine", _("Fine")
        LOW = "low", _("Low")
        EXHAUSTED = "exhausted", _("Used up")

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="balance_watch"
    )
    #: Nothing means that only an exhausted balance is told.
    below = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    told = models.CharField(max_length=10, choices=Level.choices, default=Level.FINE)
    told_at = models.DateTimeField(null=True)

    objects = BalanceWatchQuerySet.as_manager()

    def __str__(self) -> str:
        return self.told
