"""What attempts at a payment have in common, whatever they pay for."""

from datetime import datetime, timedelta
from typing import Self, TypeVar

from django.db import models

from common.models import LockingQuerySet

M = TypeVar("M", bound=models.Model)

#: How long a bank's question to the payer, or a page, may stay unanswered.
PATIENCE = timedelta(hours=24)
#: An attempt that was placed and not charged for so long lost its worker.
LOST = timedelta(minutes=1)
#: So long the provider knows a charge again by its key; later it might be charged a second time.
KNOWN = timedelta(hours=23)


class AttemptQuerySet(LockingQuerySet[M]):
    """Attempts at being paid: by a saved method while nobody is there, or on a page."""

    def pending(self) -> Self:
        """Those that wait for money."""
        return self.filter(status="pending")

    def lost(self, now: datetime) -> Self:
        """Those whose worker died before it had charged; one and the same charge is made up for."""
        uncharged = self.pending().filter(is_automatic=True, failure="", payment_reference="")
        return uncharged.filter(created_at__lt=now - LOST, created_at__gt=now - KNOWN)

    def given_up(self, now: datetime) -> Self:
        """Those whose payer did not come, and those that nobody may charge any more."""
        unanswered = ~models.Q(failure="") & models.Q(created_at__lt=now - PATIENCE)
        too_late = models.Q(failure="", payment_reference="", created_at__lte=now - KNOWN)
        return self.pending().filter(unanswered | too_late, is_automatic=True)
