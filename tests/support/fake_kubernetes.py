"""A Kubernetes of our own: the few questions that we ask, and a node that really runs containers."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from compute.schedulers.kubernetes.client import Client
from compute.schedulers.kubernetes.options import KubernetesOptions
from compute.schedulers.kubernetes.scheduler import KubernetesScheduler
from tests.support.clusters import LocalCluster, wait_until

TOKEN = "right"


def now():
    """Return the present as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pod:
    """A pod, and the process that its container is."""

    def __init__(self, job, folder):
        self.job, self.process, self.is_over, self.is_told = job, None, False, False
        name = f"{job['metadata']['name']}-x7k2p"
        self.log = folder / name
        self.facts = {
            "metadata": {
                "name": name, "namespace": job["metadata"]["namespace"], "creationTimestamp": now(),
                "uid": str(uuid.uuid4()),
                "labels": {**job["spec"]["template"]["metadata"]["labels"],
                           "job-name": job["metadata"]["name"]},
            },
            "spec": job["spec"]["template"]["spec"],
            "status": {"phase": "Pending", "conditions": []},
        }  # fmt: skip

    def start(self, folder):
        """Run the command as a container: with its variables and nothing else."""
        container = self.facts["spec"]["containers"][0]
        given = {each["name"]: each["value"].replace("$$", "$") for each in container["env"]}
        command = [word.replace("$$", "$") for word in container["command"]]
        self.began = now()
        try:
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    command, env={**given, "PATH": os.environ["PATH"]}, stdout=log, stderr=log,
                    cwd=folder, start_new_session=True,
                )  # fmt: skip
        except FileNotFoundError:
            self._say("terminated", exitCode=128, reason="StartError", finishedAt=now())
            self.is_over = True
            return
        self._say("running")

    def look(self):
        """See whether its process has ended."""
        code = self.process and self.process.poll()
        if code is not None and not self.is_over:
            self.is_over = True
            exit_code = 128 - code if code < 0 else code
            self._say("terminated", exitCode=exit_code, reason="Error" if code else "Completed",
                      finishedAt=now())  # fmt: skip

    def end(self):
        """Ask it to end, as a kubelet does: once, for a second signal kills who is about to go."""
        if not self.is_told:
            self.is_told = True
            self.signal(signal.SIGTERM)

    def signal(self, number):
        """Send a signal to all of it."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def _say(self, state, **facts):
        said = {state: {"startedAt": self.began, **facts}}
        self.facts["status"]["containerStatuses"] = [{"name": "job", "state": said}]

    @property
    def code(self):
        """What it ended with."""
        return self.facts["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]


class Listener(ThreadingHTTPServer):
    """A server at whose door more may wait than the usual five."""

    request_queue_size = 128


class FakeKubernetes:
    """The API server, the controller of jobs, and the node."""

    def __init__(self, folder):
        self.folder, self.jobs, self.pods = folder, {}, {}
        self.is_cut_off = False
        #: Namespaces that are not there.
        self.absent = set()
        self._lock = threading.RLock()
        self._server = Listener(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop_service(self):
        """Answer nobody any more; the port stays ours, lest a neighbour's server be taken for it."""
        self.is_cut_off = True

    def stop(self):
        """End everything."""
        for pod in self.pods.values():
            pod.signal(signal.SIGKILL)
        self._server.shutdown()
        self._server.server_close()

    def tick(self):
        """Bring every job one step on."""
        with self._lock:
            for name, job in self.jobs.items():
                self._tend(job, self.pods.get(name))

    def _tend(self, job, pod):
        if job["status"].get("conditions"):
            return
        if job["spec"]["suspend"]:
            self._take_away(job, pod)
        elif pod is None:
            self.pods[job["metadata"]["name"]] = pod = Pod(job, self.folder)
            pod.start(self.folder)
        else:
            pod.look()
            if pod.is_over:
                self._conclude(job, pod)

    def _take_away(self, job, pod):
        """Have a suspended job's pod end; what ended well in that moment has ended well."""
        if pod is None:
            return
        pod.end()
        pod.look()
        if pod.is_over and pod.code == 0:
            self._conclude(job, pod)
        elif pod.is_over:
            del self.pods[job["metadata"]["name"]]

    def _conclude(self, job, pod):
        kind, reason = ("Complete", "") if pod.code == 0 else ("Failed", "BackoffLimitExceeded")
        said = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now()}
        job["status"]["conditions"] = [said]

    def forget(self, name):
        """Remove a job and its pod, as they are some time after the end."""
        with self._lock:
            del self.jobs[name]
            self.pods.pop(name, None)

    def serve(self, method, address, token, body):
        """Return a status and a body."""
        if token != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized")
        parts = urlsplit(address)
        asked = [method, *parts.path.strip("/").split("/")]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            said = self._of_jobs(asked, body, query) or self._of_pods(asked, body, query)
        return said or _status(404, "the server could not find the requested resource")

    def _of_jobs(self, asked, body, query):
        match asked:
            case ["POST", "apis", "batch", "v1", "namespaces", namespace, "jobs"]:
                return self._create(namespace, body)
            case ["GET", "apis", "batch", "v1", "jobs"]:
                return 200, _listed(self.jobs.values(), query)
            case [method, "apis", "batch", "v1", "namespaces", _, "jobs", name] if (
                name in self.jobs
            ):
                return 200, self._of_job(method, name, body)
        return None

    def _of_job(self, method, name, body):
        job = self.jobs[name]
        if method == "PATCH":
            self._patch(job, body)
        elif method == "DELETE":
            assert body["preconditions"]["uid"] == job["metadata"]["uid"]
            assert name not in self.pods
            del self.jobs[name]
        return job

    def _of_pods(self, asked, body, query):
        match asked:
            case ["GET", "api", "v1", "pods"]:
                return 200, _listed([pod.facts for pod in self.pods.values()], query)
            case ["GET", "api", "v1", "namespaces", space, "pods"]:
                pods = [pod.facts for pod in self.pods.values()]
                there = [pod for pod in pods if pod["metadata"]["namespace"] == space]
                return 200, _listed(there, query)
            case ["DELETE", "api", "v1", "namespaces", _, "pods", name]:
                assert body["gracePeriodSeconds"] == 0
                self._pod(name).signal(signal.SIGKILL)
                return 200, {}
            case ["GET", "api", "v1", "namespaces", _, "pods", name, "log"]:
                log = self._pod(name).log
                most = int(query["limitBytes"])
                return 200, log.read_bytes()[:most] if log.exists() else b""
        return None

    def _pod(self, name):
        return next(pod for pod in self.pods.values() if pod.facts["metadata"]["name"] == name)

    def _create(self, namespace, job):
        name = job["metadata"]["name"]
        if namespace in self.absent:
            return _status(404, f'namespaces "{namespace}" not found')
        if name in self.jobs:
            return _status(409, f'jobs.batch "{name}" already exists')
        # What comes after must be deep: it is changed here.
        job = json.loads(json.dumps(job))
        job["metadata"] |= {
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": now(),
        }
        self.jobs[name] = {**job, "status": {}}
        return 201, self.jobs[name]

    def _patch(self, job, wish):
        if job["status"].get("conditions"):
            return job
        job["metadata"]["annotations"] |= wish["metadata"]["annotations"]
        job["spec"] |= wish.get("spec", {})
        return job


