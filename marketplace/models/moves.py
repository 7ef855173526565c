"""What will let customers pay by other prices than now, on a day they were told of."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from marketplace.models.books import CustomerGroup
from marketplace.models.offers import Offer
from marketplace.models.prices import PriceBook
from tenants.models import Organization, User


class PriceMoveQuerySet(LockingQuerySet["PriceMove"]):
    """Moves."""

    def planned(self) -> "PriceMoveQuerySet":
        """Those that are still to come."""
        return self.filter(status=PriceMove.Status.PLANNED)

    def due(self) -> "PriceMoveQuerySet":
        """Those whose day has come."""
        return self.planned().filter(takes_effect_at__lte=Now())


class PriceMove(TimeStamped):
    """An end of a book, another audience of one, or another group of a customer: on its day, once."""

    class Kind(models.TextChoices):
        END = "end", _("The book ends")
        AUDIENCE = "audience", _("The book is for others")
        GROUP = "group", _("Another group of a customer")

    class Status(models.TextChoices):
        PLANNED = "planned", _("Waits for its day")
        DONE = "done", _("Done")
        WITHDRAWN = "withdrawn", _("Taken back")
        FAILED = "failed", _("Could not be done")

    kind = models.CharField(max_length=10, choices=Kind)
    #: The book that ends, of one offer or of all, or that is for others.
    book = models.ForeignKey(
        PriceBook, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    offer = models.ForeignKey(
        Offer, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: Who is in another group, or for whom the book will be.
    customer = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    group = models.ForeignKey(
        CustomerGroup, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    takes_effect_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status, default=Status.PLANNED)
    planned_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: What stood in the way on its day.
    answer = models.CharField(max_length=1000, blank=True)

    objects = PriceMoveQuerySet.as_manager()

    class Meta:
        ordering = ("takes_effect_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "book", "offer"),
                condition=models.Q(status="planned", book__isnull=False),
                nulls_distinct=False,
                name="one_planned_move_of_a_book",
            ),
            models.UniqueConstraint(
                fields=("customer",),
                condition=models.Q(status="planned", kind="group"),
                name="one_planned_group_of_a_customer",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="group", book=None, offer=None, customer__isnull=False)
                | models.Q(kind="end", book__isnull=False, customer=None, group=None)
                | models.Q(kind="audience", book__isnull=False, offer=None),
                name="move_says_what_it_moves",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.takes_effect_at:%Y-%m-%d}"
