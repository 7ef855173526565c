"""What a call costs here, in nginx and in LiteLLM: ``python -m benchmarks.peers``.

All three stand before the same engine, an nginx that answers from memory, and are called in turn by
the same load. Each has one core to itself; the engine, the load, PostgreSQL and Valkey share another.
Only ours looks up a key, holds limits and credit, and writes usage and money down.

nginx must be installed; LiteLLM is measured where ``LITELLM_BIN`` names its program, because it
needs an environment of its own: ``python3 -m venv /tmp/litellm && /tmp/litellm/bin/pip install
'litellm[proxy]'``.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks import machine
from benchmarks.calls import CHAT, MESSAGES, say
from benchmarks.load import Plan, Seen
from benchmarks.machine import PROC, Machine
from benchmarks.stack import Stack, free_ports
from portal import processes
from portal.programs import Program
from portal.supervisor import Child

#: The core of what is measured, and the one of everything else.
MEASURED, REST = {0}, {1}
CUSTOMERS = 8
WARM = 2.0
#: LiteLLM imports for half a minute, on one busy core for longer.
SLOW_START = 240.0
#: By then the recorder has written what it waited with: that is part of the cost.
SETTLE = 1.5
SENTENCE = "The last month had a roaming charge, and this one has none of it. " * 2
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "engine",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": SENTENCE},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 80, "completion_tokens": 32, "total_tokens": 112},
}
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {upstream}
  server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }}
}}
"""


class Round(msgspec.Struct):
    """One contestant's turn."""

    per_second: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float


class Contestant(msgspec.Struct):
    """What was measured of one."""

    name: str
    rounds: list[Round] = []
    memory_mib: float = 0

    def middle(self, measure: str) -> float:
        """Return the median over the rounds."""
        return float(median(getattr(each, measure) for each in self.rounds))


class Report(msgspec.Struct):
    """Everything of one run."""

    day: str
    machine: Machine
    callers: int
    contestants: list[Contestant]


class Race:
    """The contestants, started and warm."""

    def __init__(self, stack: Stack, seconds: float, callers: int) -> None:
        self.stack = stack
        self.seconds = seconds
        self.callers = callers
        made = stack.ask("benchmarks.customers", CUSTOMERS)
        self.keys, self.model = made["keys"], made["model"]
        self._running: list[tuple[Contestant, Child, int]] = []

    def enter(self, name: str, child: Child, port: int) -> None:
        """Take part; everything of it runs on the measured core from here on."""
        for pid in family(child.pid or 0):
            pin(pid, MEASURED)
        contestant = Contestant(name)
        self._running.append((contestant, child, port))
        self._call(port, WARM)
        contestant.memory_mib = round(
            sum(machine.memory_kib(pid) for pid in family(child.pid or 0)) / 1024, 1
        )

    def run(self, rounds: int) -> list[Contestant]:
        """Call each in turn, so many times."""
        for number in range(rounds):
            say(f"round {number + 1} of {rounds} …")
            for contestant, child, port in self._running:
                pids = family(child.pid or 0)
                before = machine.cpu_ms(*pids)
                seen = self._call(port, self.seconds)
                spent = machine.cpu_ms(*pids) - before
                if seen.good != seen.calls:
                    raise SystemExit(f"{contestant.name} answered {seen.statuses}")
                contestant.rounds.append(
                    Round(
                        round(seen.good / seen.seconds, 1),
                        round(spent / max(1, seen.good), 4),
                        seen.latency_ms.p50,
                        seen.latency_ms.p99,
                    )
                )
        return [contestant for contestant, _child, _port in self._running]

    def _call(self, port: int, seconds: float) -> Seen:
        body = {"model": self.model, "messages": MESSAGES, "max_tokens": 100}
        plan = Plan(
            port=port,
            path=CHAT,
            keys=self.keys,
            bodies=[msgspec.json.encode(body).decode()],
            seconds=seconds,
            callers=self.callers,
        )
        # The pause belongs to the turn: what is written late is paid for as well.
        with self.stack.aside("benchmarks.load", plan) as output:
            seen = msgspec.json.decode(output(), type=Seen)
        time.sleep(SETTLE)
        return seen


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            text = (PROC / str(each) / "task" / str(each) / "children").read_text()
            found.extend(map(int, text.split()))
    return found


def pin(pid: int, cores: set[int]) -> None:
    """Let all threads of a process run on these cores alone."""
    for thread in (PROC / str(pid) / "task").iterdir():
        with suppress(OSError):
            os.sched_setaffinity(int(thread.name), cores)


