"""A Slurm of our own in one dialect: it really runs its jobs, and breaks as it is told to.

It refuses what the real one refuses, in its words and numbers. A real one of 22.05 is held to the same
tests (``tests/training/test_slurm.py``); of the newer ones only the published schemas were at hand.
"""

import json
import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jsonschema

CPUS = 4
#: What a job of each dialect looks like, as far as we send it.
OLD_JOB = {
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "string"} for name in (
            "name", "comment", "partition", "qos", "account", "current_working_directory",
            "standard_output", "dependency", "open_mode", "gpus_per_node",
        )},
        **{name: {"type": "integer"} for name in (
            "tasks", "cpus_per_task", "memory_per_node", "time_limit", "nodes",
        )},
        "requeue": {"type": "boolean"},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["environment"],
}  # fmt: skip
NUMBER = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "set": {"const": True},
        "infinite": {"const": False},
        "number": {"type": "integer"},
    },
    "required": ["set", "number"],
}
NEW_JOB = {
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "string"} for name in (
            "name", "comment", "partition", "qos", "account", "current_working_directory",
            "standard_output", "dependency", "tres_per_node", "nodes", "script",
            "kill_warning_signal",
        )},
        **{name: {"type": "integer"} for name in ("tasks", "cpus_per_task")},
        **dict.fromkeys(("memory_per_node", "time_limit", "kill_warning_delay"), NUMBER),
        "open_mode": {"const": ["APPEND"]},
        "kill_warning_flags": {"const": ["BATCH_JOB"]},
        "requeue": {"type": "boolean"},
        "environment": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
    "required": ["environment", "script"],
}  # fmt: skip


class Refusal(Exception):
    """One of Slurm's errors."""

    def __init__(self, number, words):
        self.number, self.words = number, words


class Job:
    """One job, and the process that it is."""

    def __init__(self, number, facts, script):
        self.number, self.facts, self.script = number, facts, script
        self.submitted, self.started, self.ended = int(time.time()), 0, 0
        self.states, self.reason = ["PENDING"], "None"
        self.process, self.status, self.is_killed = None, 0, False

    @property
    def is_over(self):
        """Whether it has ended."""
        return self.ended > 0

    def start(self):
        """Run the script as slurmd does."""
        variables = self.facts["environment"]
        if isinstance(variables, list):
            variables = dict(each.split("=", 1) for each in variables)
        with open(self.facts["standard_output"], "ab") as log:  # noqa: PTH123 - as it is said
            self.process = subprocess.Popen(
                ["/bin/bash", "-c", self.script], env=variables, stdout=log, stderr=log,
                cwd=self.facts["current_working_directory"], start_new_session=True,
            )  # fmt: skip
        self.started, self.states = int(time.time()), ["RUNNING"]

    def look(self):
        """See whether its process has ended."""
        code = self.process and self.process.poll()
        if self.is_over or code is None:
            return
        self.status = -code if code < 0 else code << 8
        self.end("CANCELLED" if self.is_killed else "COMPLETED" if code == 0 else "FAILED")

    def end(self, state):
        """Have it over."""
        self.ended, self.states = max(int(time.time()), self.started), [state]

    def signal(self, name):
        """Hear a signal; a job that waits hears only KILL."""
        if self.is_over:
            return
        if self.process is None:
            if name != "KILL":
                raise Refusal(2020, "Job can not be altered now, try again later")
            self.end("CANCELLED")
            return
        self.is_killed = self.is_killed or name == "KILL"
        os.killpg(self.process.pid, signal.Signals[f"SIG{name}"])


