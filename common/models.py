"""Abstract models without business meaning."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models
from django.utils import timezone

from common.database import current_alias
from common.ids import uuid7

M = TypeVar("M", bound=models.Model)


class Row(models.Model):
    """A row with a time-ordered UUID as its key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class TimeStamped(Row):
    """A row that knows when it was made and last changed."""

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class HistoryIsAppended(TypeError):
    """Someone tried to change or delete a row of the past."""


class AppendOnly(Row):
    """A fact: written once. The database refuses changes too (see the app's migrations)."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row; refuse to change one that exists."""
        if not self._state.adding:
            raise HistoryIsAppended(f"{type(self).__name__} rows are never changed")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: history is appended."""
        raise HistoryIsAppended(f"{type(self).__name__} rows are never deleted")


class LockingQuerySet(models.QuerySet[M]):
    """Adds the only spelling of a row lock."""

    def locked(self, pk: Any) -> M:
        """Return the row, locked until the transaction ends."""
        return self.using(current_alias()).select_for_update(of=("self",)).get(pk=pk)

    def all_locked(self, pks: Iterable[Any]) -> list[M]:
        """Return these rows in the order of their keys, locked in it: two who do so never deadlock.

        Rows may still be added that refer to them.
        """
        found = self.using(current_alias()).filter(pk__in=set(pks)).order_by("pk")
        return list(found.select_for_update(of=("self",), no_key=True))
