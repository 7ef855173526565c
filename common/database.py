"""Which of the three database roles a piece of work runs as, and its transactions.

``default`` is the app role, held by row-level security to one organization (see
``tenants.scope``). ``service`` is the role of recorders, sweeps, sign-in and the staff desk; its
policies are written out in the migrations. ``owner`` migrates.

Everything that writes uses :func:`atomic` of this module: Django's own opens its transaction on
``default`` whatever the router says, so a lock taken under ``service`` would not be held.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

APP = "default"
SERVICE = "service"
OWNER = "owner"

_alias: ContextVar[str] = ContextVar("database_alias", default=APP)
#: The organization whose rows the app role may see now; set by ``tenants.scope`` only.
scoped_organization: ContextVar[Any] = ContextVar("scoped_organization", default=None)


class NestedRoles(RuntimeError):
    """Work of one role was started inside work of another: two connections, two truths."""


def current_alias() -> str:
    """Return the database alias that queries of this context use."""
    return _alias.get()


def current_connection() -> BaseDatabaseWrapper:
    """Return the connection that queries of this context use."""
    return connections[_alias.get()]


def rows(query: str, facts: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query, by the names of their columns, as the current role."""
    with current_connection().cursor() as cursor:
        cursor.execute(query, facts)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class atomic(ContextDecorator):
    """A transaction, or a savepoint inside one, on the current role's connection."""

    def __init__(self) -> None:
        self._stack: list[AbstractContextManager[Any]] = []

    def __enter__(self) -> None:
        block = transaction.atomic(using=current_alias())
        block.__enter__()
        self._stack.append(block)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.pop().__exit__(kind, error, trace)

    def _recreate_cm(self) -> "atomic":
        return type(self)()


def on_commit(callback: Callable[[], Any]) -> None:
    """Call back once the outermost transaction of the current role has committed.

    The callback runs outside any scope or role: the transaction that held them is over, although
    the block that opened it has not yet been left.
    """

    def outside() -> None:
        role, organization = _alias.set(APP), scoped_organization.set(None)
        try:
            callback()
        finally:
            scoped_organization.reset(organization)
            _alias.reset(role)

    transaction.on_commit(outside, using=current_alias())


def service_parameters() -> dict[str, Any]:
    """Return the service role's way into the database, for a connection beside Django's."""
    parameters = connections[SERVICE].get_connection_params()
    kept = ("dbname", "user", "password", "host", "port", "sslmode", "options")
    return {name: parameters[name] for name in kept if parameters.get(name)}


@contextmanager
def service() -> Iterator[None]:
    """Run the block as the service role, in one transaction; blocks of it may nest."""
    if scoped_organization.get() is not None:
        raise NestedRoles("service() was entered inside an organization's scope")
    token = _alias.set(SERVICE)
    try:
        with transaction.atomic(using=SERVICE):
            yield
    finally:
        _alias.reset(token)


@contextmanager
def beside() -> Iterator[None]:
    """Read as the service role, also in the middle of an organization's scope.

    For what belongs to no organization and every page shows; nothing is written in it.
    """
    role, organization = _alias.set(SERVICE), scoped_organization.set(None)
    try:
        yield
    finally:
        scoped_organization.reset(organization)
        _alias.reset(role)


class RoleRouter:
    """Send each query to the current role's connection, whatever instance it started from."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        """Return the current role's alias."""
        return _alias.get()

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        """Return the current role's alias."""
        return _alias.get()

    def allow_relation(self, first: models.Model, second: models.Model, **hints: Any) -> bool:
        """Allow every relation: the aliases are roles on one database."""
        return True

    def allow_migrate(self, alias: str, app_label: str, **hints: Any) -> bool:
        """Migrate as the owner alone."""
        return alias == OWNER
