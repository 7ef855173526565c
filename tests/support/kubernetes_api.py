"""A Kubernetes API of kmock, an emulator that is not ours: objects are kept, answers can be set."""

import asyncio
import threading
import uuid
from contextlib import AsyncExitStack

import pytest
from kmock import KubernetesEmulator, Response, Server, resource

from compute.schedulers.kubernetes.client import Client
from compute.schedulers.kubernetes.options import KubernetesOptions
from compute.schedulers.kubernetes.scheduler import KubernetesScheduler

JOBS, PODS = resource("batch/v1/jobs"), resource("v1/pods")
WORKLOADS = resource("kueue.x-k8s.io/v1beta2/workloads")
BEGAN, ENDED = "2026-11-26T12:00:00Z", "2026-11-26T13:00:00Z"


class Emulator(KubernetesEmulator):
    """Gives new objects what the server gives them."""

    async def _handle(self, request):
        if request.method == "POST" and request.data:
            request.data["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": BEGAN}
        return await super()._handle(request)


class KubernetesApi:
    """The emulator in a thread of its own, and a scheduler that asks it."""

    def __init__(self, **options):
        self._is_up, self._loop = threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), daemon=True
        )
        self._thread.start()
        assert self._is_up.wait(20)
        facts = {"image": "registry.example.net/trainer:1", **options}
        self.options = KubernetesOptions.read(facts)
        self.client = Client(self.address, "right")

    async def _serve(self):
        async with AsyncExitStack() as stack:
            self.mock = await stack.enter_async_context(Emulator())
            self.mock.resources["batch/v1/jobs"] = {}
            self.mock.resources["v1/pods"] = {}
            server = await stack.enter_async_context(Server(self.mock))
            self.address = str(server.url).rstrip("/")
            self._is_up.set()
            await self._end.wait()

    @property
    def scheduler(self):
        """One that remembers nothing of what it was told before."""
        return KubernetesScheduler(self.client, self.options)

    def answer(self, asked, *answers):
        """Answer this question so, one after the other; the last stays."""
        left = [
            each if isinstance(each, Response) else Response(status=200, payload=each)
            for each in answers
        ]
        self.mock[asked] << (lambda _: left.pop(0) if len(left) > 1 else left[0])

    def job(self, handle):
        """Return the job that it keeps."""
        return self._kept(handle).raw

    def say(self, handle, **facts):
        """Have the job that it keeps say this of itself."""
        self._kept(handle).patch(facts)

    def _kept(self, handle):
        return self.mock.objects[JOBS, handle.external_id.partition("/")[0], handle.name]

    def has(self, handle):
        """Whether it keeps the job."""
        space = handle.external_id.partition("/")[0]
        key = (JOBS, space, handle.name)
        return key in self.mock.objects and not self.mock.objects[key].deleted

    def put_pod(self, handle, **status):
        """Give the job a pod that says this of itself."""
        space = handle.external_id.partition("/")[0]
        template = self.job(handle)["spec"]["template"]
        facts = {
            "metadata": {
                "name": f"{handle.name}-x7k2p", "namespace": space, "uid": str(uuid.uuid4()),
                "creationTimestamp": BEGAN, "labels": template["metadata"]["labels"],
            },
            "spec": template["spec"], "status": status,
        }  # fmt: skip
        self.mock.objects[PODS, space, facts["metadata"]["name"]] = facts

    def put_workload(self, handle, workload):
        """Have Kueue know the job by this object."""
        space = handle.external_id.partition("/")[0]
        self.mock.objects[WORKLOADS, space, workload["metadata"]["name"]] = workload

    def close(self):
        """Stop it."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        self._loop.close()


def refusal(status, message, **headers):
    """Return what the server says when it does not do what is asked."""
    facts = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
    return Response(status=status, payload={**facts, "message": message}, headers=headers)


@pytest.fixture
def api():
    """The emulator, for jobs that begin at once."""
    api = KubernetesApi()
    yield api
    api.close()


@pytest.fixture
def kueue():
    """The emulator, for jobs that wait for Kueue."""
    api = KubernetesApi(queue="ft")
    api.answer(
        "get /apis/kueue.x-k8s.io", {"kind": "APIGroup", "preferredVersion": {"version": "v1beta2"}}
    )
    yield api
    api.close()
