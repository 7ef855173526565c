"""``python -m trainer.launch [MODULE]``: find an environment that can train, or make one, and run there.

What runs there is the trainer, or the module that is named, such as ``trainer.serving``. For a machine whose own Python has no PyTorch, as the local cluster's. ``STUDIO_TRAINER_PYTHON`` names
the Python of an environment that is there. Otherwise one is made below ``STUDIO_TRAINER_HOME`` from
the pinned list, at the first job: under a lock, in a folder that gets its name when it is whole.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from trainer.orders import path_of
from trainer.writing import say

HOUSE = Path(__file__).resolve().parents[1]
LIST = HOUSE / "requirements" / "trainer.txt"
TORCH = HOUSE / "trainer" / "torch.sh"
#: Try again: it may be the network.
NOT_MADE = 75


def main(variables: Mapping[str, str], module: str = "trainer") -> int:
    """Run in the environment; this process becomes that one. Returns only where there is none."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(NOT_MADE))
    python = variables.get("STUDIO_TRAINER_PYTHON", "")
    try:
        python = python or str(environment(Path(variables["STUDIO_TRAINER_HOME"])))
        os.execve(python, [python, "-m", module], dict(variables))  # noqa: S606 - our own
    except (KeyError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"there is no environment to train in: {error}\n")
    return NOT_MADE


def environment(home: Path) -> Path:
    """Return the Python of an environment with all that is on the list; the first to ask makes it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = home / hashlib.sha256(LIST.read_bytes() + TORCH.read_bytes()).hexdigest()[:16]
    with (home / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(home / ".draft")
            (home / ".draft").rename(made)
    return made / "bin" / "python"


def _make(draft: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    _say("An environment for training is made, once: its packages come now.")
    _run(sys.executable, "-m", "venv", str(draft))
    python = str(draft / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "--require-hashes", "--no-deps", "-r", str(LIST))
    _say("PyTorch comes now.")
    _run("/bin/sh", str(TORCH), python)
    _say("The environment for training is there.")


def _run(*command: str) -> None:
    # What the job was told is no installer's business, and our modules are not the environment's.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("STUDIO_", "PYTHONPATH"))
    }
    subprocess.run(command, check=True, env=kept, stdin=subprocess.DEVNULL)  # noqa: S603


def _say(words: str) -> None:
    if output := os.environ.get("STUDIO_OUTPUT"):
        say(path_of(output), words)


if __name__ == "__main__":
    sys.exit(main(os.environ, *sys.argv[1:2]))
