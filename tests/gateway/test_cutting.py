"""A stream of bytes is cut into events."""

import pytest

from gateway.deltas import Cutter


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"a\n\nb\n\n", [b"a\n\n", b"b\n\n"]),
        (b"a\r\n\r\nb\r\n\r\n", [b"a\r\n\r\n", b"b\r\n\r\n"]),
        (b"a\r\n\r\nb\n\nc\r\n\r\n", [b"a\r\n\r\n", b"b\n\n", b"c\r\n\r\n"]),
        (b"a\n\nb\r\n\r\n", [b"a\n\n", b"b\r\n\r\n"]),
        (b"a\r\n\r\n\n", [b"a\r\n\r\n"]),
        (b"a\r\nb\n\n", [b"a\r\nb\n\n"]),
    ],
)
def test_events_are_cut_at_the_first_blank_line_of_either_kind(data, events):
    assert Cutter().feed(data) == events


def test_an_event_may_arrive_in_pieces():
    cutter = Cutter()

    assert [cutter.feed(bytes([byte])) for byte in b"a\r\n\r\n"] == [[], [], [], [], [b"a\r\n\r\n"]]
