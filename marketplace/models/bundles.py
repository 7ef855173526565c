"""Products that are paid beforehand."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import TimeStamped
from common.money import Money
from marketplace.models.offers import TokenClass


class GrantUnit(models.TextChoices):
    """What a bundle grants."""

    MONEY = "money", _("Money")
    TOKENS = "tokens", _("Tokens")


class Bundle(TimeStamped):
    """A product: what it costs net, what it grants, and for how long."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    summary = models.CharField(_("summary"), max_length=250, blank=True)
    currency = models.CharField(max_length=3)
    net_amount = models.DecimalField(_("net price"), max_digits=30, decimal_places=12)
    grant_unit = models.CharField(max_length=6, choices=GrantUnit)
    grant_quantity = models.DecimalField(max_digits=30, decimal_places=12)
    token_class = models.ForeignKey(
        TokenClass, on_delete=models.PROTECT, related_name="bundles", null=True, blank=True
    )
    validity_days = models.PositiveIntegerField(default=365)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("net_amount", "slug")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(net_amount__gt=0, grant_quantity__gt=0),
                name="bundle_grants_something_for_something",
            ),
            models.CheckConstraint(
                condition=models.Q(grant_unit="money", token_class=None)
                | models.Q(grant_unit="tokens", token_class__isnull=False),
                name="token_bundle_names_its_class",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def price(self) -> Money:
        """What it costs, excluding tax."""
        return Money(self.net_amount, self.currency)

    @property
    def credit(self) -> Money:
        """What a money bundle grants."""
        return Money(self.grant_quantity, self.currency)

    @property
    def token_count(self) -> int:
        """How many tokens a token bundle grants."""
        return int(self.grant_quantity)
