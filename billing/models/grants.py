"""Allotments of credit, and what gateway processes hold of them."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.wallets import Wallet
from common.models import LockingQuerySet, Row, TimeStamped
from common.money import round_to_minor
from marketplace.models import TokenClass
from tenants.models import Organization


class CreditGrantQuerySet(LockingQuerySet["CreditGrant"]):
    """Grants."""

    def prepaid(self) -> "CreditGrantQuerySet":
        """Those that were bought or given, and not what a contract lets the customer owe."""
        return self.exclude(kind=CreditGrant.Kind.LIMIT)

    def gifts(self) -> "CreditGrantQuerySet":
        """Those that nobody paid for: what a month's end gave back is named so too, and was paid."""
        return self.filter(kind=CreditGrant.Kind.PROMOTIONAL, cost_basis=0)

    def usable(self) -> "CreditGrantQuerySet":
        """Those that pay for usage now."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(unexpired, voided_at=None, effective_from__lte=Now(), remaining__gt=0)

    def in_burn_order(self) -> "CreditGrantQuerySet":
        """Narrower scope, priority, expiry (none last), creation, id."""
        return self.order_by(
            models.Case(models.When(token_class=None, then=1), default=0),
            "priority",
            models.F("expires_at").asc(nulls_last=True),
            "created_at",
            "id",
        )

    def with_leftovers(self) -> "CreditGrantQuerySet":
        """Those past their end (expired or void) whose free rest has not been taken off yet."""
        over = models.Q(expires_at__lte=Now()) | models.Q(voided_at__isnull=False)
        return self.filter(over, remaining__gt=models.F("leased"))


class CreditGrant(TimeStamped):
    """An allotment, in money or in tokens of a class of models: granted, used, expired or void."""

    class Unit(models.TextChoices):
        MONEY = "money", _("Money")
        TOKENS = "tokens", _("Tokens")

    class Kind(models.TextChoices):
        PURCHASED = "purchased", _("Purchased")
        PROMOTIONAL = "promotional", _("Promotional")
        #: Not credit but the right to owe: what is used of it stands on the receivable account.
        LIMIT = "limit", _("Credit limit")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="credit_grants"
    )
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="grants")
    unit = models.CharField(max_length=6, choices=Unit.choices)
    token_class = models.ForeignKey(
        TokenClass, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    kind = models.CharField(max_length=11, choices=Kind.choices)
    granted = models.DecimalField(max_digits=30, decimal_places=12)
    #: Not yet used, expired or void; what processes hold is still in it.
    remaining = models.DecimalField(max_digits=30, decimal_places=12)
    #: The part of ``remaining`` that processes hold.
    leased = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    priority = models.SmallIntegerField(default=0)
    effective_from = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    #: What made the grant; the same key never makes two.
    source_key = models.CharField(max_length=200)
    #: The net money paid for it: revenue is recognized from this, in step with its use.
    cost_basis = models.DecimalField(max_digits=30, decimal_places=12)

    objects = CreditGrantQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        indexes = (
            models.Index(
                fields=("organization", "id"),
                condition=models.Q(remaining__gt=0),
                name="grants_with_something_left",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "source_key"), name="grant_once_per_source"
            ),
            models.CheckConstraint(
                condition=models.Q(leased__gte=0, leased__lte=models.F("remaining"))
                & models.Q(remaining__lte=models.F("granted")),
                name="wallet_never_overdrawn",
            ),
            models.CheckConstraint(
                condition=models.Q(unit="money", token_class=None)
                | models.Q(unit="tokens", token_class__isnull=False),
                name="tokens_are_of_a_class",
            ),
            models.CheckConstraint(
                condition=models.Q(granted__gt=0, cost_basis__gte=0),
                name="grant_is_worth_something",
            ),
        )

    def __str__(self) -> str:
        if self.unit == self.Unit.MONEY:
            currency = self.wallet.currency
            return f"{round_to_minor(self.granted, currency):f} {currency}"
        return f"{self.granted.normalize():f} {self.unit}"

    @property
    def is_coming(self) -> bool:
        """Whether it cannot be used yet."""
        return self.effective_from > timezone.now()


#: How the holder of credit is called that is no process: work that takes long, by its key. Nobody
#: gives such a lease back but who placed it.
HOLD = "hold:"


class LeaseQuerySet(models.QuerySet["Lease"]):
    """Leases."""

    def of_processes(self) -> "LeaseQuerySet":
        """Those of gateway processes, which beat while they live."""
        return self.exclude(process_id__startswith=HOLD)

    def set_aside(self) -> "LeaseQuerySet":
        """Those that are holds: no request can have what they hold."""
        return self.filter(process_id__startswith=HOLD)


class Lease(Row):
    """What one gateway process holds of one grant; reclaimed when the process is dead.

    Where the holder's name begins with ``HOLD`` it is set aside for work that takes long
    (``billing.holds``) and stays so until that is settled.
    """

    process_id = models.CharField(max_length=100)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    grant = models.ForeignKey(CreditGrant, on_delete=models.PROTECT, related_name="leases")
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    heartbeat_at = models.DateTimeField(default=timezone.now)

    objects = LeaseQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("process_id", "grant"), name="one_lease_per_process_and_grant"
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=0), name="lease_never_negative"
            ),
        )
        indexes = (models.Index(fields=("heartbeat_at",), name="leases_by_heartbeat"),)

    def __str__(self) -> str:
        return f"{self.process_id} {self.quantity}"
