"""Datasets that people really bring: each fault has its code, its line and its place."""

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import counting
from studio.validation import personal
from studio.validation.dataset import check
from studio.validation.lines import LONGEST, lines
from studio.validation.problems import TOLD
from tests.studio.conftest import dataset, example

GOOD = dataset()
USER = {"role": "user", "content": "Ping?"}
ANSWER = {"role": "assistant", "content": "Pong!"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def found(content):
    """Return what is wrong as (line, code, path)."""
    report = check(io.BytesIO(content))
    return [(problem.line, problem.code, problem.path) for problem in report.problems]


def of_line(line):
    """Return what is wrong with one line among good ones."""
    problems = found(GOOD + line + b"\n" + GOOD)
    assert {number for number, _code, _path in problems} <= {13}
    return [(code, path) for _number, code, path in problems]


def of_messages(*messages):
    """Return what is wrong with one conversation."""
    return of_line(json.dumps({"messages": messages}).encode())


def test_a_good_dataset_is_counted():
    report = check(io.BytesIO(GOOD))

    assert (report.is_usable, report.lines, report.examples, report.tokens) == (True, 12, 12, 48)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.rstrip(),
        GOOD.replace(b"\n", b"\n\n") + b"  \n",
        dataset(question="one two"),
        dataset(question="line\u2028two\x0bthree"),
    ],
)
def test_what_editors_do_to_a_file_is_forgiven(content):
    assert check(io.BytesIO(content)).is_usable


@pytest.mark.parametrize(
    "content",
    [
        GOOD.decode().encode("utf-16"),
        b"\x1f\x8b\x08\0",
        b"PK\x03\x04",
        GOOD.decode().encode("utf-16-le"),
    ],
)
def test_a_file_that_is_something_else_is_called_so(content):
    assert found(content) == [(None, "not_json_lines", "")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\xff\xfe", "invalid_utf8"),
        (b"{'messages': []}", "invalid_json"),
        (b'{"messages": [],}', "invalid_json"),
        (b'{"a": "\x00"}', "invalid_json"),
        (b"[1]", "not_an_object"),
        (b'{"a": NaN}', "invalid_number"),
        (b'{"a": -Infinity}', "invalid_number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "invalid_number"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b"x" * (LONGEST + 1), "line_too_long"),
        (b"{}", "missing_messages"),
        (b'{"messages": {}}', "missing_messages"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_rest_is_read(line, code):
    assert [code for code, _path in of_line(line)] == [code]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([USER, {**ANSWER, "role": "bot"}], ("invalid_role", "messages[1].role")),
        ([{**USER, "role": ["user"]}, ANSWER], ("invalid_role", "messages[0].role")),
        (["hello", ANSWER], ("invalid_message", "messages[0]")),
        ([{**USER, "text": "x"}, ANSWER], ("unknown_key", "messages[0]['text']")),
        ([{**USER, "\0": "x"}, ANSWER], ("unknown_key", "messages[0]['\\x00']")),
        ([{**USER, "content": " \n"}, ANSWER], ("empty_content", "messages[0].content")),
        ([{**USER, "content": None}, ANSWER], ("missing_content", "messages[0].content")),
        ([{**USER, "content": []}, ANSWER], ("empty_content", "messages[0].content")),
        ([{**USER, "content": "\ud800"}, ANSWER], ("invalid_character", "messages[0].content")),
        ([{**USER, "content": "\0"}, ANSWER], ("invalid_character", "messages[0].content")),
        (
            [{**USER, "content": [{"type": "image_url"}]}, ANSWER],
            ("unsupported_content", "messages[0].content"),
        ),
        ([USER, {**ANSWER, "weight": 2}], ("invalid_weight", "messages[1].weight")),
        ([USER, {**ANSWER, "weight": True}], ("invalid_weight", "messages[1].weight")),
        ([{**USER, "weight": 1}, ANSWER], ("invalid_weight", "messages[0].weight")),
        ([USER, {**ANSWER, "weight": 0}], ("nothing_to_learn", "messages")),
        ([ANSWER], ("missing_user", "messages")),
        ([ANSWER, USER], ("last_not_assistant", "messages[1].role")),
        (
            [USER, {"role": "system", "content": "x"}, ANSWER],
            ("system_not_first", "messages[1].role"),
        ),
        (
            [{**USER, "tool_calls": [CALL]}, ANSWER],
            ("invalid_tool_calls", "messages[0].tool_calls"),
        ),
        ([USER, {**ANSWER, "tool_calls": {}}, ANSWER], None),
        (
            [USER, {**ANSWER, "tool_calls": [1]}],
            ("invalid_tool_calls", "messages[1].tool_calls[0]"),
        ),
        (
            [USER, {"role": "tool", "content": "x", "tool_call_id": []}, ANSWER],
            ("unknown_tool_call", "messages[1].tool_call_id"),
        ),
    ],
)
def test_a_conversation_that_cannot_be_learnt_is_told_where(messages, problem):
    assert of_messages(*messages) == ([problem] if problem else [])


def test_tools_are_called_and_answer():
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    answered = {"role": "tool", "content": "4", "tool_call_id": "c1"}

    assert of_messages(USER, called, answered, ANSWER) == []


def test_every_fault_is_counted_and_enough_of_them_are_told():
    report = check(io.BytesIO(b"{}\n" * 1000 + b"x\n"))

    assert report.counts == {"missing_messages": 1000, "invalid_json": 1}
    assert (len(report.problems), report.bad_lines, report.lines) == (TOLD + 1, 1001, 1001)


def test_too_few_examples_are_told_as_a_fault_of_the_file():
    assert found(dataset(9)) == [(None, "too_few_examples", "")]


def test_customers_data_is_quoted_sparsely():
    (problem,) = check(io.BytesIO(GOOD + json.dumps("secret " * 100).encode())).problems

    assert len(problem.message) < 100


class Endless:
    """A file without an end of line, and without an end."""

    def __init__(self, size):
        self.left = size
        self.largest = 0

    def read(self, size):
        """Return letters."""
        self.left -= 1
        return b"x" * size if self.left else b""


def test_a_line_without_an_end_is_not_kept():
    (line,) = lines(Endless(2000))

    assert line.problem.code == "line_too_long"


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_lines_do_not_depend_on_how_they_arrive(size, monkeypatch):
    monkeypatch.setattr("studio.validation.lines.PIECE", size)

    assert list(lines(io.BytesIO(b"one\ntwo\r\n\nthree"))) == [b"one", b"two", b"", b"three"]
    assert example() in list(lines(io.BytesIO(GOOD)))


#: What the two shortcuts stand for, as patterns.
PIECES = re.compile(r"\w+|[^\w\s]")
MAYBE = re.compile(r"@|[0-9]{6}|[0-9][ .()-]+[0-9]{2}|-----BEGIN|[A-Za-z0-9_-]{20}")


@given(text=st.text(alphabet="ab1 29.()-_@\n\x1céж\u0661\u2028", max_size=40))
def test_shortcuts_find_what_their_patterns_find(text):
    assert counting.count(text) == len(PIECES.findall(text))
    assert personal.can_hold_any(text) == bool(MAYBE.search(text))
