"""What billing answers to the questions of the apps below it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from billing import agreements, groups, queries, standings
from billing.models import DunningStep
from billing.models.dunning import Act
from billing.rating import comparing
from billing.rating.definition import InvalidPrice, parse_for
from common.database import service
from common.money import Money
from marketplace import ports as marketplace_ports
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
        return bool(groups.invoiced([organization.pk]))


class Budgets:
    """What keys may still spend."""

    def of_key(self, key: ApiKey) -> Sequence[ports.KeyBudget]:
        """Return the budgets that count what this key's usage costs."""
        return [
            ports.KeyBudget(it.budget.name, it.spent, it.budget.limit, it.percent, it.span.ends_at)
            for it in standings.of_key(key)
        ]


class Debts:
    """Who is kept out until they have paid."""

    def keep_out(self, organization: Organization) -> bool:
        """Whether an overdue invoice has the organization suspended."""
        standing = DunningStep.objects.standing()
        return standing.filter(organization=organization, act=Act.SUSPEND).exists()


class Invoices:
    """What of the usage is told of on an invoice."""

    def untold(self, before: datetime) -> Sequence[str]:
        """Return the addresses of organizations with usage recorded before that no invoice tells of."""
        return queries.untold(before)


class Contracts:
    """What was agreed with customers."""

    def naming(self, book: UUID) -> Sequence[marketplace_ports.NamingContract]:
        """Return the contracts that name the book and are not over, drafts among them."""
        return agreements.naming(book, timezone.now())

    def customers(self) -> Mapping[UUID, int]:
        """Return by price book how many customers a contract that holds now lets pay by it."""
        return agreements.customers_of_books(timezone.now())

    def price_books(
        self, organizations: Collection[Organization], at: datetime
    ) -> Mapping[UUID, UUID]:
        """Return by organization the price book that its contract names at the instant."""
        return agreements.price_books(organizations, at)

    def changes(
        self, organizations: Collection[Organization], after: datetime
    ) -> Collection[datetime]:
        """Return when signed contracts of the organizations begin or end after the instant."""
        return agreements.changes(organizations, after)


class Rater:
    """What can be made of a price."""

    def fault(self, part: str, definition: Any) -> tuple[str, str] | None:
        """Return the field of a part's price that cannot be rated, and why; None when it can."""
        try:
            parse_for(part, definition)
        except InvalidPrice as error:
            return error.field, error.reason
        return None

    def can_cost_more(self, part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Tell whether some quantity of the part may cost more by the second price."""
        return comparing.can_cost_more(parse_for(part, before), parse_for(part, after))


marketplace_ports.contracts = Contracts()
marketplace_ports.rater = Rater()
metering_ports.invoices = Invoices()
ports.budgets = Budgets()
ports.debts = Debts()
ports.purses = Purses()
