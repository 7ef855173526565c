"""What staff writes to each other about a customer."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from tenants.models.organization import Organization


class CustomerNoteQuerySet(LockingQuerySet["CustomerNote"]):
    """Notes."""

    def pinned_first(self) -> "CustomerNoteQuerySet":
        """Those that are pinned, the last pinned first; then the others, newest first."""
        return self.order_by(models.F("pinned_at").desc(nulls_last=True), "-created_at", "-id")


class CustomerNote(TimeStamped):
    """A note by one of the staff. Its words are never changed or taken away; customers never see it.

    The database refuses other words and another author, and the role of customers' pages may not
    read the table at all.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(_("note"), max_length=2000)
    pinned_at = models.DateTimeField(null=True)
    pinned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    objects = CustomerNoteQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(pinned_at=None, pinned_by=None)
                | models.Q(pinned_at__isnull=False, pinned_by__isnull=False),
                name="customer_note_pinned_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return self.text[:60]
