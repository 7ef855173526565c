"""A whole dataset, checked line by line; plain Python, constant memory."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from studio.counting import count_example
from studio.validation import chat, notices
from studio.validation.decoding import decode
from studio.validation.lines import Readable, lines
from studio.validation.problems import Problem, Report, Unusable
from studio.validation.seen import Seen

FEWEST = 10


def check(content: Readable) -> Report:
    """Return what is in the dataset and all that is wrong with it."""
    report, seen = Report(), Seen()
    try:
        for number, line in enumerate(lines(content), start=1):
            report.lines = number
            if isinstance(line, Unusable) or line.strip():
                _check_line(report, seen, number, line)
    except Unusable as error:
        report.add(error.problem)
    if report.is_usable and report.examples < FEWEST:
        words = f"{FEWEST} examples are needed, and {report.examples} are there"
        report.add(Problem("too_few_examples", words))
    return report


def _check_line(report: Report, seen: Seen, number: int, line: bytes | Unusable) -> None:
    report.examples += 1
    try:
        example = _decoded(line)
        found = list(chat.problems(example))
    except Unusable as error:
        found = [error.problem]
    report.bad_lines += bool(found)
    for problem in found:
        report.add(replace(problem, line=number))
    if not found:
        report.measure(count_example(example))
        for problem in notices.of(example, seen):
            report.notice(replace(problem, line=number))


def _decoded(line: bytes | Unusable) -> dict[str, Any]:
    if isinstance(line, Unusable):
        raise line
    return decode(line)


def examples(content: Readable) -> Iterator[dict[str, Any]]:
    """Yield the examples of a dataset that was found usable; ``Unusable`` where it is not."""
    for line in lines(content):
        if isinstance(line, Unusable):
            raise line
        if line.strip():
            yield decode(line)
