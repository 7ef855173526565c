"""What metering asks the apps above it; each puts its answer here when Django has loaded the apps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Invoices(Protocol):
    """What of the usage is told of on an invoice."""

    def untold(self, before: datetime) -> Sequence[str]:
        """Return the addresses of organizations with usage recorded before that no invoice tells of."""


#: Filled by billing.
invoices: Invoices


@dataclass(frozen=True, slots=True)
class Window:
    """A time for which work was announced before it began."""

    starts_at: datetime
    ends_at: datetime
    #: Which model's, by its name in the API, and where; empty: all of them, everywhere.
    offer_name: str = ""
    region: str = ""


class Maintenance(Protocol):
    """When work was announced beforehand."""

    def windows(self, start: datetime, end: datetime) -> Sequence[Window]:
        """Return the windows that touch the period, announced before each began."""


class Unannounced:
    """What holds as long as nobody keeps announcements: no work was announced."""

    def windows(self, start: datetime, end: datetime) -> Sequence[Window]:
        """Return none."""
        return ()


#: Filled by whoever keeps announcements.
maintenance: Maintenance = Unannounced()
