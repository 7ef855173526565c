"""Identifiers are of their time, and nobody gets one twice."""

from multiprocessing import get_context
from uuid import RFC_4122, UUID

from common.ids import uuid7, uuid7_hex


def test_digits_alone_are_those_of_a_uuid_of_now():
    before, made, after = uuid7(), UUID(uuid7_hex()), uuid7()

    assert (made.version, made.variant) == (7, RFC_4122)
    assert before.bytes[:6] <= made.bytes[:6] <= after.bytes[:6]


def test_no_digits_come_twice():
    assert len({uuid7_hex() for _number in range(1000)}) == 1000


def test_a_child_process_draws_digits_of_its_own():
    uuid7_hex()

    with get_context("fork").Pool(1) as child:
        drawn = child.apply(uuid7_hex)

    # Behind the time, all is chance.
    assert drawn[13:] != uuid7_hex()[13:]
