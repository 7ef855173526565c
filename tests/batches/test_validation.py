"""The input file, line by line: bounds, and memory that does not grow with the file."""

import io
import json
import tracemalloc

import pytest

from gateway.batches import validation
from gateway.batches.validation import Line, Problem, examine
from tests.batches.conftest import CHAT, line


def anything(model):
    """Let every model pass."""


def examined(*lines):
    content = b"".join(json.dumps(each).encode() + b"\n" for each in lines)
    return list(examine(io.BytesIO(content), CHAT, anything))


def test_a_line_knows_where_it_lies():
    content = b"\n" + json.dumps(line("a", "m")).encode() + b"\r\n"

    (found,) = examine(io.BytesIO(content), CHAT, anything)

    assert found == Line(2, "a", 1, len(content) - 1, "m")
    assert json.loads(content[found.begins : found.begins + found.size])["custom_id"] == "a"


def test_the_last_line_needs_no_end():
    (found,) = examine(io.BytesIO(json.dumps(line("a", "m")).encode()), CHAT, anything)

    assert isinstance(found, Line)


def test_more_lines_than_a_batch_has_are_refused(monkeypatch):
    monkeypatch.setattr(validation, "MOST_LINES", 2)

    found = examined(*[line(f"{number}", "m") for number in range(5)])

    assert [type(each) for each in found] == [Line, Line, Problem]
    assert found[-1].code == "too_many_requests"


def test_a_line_that_is_too_long_is_named_and_not_read_on(monkeypatch):
    monkeypatch.setattr(validation, "LARGEST_LINE", 300)

    found = examined(line("a", "m"), line("b", "m", note="x" * 1000), line("c", "m"))

    assert [each.code for each in found[1:]] == ["line_too_long"]
    assert found[1].line == 2


@pytest.mark.parametrize("text", ["\ufeff", "\u2028"])
def test_a_mark_before_a_line_is_no_json(text):
    content = text.encode() + json.dumps(line("a", "m")).encode()

    (found,) = examine(io.BytesIO(content), CHAT, anything)

    assert found.code == "invalid_json_line"


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "lines.jsonl"
    with path.open("w") as file:
        for number in range(20_000):
            file.write(json.dumps(line(f"name-{number}", "m", note="x" * 1000)) + "\n")

    tracemalloc.start()
    with path.open("rb") as content:
        count = sum(isinstance(each, Line) for each in examine(content, CHAT, anything))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 20_000
    assert path.stat().st_size > 20_000_000
    # What is kept of a line is a digest of its name.
    assert most < 4_000_000
