"""How long `manage.py up` takes to its first good answer and to its end, and what it holds in memory.

Measured from outside on a folder of its own: a first start, then later ones over the same data.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import machine
from benchmarks.stack import REPLACED, free_ports
from portal.environment import ROOT

PATIENCE = 180.0


def is_ready(port: int) -> bool:
    """Tell whether the pages say that they can do their work."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def family(state: Path) -> list[int]:
    """Return the processes that were started for the folder."""
    mark = f"TESSERA_STATE={state}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                belongs = mark in (entry / "environ").read_bytes()
            except OSError:
                continue
            if belongs:
                found.append(int(entry.name))
    return found


def run(state: Path, port: int) -> tuple[float, int, float]:
    """Start, wait for the first good answer, end; return both times and the memory in KiB."""
    kept = {name: value for name, value in os.environ.items() if name not in REPLACED}
    variables = {**kept, "TESSERA_STATE": str(state), "PORT": str(port)}
    command = [sys.executable, "manage.py", "up"]
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not is_ready(port):
        if process.poll() is not None or time.monotonic() - began > PATIENCE:
            raise SystemExit(f"manage.py up did not come up; its logs are in {state}/logs")
        time.sleep(0.05)
    started = time.monotonic() - began
    memory = sum(machine.memory_kib(pid) for pid in family(state))
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait()
    return started, memory, time.monotonic() - asked


def main() -> None:
    """Measure a first start and some later ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--later", type=int, default=3, help="starts over the same data")
    later = parser.parse_args().later
    print(machine.describe().text())
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
        state, port = Path(folder).resolve(), free_ports()
        for number in range(1 + later):
            started, memory, stopped = run(state, port)
            name = "later start" if number else "first start"
            print(f"{name}: {started:.1f} s, {memory / 1024:.0f} MiB, stopped in {stopped:.1f} s")


if __name__ == "__main__":
    main()
