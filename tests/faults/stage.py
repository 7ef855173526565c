"""Everything a run happens on: storage, gateways, engines and workers, each of which may be killed.

Made of the parts that ``manage.py up`` is made of, with the same settings: PostgreSQL keeps what it
has committed through a ``kill -9``, Valkey forgets everything.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.stack import REPLACED, free_ports
from portal import environment, processes, state
from portal.embedded import launch
from portal.environment import ROOT
from portal.management.commands.up import STORAGE, start_storage
from portal.supervisor import StateLock, Supervisor
from tests.faults.journals import Kill

PATIENCE = 60.0
GATEWAYS, ENGINES = 3, 2
#: Where engines compute and files lie.
REGION = "here"
#: What is killed starts again at once, however often.
TEND = 0.05


class Stage:
    """The processes of one run, in a folder of its own."""

    def __init__(self):
        self.state = Path(tempfile.mkdtemp(prefix="tessera-faults-")).resolve()
        self.journals = self.state / "journals"
        for name in REPLACED:
            os.environ.pop(name, None)
        ports = [free_ports() + offset for offset in range(4)]
        self.engine_ports = ports[:ENGINES]
        self.gateway_ports = [free_ports() + offset for offset in range(GATEWAYS)]
        os.environ.update(TESSERA_STATE=str(self.state), PORT=str(free_ports()), DEMO="false")
        os.environ["FILES_REGION"] = REGION
        # What does not end says where it stands when it is aborted.
        os.environ["PYTHONFAULTHANDLER"] = "1"
        state.prepare(self.state)
        self.lock = StateLock(self.state)
        self.env = environment.read(os.environ)
        logs = self.state / "logs"
        for folder in (logs, self.journals):
            folder.mkdir()
        self.console = (logs / "all.log").open("w")
        self.supervisor = Supervisor(logs, self.console)
        self.killed = os.open(self.journals / "kills.jsonl", os.O_CREAT | os.O_WRONLY, 0o600)

    def open(self):
        """Start storage and engines."""
        start_storage(self.env, self.supervisor)
        self.run("manage.py", "prepare_database", "--verbosity", "0")
        for port in self.engine_ports:
            ledger = self.journals / f"engine-{port}.jsonl"
            engine = ["-m", "tests.faults.engine", "--port", str(port), "--ledger", str(ledger)]
            self.supervisor.start(processes.python(f"engine-{port}", *engine))

    def serve(self):
        """Start gateways and workers."""
        for port in self.gateway_ports:
            gateway = [str(ROOT / "manage.py"), "gateway", "--port", str(port), "--grace", "5"]
            self.supervisor.start(processes.python(f"gateway-{port}", *gateway))
        self.supervisor.start(processes.worker())
        self.supervisor.start(processes.batches())
        self.until(self.is_up)

    def is_up(self):
        """Tell whether all ports are listened on."""
        return all(map(processes.listens, [*self.engine_ports, *self.gateway_ports]))

    def tend(self):
        """Start again at once what has ended."""
        for child in self.supervisor.children:
            child.failures = 0
            child.tend()

    def until(self, condition, seconds=PATIENCE):
        """Tend until the condition holds; whether it did in time."""
        deadline = time.monotonic() + seconds
        while not (holds := condition()) and time.monotonic() < deadline:
            self.tend()
            time.sleep(TEND)
        return bool(holds)

    def children(self, kind):
        """Return the running children of a kind."""
        found = [each for each in self.supervisor.children if each.program.name.startswith(kind)]
        return [each for each in found if not each.has_stopped()]

    def kill(self, child):
        """Kill a child as nobody expects it, and write that down."""
        port = child.program.name.partition("-")[2]
        child.process.kill()
        kill = Kill(child.program.name, int(port or 0), time.time())
        os.write(self.killed, msgspec.json.encode(kill) + b"\n")

    def run(self, *arguments, given=None):
        """Run a program of ours to its end, hand it a value and return what it prints."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            input=msgspec.json.encode(given),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    def beside(self, module, *arguments, given=None):
        """Start a module beside all else; its input stays open when nothing is given.

        In a session of its own: Ctrl-C is for us, who end the run in good order.
        """
        process = subprocess.Popen(
            launch.mortal([sys.executable, "-m", module, *arguments]),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        if given is not None:
            process.stdin.write(msgspec.json.encode(given))
            process.stdin.close()
        return process

    def end_gateways(self):
        """Let the gateways end as they like to; whether all did."""
        gateways = self.children("gateway-")
        for child in gateways:
            child.ask_to_stop()
        deadline = time.monotonic() + PATIENCE
        while not all(child.has_stopped() for child in gateways) and time.monotonic() < deadline:
            time.sleep(TEND)
        stuck = [child for child in gateways if not child.has_stopped()]
        for child in stuck:
            child.process.send_signal(signal.SIGABRT)
            child.process.wait()
        return not stuck

    def close(self, *, keep=False):
        """End everything; the folder goes too, unless somebody wants to look into it."""
        children = self.supervisor.children
        storage = [child for child in children if child.program.name in STORAGE]
        self.supervisor.stop([child for child in children if child not in storage], storage)
        self.lock.file.close()
        self.console.close()
        os.close(self.killed)
        if not keep:
            shutil.rmtree(self.state, ignore_errors=True)
