"""The bound of a prompt holds for whatever a template prints."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import prompts
from gateway.errors import InvalidRequest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=40,
)
TOOLS = st.lists(st.dictionaries(st.text(max_size=8), VALUES, min_size=1), min_size=1, max_size=3)


def bound(**facts):
    """Return the bound of a prompt of one empty message."""
    return prompts.messages({"messages": [{"role": "user", "content": ""}], **facts}, 0, 0).bound


@pytest.mark.parametrize("name", ["tools", "functions"])
@given(tools=TOOLS)
def test_tools_printed_line_by_line_are_within_the_bound(name, tools):
    printed = "\n\n".join(json.dumps(tool, indent=4, ensure_ascii=False) for tool in tools)

    assert bound(**{name: tools}) >= len(printed.encode()) + prompts.TOOLS_TEXT


@given(tools=TOOLS)
def test_tools_printed_with_escapes_are_within_the_bound(tools):
    assert bound(tools=tools) >= len(json.dumps(tools)) + prompts.TOOLS_TEXT


def test_both_ways_to_offer_tools_count():
    tool = [{"name": "weather"}]

    assert bound(tools=tool, functions=tool) > bound(tools=tool)


def test_tools_that_are_too_deep_or_too_large_are_refused():
    deep = []
    for _level in range(70):
        deep = [deep]
    large = [{"name": "x" * prompts.LARGEST_TOOLS}]

    for tools, words in ((deep, "nested too deeply"), (large, "larger than 1,000,000 bytes")):
        with pytest.raises(InvalidRequest, match=words):
            bound(tools=tools)
