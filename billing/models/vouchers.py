"""Vouchers: credit that whoever has the code redeems once."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.grants import CreditGrant
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from marketplace.models import TokenClass
from tenants.models import Organization


class VoucherCampaignQuerySet(LockingQuerySet["VoucherCampaign"]):
    """Campaigns."""


class VoucherCampaign(TimeStamped):
    """What each of its vouchers grants, to whom it may be given, and until when it is redeemed."""

    name = models.CharField(_("name"), max_length=100)
    unit = models.CharField(max_length=6, choices=CreditGrant.Unit)
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    currency = models.CharField(max_length=3)
    token_class = models.ForeignKey(
        TokenClass, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    priority = models.SmallIntegerField(default=0)
    #: How long the credit can be used once it is redeemed.
    validity_days = models.PositiveIntegerField()
    redeem_until = models.DateTimeField()
    #: Whether an organization may redeem one of its vouchers and no second.
    is_once_each = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    objects = VoucherCampaignQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0, validity_days__gt=0),
                name="voucher_is_worth_something",
            ),
            models.CheckConstraint(
                condition=models.Q(unit="money", token_class=None)
                | models.Q(unit="tokens", token_class__isnull=False),
                name="voucher_tokens_are_of_a_class",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        """Whether its vouchers are redeemed no more."""
        return self.ended_at is not None or self.redeem_until <= timezone.now()

    @property
    def credit(self) -> Money:
        """What one voucher grants, where that is money."""
        return Money(self.quantity, self.currency)


class VoucherQuerySet(LockingQuerySet["Voucher"]):
    """Vouchers."""


class Voucher(TimeStamped):
    """One code, of which only the digest is kept; its row is the lock over its redemptions."""

    campaign = models.ForeignKey(VoucherCampaign, on_delete=models.PROTECT, related_name="vouchers")
    digest = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    #: How often it may be redeemed, by one organization each time.
    uses = models.PositiveIntegerField(default=1)
    redeemed = models.PositiveIntegerField(default=0)

    objects = VoucherQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(redeemed__lte=models.F("uses")),
                name="voucher_never_redeemed_beyond_its_uses",
            ),
        )

    def __str__(self) -> str:
        return f"…{self.last_four}"


class VoucherRedemption(AppendOnly):
    """That an organization redeemed a voucher, and the grant it made."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="voucher_redemptions"
    )
    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="redemptions")
    #: The campaign where it is redeemed once each, otherwise the voucher.
    once = models.UUIDField()
    grant = models.OneToOneField(CreditGrant, on_delete=models.PROTECT, related_name="redemption")
    redeemed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "once"), name="voucher_redeemed_once_per_organization"
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.voucher_id}"
