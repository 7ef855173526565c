"""What billing answers to the questions of the apps below it."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from billing import queries
from billing.models import Invoice
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

    def has_invoiced_usage(self, organization: Organization) -> bool:
        """Whether a month was invoiced, cut in the organization's time zone."""
        usage = Invoice.objects.filter(organization=organization, kind=Invoice.Kind.USAGE)
        return usage.exists()


ports.purses = Purses()
