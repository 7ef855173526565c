"""A real Slurm on this machine: a controller, a node, the REST service; all end with who started it.

``python -m tests.support.slurm`` runs one until it is interrupted, and says how to connect it.
Its packages are Debian's: slurm-wlm slurmrestd slurm-wlm-jwt-plugin munge. It needs no systemd, no
accounting database and no GPU: two devices that every machine has stand in for some.
"""

import getpass
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from compute.schedulers.slurm.tokens import mint
from portal.embedded import launch
from tests.support.processes import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "slurmrestd")
WAYS = ("/usr/sbin", "/usr/bin", os.environ.get("PATH", ""))
#: Slurm wants character devices where GPUs should be.
DEVICES = ("/dev/null", "/dev/zero")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={folder}/jwt.key
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
MinJobAge=300
KillWait=5
SchedulerParameters=sched_min_interval=0,bf_interval=1,batch_sched_delay=0
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={node_port} CPUs=4 RealMemory=16384 Gres=gpu:h100:2 State=UNKNOWN
PartitionName=train Nodes=ALL Default=YES MaxTime=7-0 State=UP
"""


def missing():
    """Return which of its programs are not installed."""
    return [name for name in PROGRAMS if program(name) is None]


def program(name):
    """Return where a program lies; None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join(WAYS))


class RealSlurm:
    """One Slurm in a folder of its own; jobs run as the user who started it."""

    user = getpass.getuser()

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.rest_port = free_port()
        self.ports = {"controller_port": self.rest_port + 1, "node_port": self.rest_port + 2}
        self.address = f"http://127.0.0.1:{self.rest_port}"
        self.shared = self.folder / "jobs"
        self._running = {}

    def start(self):
        """Start everything; return when jobs can be submitted."""
        for name in ("state", "spool", "jobs"):
            (self.folder / name).mkdir(mode=0o700)
        self._write(
            "slurm.conf", CONFIGURATION.format(folder=self.folder, user=self.user, **self.ports)
        )
        lines = [f"NodeName=node1 Name=gpu Type=h100 File={device}\n" for device in DEVICES]
        self._write("gres.conf", "".join(lines))
        self._write("cgroup.conf", "CgroupAutomount=no\n")
        for name in ("munge.key", "jwt.key"):
            self._write(name, secrets.token_bytes(64))
        self._spawn("munged", "--foreground", "--force", *self._munge())
        self._wait((self.folder / "munge.sock").exists, "munged")
        self.start_controller()
        self._spawn("slurmd", "-D", "-N", "node1")
        # It would rather not run as the controller's user. Whom it speaks for, each token says.
        own = {"SLURMRESTD_SECURITY": "disable_user_check", "SLURM_JWT": "daemon"}
        where = f"127.0.0.1:{self.rest_port}"
        self._spawn("slurmrestd", "-a", "rest_auth/jwt", "-s", "openapi/v0.0.38", where, **own)
        self._wait(self._has_idle_node, "slurmctld", "slurmd", "slurmrestd")

    def start_controller(self):
        """Start the controller, again after it was killed."""
        self._spawn("slurmctld", "-D")
        self._wait(lambda: self.control("ping").returncode == 0, "slurmctld")

    def kill_controller(self):
        """Kill the controller as a power cut does: it says goodbye to nobody."""
        self._end("slurmctld", signal.SIGKILL)

    def lose_state(self):
        """Restart the controller without anything it had written down."""
        self.kill_controller()
        shutil.rmtree(self.folder / "state")
        (self.folder / "state").mkdir(mode=0o700)
        self.start_controller()

    def stop_service(self):
        """End the REST service alone."""
        self._end("slurmrestd", signal.SIGTERM)

    def control(self, *words):
        """Ask ``scontrol``."""
        return subprocess.run(
            [program("scontrol"), *words], env=self._variables, capture_output=True, check=False
        )

    @property
    def jwt_key(self):
        """What tokens are signed with."""
        return (self.folder / "jwt.key").read_bytes()

    def token(self, lifetime=3600):
        """Return a token for the user who runs the jobs."""
        return mint(self.user, self.jwt_key, lifetime=lifetime)

    def stop(self):
        """End everything, and every job."""
        for name in ("slurmrestd", "slurmd", "slurmctld", "munged"):
            self._end(name, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _munge(self):
        named = {"key-file": "munge.key", "socket": "munge.sock", "pid-file": "munge.pid",
                 "log-file": "munge.log", "seed-file": "munge.seed"}  # fmt: skip
        return [f"--{option}={self.folder / file}" for option, file in named.items()]

    def _write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)

    @property
    def _variables(self):
        return {"PATH": os.pathsep.join(WAYS), "SLURM_CONF": str(self.folder / "slurm.conf")}

    def _spawn(self, name, *arguments, **variables):
        with (self.folder / f"{name}.out").open("ab") as log:
            self._running[name] = subprocess.Popen(
                launch.mortal([program(name), *arguments]),
                env={**self._variables, **variables}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _wait(self, condition, *names):
        assert launch.wait_until(condition, seconds=30), "".join(map(self._said, names))

    def _said(self, name):
        return f"{name}:\n{(self.folder / f'{name}.out').read_text('utf-8', 'replace')[-1500:]}\n"

    def _end(self, name, number):
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _has_idle_node(self):
        headers = {"X-SLURM-USER-NAME": self.user, "X-SLURM-USER-TOKEN": self.token()}
        asked = Request(f"{self.address}/slurm/v0.0.38/nodes/", headers=headers)  # noqa: S310 - loopback
        try:
            with urlopen(asked, timeout=5) as answer:  # noqa: S310 - loopback
                return b'"state": "idle"' in answer.read()
        except (URLError, OSError):
            return False


def main():
    """Run one until interrupted."""
    slurm = RealSlurm()
    try:
        slurm.start()
        print(f"address {slurm.address}\nuser    {slurm.user}\nfolder  {slurm.shared}")  # noqa: T201
        print(f"token   {slurm.token(24 * 3600)}\nCtrl-C ends it and all its jobs.", flush=True)  # noqa: T201
        signal.pause()
    except KeyboardInterrupt:
        print("It ends.")  # noqa: T201
    finally:
        slurm.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