def nginx(stack: Stack, name: str, port: int, *, before: int = 0) -> Child:
    """Start an nginx: the engine, or a proxy before the one at that port."""
    folder = stack.state / name
    folder.mkdir()
    answer = f"return 200 '{msgspec.json.encode(ANSWER).decode()}';"
    upstream = ""
    if before:
        upstream = f"upstream engine {{ server 127.0.0.1:{before}; keepalive 64; }}"
        answer = "proxy_pass http://engine; proxy_http_version 1.1;"
        answer += ' proxy_set_header Connection "";'
    text = NGINX.format(folder=folder, port=port, upstream=upstream, answer=answer)
    (folder / "nginx.conf").write_text(text)
    program = Program(name, [_nginx(), "-e", "stderr", "-c", str(folder / "nginx.conf")])
    return stack.start(program, lambda: processes.listens(port))


def _nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise SystemExit("nginx is not installed; it stands for the engine, and is compared with.")
    return found


def litellm(stack: Stack, program: str, engine: int, model: str) -> tuple[Child, int]:
    """Start LiteLLM before the engine: no keys, no database, nothing but the call."""
    port = free_ports()
    facts = {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{engine}/v1"}
    given: dict[str, Any] = {
        "model_list": [{"model_name": model, "litellm_params": {**facts, "api_key": "none"}}]
    }
    path = stack.state / "litellm.yaml"
    # Every JSON document is YAML as well.
    path.write_bytes(msgspec.json.encode(given))
    command = [program, "--config", str(path), "--port", str(port), "--host", "127.0.0.1"]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"}
    # Without a key of its own it refuses to start, unless it is told that nobody else calls it.
    quiet["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"
    child = stack.start(
        Program("litellm", [*command, "--telemetry", "False"], quiet),
        lambda: processes.listens(port),
        seconds=SLOW_START,
    )
    return child, port


def measure(seconds: float, rounds: int, callers: int) -> Report:
    """Start everything, measure everything, and end everything."""
    here = machine.describe()
    os.sched_setaffinity(0, REST)
    say("starting …")
    with Stack() as stack:
        engine = stack.env.engine_port
        nginx(stack, "engine", engine)
        race = Race(stack, seconds, callers)
        race.enter("Tessera", stack.gateway(), stack.env.gateway_port)
        port = free_ports()
        race.enter("nginx proxy_pass", nginx(stack, "nginx", port, before=engine), port)
        if program := os.environ.get("LITELLM_BIN"):
            race.enter("LiteLLM, bare", *litellm(stack, program, engine, race.model))
        return Report(
            day=date.today().isoformat(),  # noqa: DTZ011 - the day on the tester's wall
            machine=here,
            callers=callers,
            contestants=race.run(rounds),
        )


def table(report: Report) -> str:
    """Return the run as a table for people."""
    base = next(each for each in report.contestants if each.name.startswith("nginx"))
    columns: list[tuple[str, Callable[[Contestant], object]]] = [
        ("ms CPU a call", lambda c: f"{c.middle('cpu_ms'):.3f}"),
        ("x nginx", lambda c: f"{c.middle('cpu_ms') / base.middle('cpu_ms'):.1f}"),
        ("calls/s", lambda c: round(c.middle("per_second"))),
        ("p50 ms", lambda c: f"{c.middle('p50_ms'):.2f}"),
        ("p99 ms", lambda c: f"{c.middle('p99_ms'):.2f}"),
        ("MiB", lambda c: c.memory_mib),
    ]
    head = f"{'':<20}" + "".join(f"{name:>15}" for name, _cell in columns)
    rows = [
        f"{each.name:<20}" + "".join(f"{cell(each)!s:>15}" for _name, cell in columns)
        for each in report.contestants
    ]
    return "\n".join([f"{report.machine.text()}, {report.callers} callers", "", head, *rows])


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn")
    parser.add_argument("--rounds", type=int, default=10, help="in which each has its turn")
    parser.add_argument("--callers", type=int, default=32, help="at once")
    parser.add_argument("--json", type=Path, help="file for all numbers; '-' prints them")
    asked = parser.parse_args()
    report = measure(asked.seconds, asked.rounds, asked.callers)
    found = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    if asked.json == Path("-"):
        sys.stdout.buffer.write(found)
        return
    print(table(report))
    if asked.json:
        asked.json.write_bytes(found)


if __name__ == "__main__":
    main()
