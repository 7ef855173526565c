"""What metering asks the apps above it; each puts its answer here when Django has loaded the apps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Invoices(Protocol):
    """What of the usage is told of on an invoice."""

    def untold(self, before: datetime) -> Sequence[str]:
        """Return the addresses of organizations with usage recorded before that no invoice tells of."""


#: Filled by billing.
invoices: Invoices
