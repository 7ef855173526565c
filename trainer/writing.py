"""Files that are there whole, or not at all."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the facts; they outlive a power cut once this returns."""
    draft = path.with_name(f".{path.name}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the facts; None where there are none, or none that can be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def say(output: Path, words: str) -> None:
    """Tell whoever asked for the job something, in a line of ``said.jsonl``."""
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (output / "said.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"message": words}) + "\n")


def described(folder: Path, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return path, size and checksum of each file."""
    return [
        {
            "path": str(path.relative_to(folder)),
            "bytes": path.stat().st_size,
            "sha256": digest(path),
        }
        for path in sorted(paths)
    ]


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Return every file in the folder and below, drafts left out."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
