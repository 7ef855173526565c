"""Lists as Stripe pages them: newest first, by cursor."""

from dataclasses import dataclass, field
from typing import Any

from billing.payments.loopback import rendering
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import InvalidParameter
from billing.payments.loopback.parameters import Parameters
from billing.payments.loopback.store import Object

RANGES = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass
class Filter:
    """The conditions of one list, as SQL that this package wrote and values that it did not."""

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        """Keep only the objects that meet one more condition."""
        self.conditions.append(condition)
        self.values.extend(values)

    def equal(self, name: str, value: str | bool | None) -> None:
        """Keep only the objects with this value in a field; none means any."""
        if value is not None:
            self.add(f"json_extract(body, '$.{name}') = ?", value)


def page(
    context: Context, params: Parameters, kind: str, url: str, wanted: Filter | None = None
) -> Object:
    """Return one page of the objects of a kind, with ``limit``, cursors and ``created``."""
    wanted = wanted or Filter()
    _created(params, wanted)
    limit = params.integer("limit", minimum=1, maximum=100) or 10
    backwards = _cursor(context, params, kind, wanted)
    order = "ASC" if backwards else "DESC"
    where = " AND ".join(["kind = ?", *wanted.conditions])
    rows = context.store.rows(
        f"SELECT id FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608
        (kind, *wanted.values, limit + 1),
    )
    found = [context.store.get(kind, row["id"]) for row in rows[:limit]]
    if backwards:
        found.reverse()
    return rendering.list_of(found, url, has_more=len(rows) > limit)


def _created(params: Parameters, wanted: Filter) -> None:
    if not params.has("created"):
        return
    try:
        bounds = params.child("created")
    except InvalidParameter:
        wanted.add("created = ?", params.integer("created"))
        return
    for name, operator in RANGES.items():
        value = bounds.integer(name) if bounds else None
        if value is not None:
            wanted.add(f"created {operator} ?", value)


def _cursor(context: Context, params: Parameters, kind: str, wanted: Filter) -> bool:
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise InvalidParameter("You may only provide one of starting_after and ending_before.")
    for name, object_id, operator in (
        ("starting_after", after, "<"),
        ("ending_before", before, ">"),
    ):
        if object_id:
            context.store.get(kind, object_id, param=name)
            place = context.store.rows("SELECT seq FROM objects WHERE id = ?", (object_id,))
            wanted.add(f"seq {operator} ?", place[0]["seq"])
    return before is not None
