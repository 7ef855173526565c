"""What a supervised program is, and what becomes of the lines it writes."""

import re
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, TextIO

LOUD = re.compile(r"\b(WARN(ING)?|ERROR|CRITICAL|FATAL|PANIC)\b|\"level\": ?\"(warning|error|crit)")
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs, and how it is asked to end."""

    name: str
    command: list[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    loud: re.Pattern[str] = LOUD


class Echo:
    """Writes a child's lines to its log, and the loud ones to the console under its name."""

    def __init__(self, program: Program, log: BinaryIO, console: TextIO, *, verbose: bool) -> None:
        self.program = program
        self.log = log
        self.console = console
        self.verbose = verbose
        self.last: deque[str] = deque(maxlen=15)
        self.in_traceback = False

    def write(self, raw: bytes) -> None:
        """Take one line."""
        self.log.write(raw)
        self.log.flush()
        line = raw.decode("utf-8", "replace").rstrip()
        self.last.append(line)
        if self.verbose or self.is_loud(line):
            print(f"{self.program.name:>9} │ {line}", file=self.console, flush=True)

    def is_loud(self, line: str) -> bool:
        """Tell whether people should see the line: warnings, errors, and whole tracebacks."""
        if TRACEBACK in line:
            self.in_traceback = True
            return True
        if self.in_traceback:
            # The line that is not indented names the exception and ends it.
            self.in_traceback = line.startswith((" ", "\t")) or not line
            return True
        return bool(self.program.loud.search(line))

    def follow(self, pipe: BinaryIO) -> None:
        """Take lines until the child and all it started have closed the pipe."""
        with pipe, self.log:
            for raw in pipe:
                self.write(raw)
