"""What a job has learnt, as files that its owner may take away."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import artifacts
from studio.models import TunedModel

#: An adapter merged into its base, once the model has been deployed (see ``trainer.serving``).
MERGED = "merged"
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class LearntFile:
    """One file; what was merged later stands in no manifest and has no checksum of the job's."""

    path: str
    bytes: int
    sha256: str | None


def files(tuned: TunedModel) -> list[LearntFile]:
    """Return the files of the adapter or the model, and of the merged model where there is one."""
    folder = artifacts.folder(tuned.artifact)
    try:
        facts: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    learnt = [
        LearntFile(entry["path"], entry["bytes"], entry["sha256"])
        for entry in facts["files"]
        if entry["path"].startswith(f"{tuned.learnt}/") and _is_file(folder / entry["path"])
    ]
    merged = [
        LearntFile(f"{MERGED}/{path.name}", path.stat().st_size, None)
        for path in sorted((folder / MERGED).glob("*"))
        if _is_file(path)
    ]
    return learnt + merged


def named(tuned: TunedModel, path: str) -> LearntFile | None:
    """Return the file of this path; nothing else of the disk can be named."""
    return next((file for file in files(tuned) if file.path == path), None)


def pieces(tuned: TunedModel, file: LearntFile) -> Iterator[bytes]:
    """Yield what is in it."""
    with (artifacts.folder(tuned.artifact) / file.path).open("rb") as content:
        while piece := content.read(PIECE):
            yield piece


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
