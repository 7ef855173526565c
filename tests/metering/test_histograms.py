"""Percentiles told from steps beside the exact ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.histograms import ERROR, Histogram, place

VALUES = st.lists(st.floats(min_value=0.01, max_value=1e7), min_size=1, max_size=300)


def exact(values, percent):
    """Return what so many of a hundred values are at most, by nearest rank."""
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


@given(values=VALUES, percent=st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_as_near_as_is_said(values, percent):
    told, true = Histogram.of(values).percentile(percent), exact(values, percent)

    assert abs(told - true) <= true * ERROR * 1.000001


@given(one=VALUES, other=VALUES, percent=st.sampled_from([50, 95]))
def test_what_is_counted_in_pieces_tells_what_the_whole_tells(one, other, percent):
    pieces = Histogram.of(one) + Histogram.of(other)

    assert pieces == Histogram.of(sorted(one + other))
    assert pieces.percentile(percent) == Histogram.of(one + other).percentile(percent)


def test_the_error_is_the_one_that_is_documented():
    assert round(ERROR * 100, 1) == 2.2


def test_without_values_nothing_is_told():
    assert Histogram().percentile(95) is None


@pytest.mark.parametrize("value", [0.3, 1, 2, 7.5, 200, 65_536])
def test_it_is_read_as_it_is_kept(value):
    assert Histogram.read({str(place(value)): 2}).total == 2
