"""Columns arrive in PostgreSQL as they were sent."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import psycopg
import pytest

from common.ids import uuid7, uuid7s
from metering.services import rows

NOON = datetime(2026, 11, 20, 12, 0, 0, 1, tzinfo=UTC)
ABROAD = datetime(1999, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
IDS = [uuid7(), None, uuid7()]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (rows.uuids, IDS),
        (rows.texts, ["", "é → \U0001f600", "x" * 70_000]),
        (rows.same_texts, ["é", "", "é"]),
        (rows.bigints, [0, -1, 2**63 - 1]),
        (rows.integers, [None, 7, -(2**31)]),
        (rows.booleans, [True, False, True]),
        (rows.moments, [NOON, ABROAD, datetime(2000, 1, 1, tzinfo=UTC)]),
        (rows.documents, [{"a": [1, None]}, [], "text"]),
        (rows.digests, [b"", b"\0" * 32, b"\xff"]),
    ],
)
def test_a_column_is_what_was_put_into_it(owner_connection, column, values):
    found = owner_connection.execute("SELECT unnest(%s)", [column(values)])

    assert [value for (value,) in found] == values


def test_a_column_of_noughts_is_as_long_as_it_should_be(owner_connection):
    found = owner_connection.execute("SELECT unnest(%s)", [rows.zeros(3)])

    assert found.fetchall() == [(0,)] * 3


def test_a_column_may_be_empty(owner_connection):
    found = owner_connection.execute("SELECT unnest(%s)", [rows.uuids([])])

    assert found.fetchall() == []


def test_decimals_in_documents_keep_every_digit():
    column = rows.documents([{"amount": Decimal("0.000000000001"), "id": IDS[0]}])

    told = json.loads(column[column.index(b"{") :])
    assert (Decimal(told["amount"]), told["id"]) == (Decimal("1e-12"), str(IDS[0]))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (rows.bigints, 2**63),
        (rows.integers, -(2**31) - 1),
        (rows.texts, "\ud800"),
        (rows.same_texts, "\ud800"),
    ],
)
def test_what_postgres_could_not_hold_is_refused_as_it_would(column, value):
    with pytest.raises(psycopg.DataError):
        column([value])


def test_ids_made_together_are_different_and_of_now():
    before, made, after = uuid7(), uuid7s(500), uuid7()

    assert len(set(made)) == 500
    assert {each.version for each in made} == {7}
    assert all(before.bytes[:6] <= each.bytes[:6] <= after.bytes[:6] for each in made)
