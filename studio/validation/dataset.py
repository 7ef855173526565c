"""A whole dataset, checked line by line; plain Python, constant memory."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from studio.counting import count_example
from studio.validation import chat
from studio.validation.decoding import decode
from studio.validation.lines import Readable, lines
from studio.validation.problems import Problem, Report, Unusable

FEWEST = 10


def check(content: Readable) -> Report:
    """Return what is in the dataset and all that is wrong with it."""
    report = Report()
    try:
        for number, line in enumerate(lines(content), start=1):
            report.lines = number
            if isinstance(line, Unusable) or line.strip():
                _check_line(report, number, line)
    except Unusable as error:
        report.add(error.problem)
    if report.is_usable and report.examples < FEWEST:
        words = f"{FEWEST} examples are needed, and {report.examples} are there"
        report.add(Problem("too_few_examples", words))
    return report


def _check_line(report: Report, number: int, line: bytes | Unusable) -> None:
    report.examples += 1
    found = list(_problems(report, line))
    report.bad_lines += bool(found)
    for problem in found:
        report.add(replace(problem, line=number))


def _problems(report: Report, line: bytes | Unusable) -> Iterator[Problem]:
    if isinstance(line, Unusable):
        yield line.problem
        return
    try:
        example = decode(line)
    except Unusable as error:
        yield error.problem
        return
    wrong = list(chat.problems(example))
    yield from wrong
    if not wrong:
        report.measure(count_example(example))


def examples(content: Readable) -> Iterator[dict[str, Any]]:
    """Yield the examples of a dataset that was found usable; ``Unusable`` where it is not."""
    for line in lines(content):
        if isinstance(line, Unusable):
            raise line
        if line.strip():
            yield decode(line)
