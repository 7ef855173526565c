"""``python -m trainer.serving``: serve what was learnt, as an engine that speaks OpenAI's API.

What is told stands in the environment: ``SERVE_LEARNT``, the folder that an attempt has left;
``SERVE_MANIFEST_SHA256``, by which its files are known; ``SERVE_BASE_MODEL``, the weights that an
adapter is merged into, once. Then this process becomes the engine, and has said where it listens.
"""

import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.errors import BadOrder, NoInput, Refused
from trainer.orders import path_of
from trainer.reports import MANIFEST
from trainer.writing import digest, read_json

#: An adapter, merged; the engine knows it by this name.
MERGED = "merged"
HOST = "127.0.0.1"


def main(variables: Mapping[str, str]) -> int:
    """Become the engine; returns only where it cannot."""
    try:
        folder = path_of(variables["SERVE_LEARNT"])
        learnt = _checked(folder, variables["SERVE_MANIFEST_SHA256"])
        name = prepared(folder, learnt, variables["SERVE_BASE_MODEL"])
        _become_engine(folder, name, variables.get("SERVE_HOST", HOST))
    except (KeyError, ValueError) as error:
        sys.stderr.write(f"the order cannot be read: {error}\n")
        return BadOrder.exit_code
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def prepared(folder: Path, learnt: str, base: str) -> str:
    """Return which folder of these the engine serves; an adapter is merged first, once."""
    if learnt != "adapter":
        return learnt
    if not (folder / MERGED).exists():
        # Only now: it takes seconds, and a bad order need not wait for it.
        from trainer.merging import merge  # noqa: PLC0415

        merge(path_of(base), folder / learnt, folder / MERGED)
    return MERGED


def _checked(folder: Path, sha256: str) -> str:
    """Return what was learnt, an adapter or a model, once every file of it is what it was."""
    manifest = folder / MANIFEST
    if not manifest.exists() or digest(manifest) != sha256:
        raise NoInput(
            "what was learnt is not there any more, or was changed", code="learnt_changed"
        )
    facts: dict[str, Any] = read_json(manifest) or {}
    learnt = str(facts["learnt"])
    for entry in facts["files"]:
        path = folder / entry["path"]
        belongs = entry["path"].startswith(f"{learnt}/")
        if belongs and (not path.exists() or digest(path) != entry["sha256"]):
            raise NoInput(f"{entry['path']} was changed", code="learnt_changed")
    return learnt


def _become_engine(folder: Path, name: str, host: str) -> None:
    engine = shutil.which("transformers", path=str(Path(sys.executable).parent))
    if engine is None:
        raise BadOrder("this environment has no engine: it lacks transformers[serving]")
    port = _free_port(host)
    # Whoever keeps us running reads it, and asks there until the engine answers.
    sys.stdout.write(f"listens at http://{host}:{port}\n")
    sys.stdout.flush()
    os.chdir(folder)
    # It lists what lies in this folder beside what it serves, and fails where there is none.
    os.environ["HF_HUB_CACHE"] = str(folder / ".hub")
    (folder / ".hub").mkdir(exist_ok=True)
    # What it would write for every call would fill the disk in time.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    command = [engine, "serve", name, "--host", host, "--port", str(port), "--log-level", "error"]
    os.execv(engine, command)  # noqa: S606 - our own


def _free_port(host: str) -> int:
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    # Nothing is fetched: what it serves lies where its order says.
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    sys.exit(main(os.environ))