class FakeSlurm:
    """The service and the controller behind it."""

    user = "tessera"

    def __init__(self, version, shared):
        self.version, self.shared = version, shared
        self.jobs, self.accounting, self.asked = {}, {}, []
        self.has_accounting = False
        #: Paths that fail once: before they are heard ("before"), or before they are answered.
        self.failing = {}
        self._numbers = iter(range(1, 10**6))
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop_service(self):
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def stop(self):
        """End all jobs and the service."""
        for job in self.jobs.values():
            if job.process is not None and job.process.poll() is None:
                os.killpg(job.process.pid, signal.SIGKILL)
                job.process.wait()
        self.stop_service()

    def tick(self):
        """Look at every job once, and start those that there is room for."""
        with self._lock:
            living = [job for job in self.jobs.values() if not job.is_over]
            for job in living:
                job.look()
            for job in living:
                if job.process is None and not job.is_over and self._fits(job):
                    job.start()

    def _fits(self, job):
        running = [each for each in self.jobs.values() if each.process and not each.is_over]
        earlier = [each for each in self.jobs.values() if each.facts["name"] == job.facts["name"]
                   and not each.is_over and each.number < job.number]  # fmt: skip
        used = sum(each.facts["cpus_per_task"] for each in running)
        job.reason = "Dependency" if earlier else "Resources"
        return not earlier and used + job.facts["cpus_per_task"] <= CPUS

    def forget(self, number):
        """Remember a job no longer, as the controller does after a while."""
        with self._lock:
            self.jobs.pop(number)

    def serve(self, method, address, token, body):
        """Return a status and a text; None where the answer is lost on its way."""
        parts = urlsplit(address)
        service, version, path = parts.path.strip("/").split("/", 2)
        path += "/" * parts.path.endswith("/")
        failing = self.failing.pop(path, "")
        try:
            if failing == "before" or token != "right":
                raise Refusal(-1, "Unspecified error")
            said = None
            if version == f"v0.0.{self.version}":
                ask = self.answer if service == "slurm" else self.accounted
                said = ask(method, path, parse_qs(parts.query), body)
        except Refusal as refusal:
            error = {"error_number": refusal.number, "error": refusal.words}
            return 500, json.dumps({"errors": [error], "jobs": []})
        if failing == "after":
            return None
        if said is None:
            return 404, "Unable find requested URL."
        return 200, json.dumps({"errors": [], **said})

    def answer(self, method, path, query, facts):
        """Return what is said to a question."""
        self.asked.append((method, path))
        with self._lock:
            match [method, *path.split("/")]:
                case ["GET", "ping", ""]:
                    return {"pings": [{"hostname": "here"}]}
                case ["POST", "job", "submit"]:
                    return {"job_id": self._submit(facts), "step_id": "BATCH"}
                case ["GET", "jobs", ""]:
                    return {"jobs": [self._told(job) for job in self.jobs.values()]}
                case ["GET", "job", number]:
                    return {"jobs": [self._told(self._known(number))]}
                case ["DELETE", "job", number]:
                    self._known(number).signal(query["signal"][0])
                    return {}
        return None

    def accounted(self, _method, path, query, _facts):
        """Return what the accounting database says of a name."""
        if not self.has_accounting:
            return None
        if path == "diag/":
            return {}
        with self._lock:
            self.accounting |= self.jobs
            named = [
                job for job in self.accounting.values() if job.facts["name"] == query["job_name"][0]
            ]
            return {"jobs": [_kept(job) for job in named]}

    def _known(self, number):
        if int(number) not in self.jobs:
            raise Refusal(2017, "Invalid job id specified")
        return self.jobs[int(number)]

    def _submit(self, facts):
        schema = OLD_JOB if self.version == "38" else NEW_JOB
        try:
            jsonschema.validate(facts["job"], schema)
        except jsonschema.ValidationError as error:
            raise Refusal(9001, f"Failure during parsing: {error.message}") from error
        if facts["job"].get("partition", "train") != "train":
            raise Refusal(2000, "Invalid partition name specified")
        number = next(self._numbers)
        script = facts["script"] if self.version == "38" else facts["job"]["script"]
        self.jobs[number] = Job(number, facts["job"], script)
        return number

    def _told(self, job):
        gpus = job.facts.get("gpus_per_node") or job.facts.get("tres_per_node") or ""
        allotted = f"cpu={job.facts['cpus_per_task']},mem=1G,node=1" if job.started else ""
        if job.started and gpus:
            allotted += f",gres/gpu={gpus.rpartition(':')[2]}"
        is_old = self.version == "38"
        number = (lambda value: value) if is_old else _number
        return {
            "job_id": job.number, "name": job.facts["name"], "user_name": self.user,
            "comment": job.facts.get("comment", ""),
            "job_state": job.states[0] if is_old else job.states,
            "state_reason": job.reason if not job.started else "None",
            "exit_code": job.status if is_old else _verbose(job.status),
            "submit_time": number(job.submitted), "start_time": number(job.started or job.ended),
            "end_time": number(job.ended), "tres_alloc_str": allotted, "gres_detail": [],
            "something_new": {"of": "a later release"},
        }  # fmt: skip


def _number(value):
    return {"set": True, "infinite": False, "number": value}


def _verbose(status):
    return {
        "status": ["SUCCESS"],
        "return_code": _number(status >> 8),
        "signal": {
            "id": {"set": bool(status & 127), "infinite": False, "number": status & 127},
            "name": "",
        },
    }


def _kept(job):
    listed = [{"type": "cpu", "name": "", "id": 1, "count": job.facts["cpus_per_task"]}]
    return {
        "job_id": job.number, "name": job.facts["name"], "user": FakeSlurm.user,
        "comment": {"job": job.facts.get("comment", ""), "administrator": "", "system": ""},
        "state": {"current": job.states, "reason": "None"}, "exit_code": _verbose(job.status),
        "time": {"submission": job.submitted, "start": job.started, "end": job.ended},
        "tres": {"allocated": listed if job.started else [], "requested": listed},
    }  # fmt: skip


def _handler(slurm):
    class Handler(BaseHTTPRequestHandler):
        """Carries questions to the controller, and what it says back."""

        def _serve(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            said = slurm.serve(self.command, self.path, self.headers["X-SLURM-USER-TOKEN"], body)
            if said is None:
                self.close_connection = True
                return
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(said[1])))
            self.end_headers()
            self.wfile.write(said[1].encode())

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *_):
            """Say nothing."""

    return Handler
