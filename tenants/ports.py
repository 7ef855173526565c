"""What tenancy asks the apps above it.

Each of them puts its answer here once, when Django has loaded the apps (``AppConfig.ready()``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from common.money import Money
from tenants.models import ApiKey, Organization


class Sample(Protocol):
    """Code to copy, in one language."""

    @property
    def name(self) -> str:
        """A word for the page's addresses: ``curl``."""

    @property
    def label(self) -> str:
        """The language as people write it."""

    @property
    def code(self) -> str:
        """The code itself."""


class Catalogue(Protocol):
    """Which models there are to call."""

    def names(self, organization: Organization) -> Sequence[str]:
        """Return the names of the models that the organization may call, in order."""

    def first_call(self, names: Sequence[str], *, key: str, base_url: str) -> Sequence[Sample]:
        """Return a call of one of these models in several languages, with the key filled in."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a key has been used to call models."""

    #: The beginning of the quarter of an hour.
    last_at: datetime
    last_model: str
    requests_last_day: int


#: How far back the use of keys is known.
USE_KNOWN_FOR = timedelta(days=90)


class KeyUse(Protocol):
    """What keys were used for."""

    def of(self, organization: Organization) -> Mapping[UUID, Use]:
        """Return, by key, its use in the last three months; keys without any are left out."""


class Purses(Protocol):
    """What organizations have left."""

    def balances(self, organizations: Iterable[Organization]) -> Mapping[UUID, Money]:
        """Return each organization's live balance in its own currency."""

    def has_invoiced_usage(self, organization: Organization) -> bool:
        """Whether a month was invoiced, cut in the organization's time zone."""


class Debts(Protocol):
    """Who is kept out until they have paid."""

    def keep_out(self, organization: Organization) -> bool:
        """Whether an overdue invoice has the organization suspended."""


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """A budget that counts what a key costs, and how it stands."""

    name: str
    spent: Money
    limit: Money
    percent: int
    ends_at: datetime


class Budgets(Protocol):
    """What keys may still spend."""

    def of_key(self, key: ApiKey) -> Sequence[KeyBudget]:
        """Return the budgets that count what this key's usage costs."""


class OperatorFace(Protocol):
    """Who the operator is, in the language that is spoken now."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def key_variable(self) -> str:
        """The environment variable that code to copy reads a key from."""

    @property
    def sender(self) -> str:
        """Who its e-mails come from, as a header has it."""


class Operator(Protocol):
    """What the operator has published of itself."""

    def face(self) -> OperatorFace:
        """Return who it is."""

    def terms_version(self) -> str:
        """Return the version of the terms that people accept today."""


budgets: Budgets
catalogue: Catalogue
debts: Debts
key_use: KeyUse
operator: Operator
purses: Purses
