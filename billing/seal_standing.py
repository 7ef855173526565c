"""How far receipts are sealed, and what came of checking it; for the operator's desk."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from billing.models import Seal, SealCheck
from billing.seals import HOUR
from billing.services import sealing

#: An hour that is over and not sealed by then is somebody's to look at.
LATE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Standing:
    """The last seal and check there are, and how long the next seal has been due."""

    last: Seal | None
    check: SealCheck | None
    #: When the first hour ended that is not sealed; none while there is no usage.
    due_since: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether receipts wait for their seal longer than they should."""
        return self.due_since is not None and self.due_since + LATE < timezone.now()


def standing() -> Standing:
    """Return how sealing stands. As the service."""
    hour = sealing.next_hour()
    ended = hour + HOUR if hour else None
    return Standing(
        last=Seal.objects.select_related("key").order_by("-number").first(),
        check=SealCheck.objects.order_by("-checked_at").first(),
        due_since=ended if ended and ended <= timezone.now() else None,
    )