def _listed(things, query):
    """Return those that have all the labels that are asked for."""
    wanted = dict(pair.split("=") for pair in query["labelSelector"].split(","))
    return {
        "items": [each for each in things if wanted.items() <= each["metadata"]["labels"].items()]
    }


def _status(code, message):
    return code, {"kind": "Status", "status": "Failure", "code": code, "message": message}


def _handler(kubernetes):
    class Handler(BaseHTTPRequestHandler):
        """Carries questions to the server, and what it says back."""

        def _serve(self):
            if kubernetes.is_cut_off:
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers["Authorization"]
            status, said = kubernetes.serve(self.command, self.path, token, body)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, *_):
            """Say nothing."""

    return Handler


class KubernetesCluster(LocalCluster):
    """A cluster for the tests of all schedulers."""

    def __init__(self, kubernetes):
        self.kubernetes = kubernetes
        self.options = KubernetesOptions.read({"image": "registry.example.net/trainer:1"})
        self.scheduler = KubernetesScheduler(Client(kubernetes.address, TOKEN), self.options)

    def tick(self):
        """Bring everything one step on."""
        self.kubernetes.tick()

    def run_until(self, condition, seconds=10):
        """Let it work until the condition holds."""
        wait_until(lambda: self.tick() or condition(), seconds)

    def forget(self, handle):
        """Lose all that is known of the job."""
        self.kubernetes.forget(handle.name)

    def break_off(self):
        """Let nobody reach it any more."""
        self.kubernetes.stop_service()


@pytest.fixture
def kubernetes(tmp_path):
    """A Kubernetes of our own."""
    folder = tmp_path / "node"
    folder.mkdir()
    fake = FakeKubernetes(folder)
    yield KubernetesCluster(fake)
    fake.stop()
