"""What the marketplace asks the apps above it.

Each of them puts its answer here once, when Django has loaded the apps (``AppConfig.ready()``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from django.core.files import File

from tenants.models import Organization


class Demand(Protocol):
    """How much was used of what is on sale."""

    def tokens(self, offer_name: str, *, since: datetime, service_tier: str) -> Mapping[str, int]:
        """Return by token part what all customers used of the offer at prices of this tier.

        What was not used is left out.
        """

    def requests(self, offer_name: str, *, since: datetime) -> int:
        """Return how often all customers called the offer."""

    def customers(self, offer_name: str, *, since: datetime) -> Sequence[Organization]:
        """Return the customers that used the offer since."""

    def used_by(
        self, customers: Collection[Organization], *, since: datetime
    ) -> Mapping[UUID, Collection[str]]:
        """Return by customer the names of the offers that it used since."""


class Margins(Protocol):
    """What is left of what models bring in."""

    def share(self, offer_name: str) -> Decimal | None:
        """Return the share of this month's revenue that is left of the offer; None: not known."""


class Tax(Protocol):
    """What is added to net prices."""

    def rate(self) -> Decimal:
        """Return the share of a net price that is added to it: ``0.2`` for twenty per cent."""


@dataclass(frozen=True, slots=True)
class NamingContract:
    """A contract that names a price book."""

    organization: Organization
    number: str
    is_draft: bool
    holds: bool
    #: None of a draft.
    begins: datetime | None


class Contracts(Protocol):
    """What was agreed with customers."""

    def naming(self, book: UUID) -> Sequence[NamingContract]:
        """Return the contracts that name the book and are not over, drafts among them."""

    def customers(self) -> Mapping[UUID, int]:
        """Return by price book how many customers a contract that holds now lets pay by it."""

    def price_books(
        self, organizations: Collection[Organization], at: datetime
    ) -> Mapping[UUID, UUID]:
        """Return by organization the price book that its contract names at the instant."""

    def changes(
        self, organizations: Collection[Organization], after: datetime
    ) -> Collection[datetime]:
        """Return when signed contracts of the organizations begin or end after the instant."""


class Contents(Protocol):
    """Where files of the operator are kept."""

    def keep(self, kind: str, content: File[Any]) -> str:
        """Keep a content under its kind; returns its hash, by which it is found."""

    def path_of(self, kind: str, sha256: str) -> Path:
        """Return a content as a file of this host."""


class Rater(Protocol):
    """What can be made of a price."""

    def fault(self, part: str, definition: Any) -> tuple[str, str] | None:
        """Return the field of a part's price that cannot be rated, and why; None when it can."""

    def can_cost_more(self, part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Tell whether some quantity of the part may cost more by the second price."""


contents: Contents
contracts: Contracts
demand: Demand
margins: Margins
rater: Rater
tax: Tax
