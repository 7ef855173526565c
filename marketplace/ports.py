"""What the marketplace asks the apps above it.

Each of them puts its answer here once, when Django has loaded the apps (``AppConfig.ready()``).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol


class Demand(Protocol):
    """How much was used of what is on sale."""

    def tokens(self, offer_name: str, *, since: datetime) -> Mapping[str, int]:
        """Return by token part what all customers used of the offer; what was not used is left out."""

    def requests(self, offer_name: str, *, since: datetime) -> int:
        """Return how often all customers called the offer."""


class Tax(Protocol):
    """What is added to net prices."""

    def rate(self) -> Decimal:
        """Return the share of a net price that is added to it: ``0.2`` for twenty per cent."""


demand: Demand
tax: Tax
