"""What billing answers to the questions of the apps below it."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from billing import queries
from common.database import service
from common.money import Money
from tenants import ports
from tenants.models import Organization


class Purses:
    """What organizations have left."""

    def balances(self, organizations: Iterable[Organization]) -> Mapping[UUID, Money]:
        """Return each organization's live balance in its own currency."""
        with service():
            return queries.balances(organizations)


ports.purses = Purses()
