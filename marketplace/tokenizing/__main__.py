"""Counts tokens for those who ask on its standard input, until they close it.

A process of its own: a tokenizer takes memory, and time; and a file from outside may let the library
take without end, or fall over. Then this falls over, and who asked goes on without it.
"""

import ctypes
import resource
import signal
import sys
from typing import Any

from marketplace.tokenizing import wire
from marketplace.tokenizing.shelf import Shelf, count

#: All that it may keep: four of the largest there are.
MEMORY = 1 << 30
DIE_WITH_PARENT = 1


def main() -> None:
    """Answer one question after the other."""
    _keep_to_the_rules()
    shelf = Shelf()
    while (question := wire.receive(sys.stdin.buffer)) is not None:
        sys.stdout.buffer.write(wire.frame({"id": question["id"], **_answer(shelf, question)}))
        sys.stdout.buffer.flush()


def _answer(shelf: Shelf, question: dict[str, Any]) -> dict[str, Any]:
    try:
        tokenizer = shelf.of(question["path"], question["sha256"])
        counts = [count(tokenizer, text) for text in question["texts"]]
        return {"counts": counts, "vocabulary": tokenizer.get_vocab_size()}
    except BaseException as error:  # noqa: BLE001 - some of the library's faults are panics
        return {"error": str(error)}


def _keep_to_the_rules() -> None:
    """Take no more than the memory allowed, and end with who started us and not before."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
