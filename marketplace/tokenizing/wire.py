"""How one speaks with the process that counts: JSON, with its length in four bytes before it.

A question is ``{"id", "path", "sha256", "texts"}``; the answer ``{"id", "counts", "vocabulary"}`` or
``{"id", "error"}``. Nothing of this knows Django: the process is small and starts at once.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

#: What the files of tokenizers are kept as.
KIND = "tokenizers"
ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = (sys.executable, "-m", "marketplace.tokenizing")
HEAD = 4
#: One thread: it counts one text after the other, beside a gateway that has the core to itself.
CALM = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
#: What it needs of our surroundings; no credential is among it.
KEPT = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def environment() -> dict[str, str]:
    """Return what the process finds in its environment."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | CALM


def frame(message: dict[str, Any]) -> bytes:
    """Return a message as it is sent; a text with half a character has no bytes (``ValueError``)."""
    body = json.dumps(message, ensure_ascii=False).encode()
    return len(body).to_bytes(HEAD, "big") + body


def receive(source: BinaryIO) -> dict[str, Any] | None:
    """Return the next message; nothing at the end."""
    head = source.read(HEAD)
    if len(head) < HEAD:
        return None
    message: dict[str, Any] = json.loads(source.read(int.from_bytes(head, "big")))
    return message
