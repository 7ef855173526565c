"""Versions of price lists, and whom a list is for."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, Row, TimeStamped
from marketplace.models.offers import Offer
from marketplace.models.prices import PRICED_PARTS, PriceBook, ServiceTier
from tenants.models import Organization, User


class CustomerGroup(TimeStamped):
    """Customers that share prices: public bodies, partners, schools."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class GroupMember(TimeStamped):
    """An organization in a group; in one at most, so that no two lists contend for it."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="customer_group"
    )
    group = models.ForeignKey(CustomerGroup, on_delete=models.PROTECT, related_name="members")

    def __str__(self) -> str:
        return f"{self.organization_id} {self.group_id}"


class PriceBookVersionQuerySet(LockingQuerySet["PriceBookVersion"]):
    """Versions of price books."""


class PriceBookVersion(TimeStamped):
    """Prices of a book that begin together: drafted, published once, never changed afterwards."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    note = models.CharField(_("what changes and why"), max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    effective_from = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = PriceBookVersionQuerySet.as_manager()

    class Meta:
        ordering = ("book", "-number")
        constraints = (
            models.UniqueConstraint(fields=("book", "number"), name="version_once_per_book"),
            models.CheckConstraint(
                condition=models.Q(status="draft", effective_from=None, published_at=None)
                | models.Q(effective_from__isnull=False, published_at__isnull=False),
                name="published_version_has_a_beginning",
            ),
        )

    def __str__(self) -> str:
        return f"{self.book} {self.number}"

    @property
    def is_draft(self) -> bool:
        """Whether it can still be changed."""
        return self.status == self.Status.DRAFT

    @property
    def is_scheduled(self) -> bool:
        """Whether it is published and has not begun."""
        begins = self.effective_from
        is_published = self.status == self.Status.PUBLISHED
        return is_published and begins is not None and begins > timezone.now()


class DraftPrice(Row):
    """What a draft would charge for one part of an offer."""

    version = models.ForeignKey(PriceBookVersion, on_delete=models.CASCADE, related_name="drafts")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    token_part = models.CharField(max_length=20, choices=PRICED_PARTS)
    service_tier = models.CharField(
        max_length=10, choices=ServiceTier, default=ServiceTier.STANDARD
    )
    definition = models.JSONField()

    class Meta:
        ordering = ("offer__name", "service_tier", "token_part")
        constraints = (
            models.UniqueConstraint(
                fields=("version", "offer", "token_part", "service_tier"),
                name="draft_price_once_per_part",
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer} {self.token_part}"
