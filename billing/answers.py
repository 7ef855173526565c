"""What billing answers to the questions of the apps below it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from billing import queries, standings
from billing.models import Invoice
from common.database import service
from common.money import Money
from metering import ports as metering_ports
from tenants import ports
from tenants.models import ApiKey, Organization


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


class Budgets:
    """What keys may still spend."""

    def of_key(self, key: ApiKey) -> Sequence[ports.KeyBudget]:
        """Return the budgets that count what this key's usage costs."""
        return [
            ports.KeyBudget(it.budget.name, it.spent, it.budget.limit, it.percent, it.span.ends_at)
            for it in standings.of_key(key)
        ]


class Invoices:
    """What of the usage is told of on an invoice."""

    def untold(self, before: datetime) -> Sequence[str]:
        """Return the addresses of organizations with usage recorded before that no invoice tells of."""
        return queries.untold(before)


metering_ports.invoices = Invoices()
ports.budgets = Budgets()
ports.purses = Purses()
