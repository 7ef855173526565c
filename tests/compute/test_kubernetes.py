"""What only the door to Kubernetes must know: its manifest, its words, what its answers leave open."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from compute.scheduler import JobSpec, Outcome, Phase, Rejected, Unreachable
from compute.schedulers.kubernetes.client import Client
from compute.schedulers.kubernetes.manifests import job_of
from compute.schedulers.kubernetes.options import KubernetesOptions
from compute.schedulers.kubernetes.scheduler import KubernetesScheduler
from compute.schedulers.kubernetes.states import status_of
from tests.support.clusters import spec

GOLDEN = Path(__file__).with_name("golden") / "kubernetes-job.json"
OPTIONS = KubernetesOptions(
    image="registry.example.net/trainer@sha256:0a1b", queue="ft", volume="tessera",
    runtime_class="nvidia",
)  # fmt: skip
SPEC = JobSpec(
    "ft-0a1b-a1", ("python3", "-m", "trainer", "$(HOME)"), {"STUDIO_EPOCHS": "3"}, time_limit=5430,
    cpus=8, gpus=2, memory_mb=65_536, gpu_type="h100", tenant="acme",
)  # fmt: skip
BEGAN, ENDED = "2026-11-26T12:00:00Z", "2026-11-26T13:00:00Z"


def job(condition="", reason="", *, suspend=False, **annotations):
    """Return a job as the server tells of it."""
    said = {"type": condition, "status": "True", "reason": reason, "lastTransitionTime": ENDED}
    return {
        "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "ft"}, "annotations": annotations},
        "spec": {"suspend": suspend},
        "status": {"conditions": [said] if condition else []},
    }


def pod(state, *conditions, **facts):
    """Return a pod whose container is in a state."""
    return {
        "metadata": {"creationTimestamp": BEGAN},
        "status": {"conditions": conditions, "containerStatuses": [{"state": {state: facts}}]},
    }


def ended(code, reason="Error", *conditions):
    """Return a pod that ran for an hour."""
    return pod(
        "terminated", *conditions, exitCode=code, reason=reason, startedAt=BEGAN, finishedAt=ENDED
    )


def disrupted(reason):
    """Return what a pod says that was taken away."""
    return {"type": "DisruptionTarget", "status": "True", "reason": reason}


def test_a_job_is_asked_for_with_no_more_rights_than_it_needs():
    assert job_of(SPEC, OPTIONS) == json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.parametrize(
    ("reason", "left", "outcome"),
    [
        ("BackoffLimitExceeded", [ended(65)], Outcome.USER_ERROR),
        ("BackoffLimitExceeded", [ended(75)], Outcome.PREEMPTED),
        ("BackoffLimitExceeded", [ended(70)], Outcome.CRASHED),
        ("BackoffLimitExceeded", [ended(137, "OOMKilled")], Outcome.OUT_OF_MEMORY),
        ("BackoffLimitExceeded", [ended(128, "StartError")], Outcome.LAUNCH_FAILED),
        (
            "BackoffLimitExceeded",
            [ended(143, "Error", disrupted("PreemptionByScheduler"))],
            Outcome.PREEMPTED,
        ),
        (
            "BackoffLimitExceeded",
            [ended(137, "Error", disrupted("DeletionByTaintManager"))],
            Outcome.NODE_FAILED,
        ),
        ("DeadlineExceeded", [], Outcome.TIMEOUT),
        ("BackoffLimitExceeded", [], Outcome.LAUNCH_FAILED),
    ],
)
def test_every_failure_has_its_meaning(reason, left, outcome):
    status = status_of(job("Failed", reason), left)

    assert (status.phase, status.outcome) == (Phase.ENDED, outcome)
    assert status.reason


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ([], "It has just been queued."),
        ([pod("waiting", reason="ImagePullBackOff")], "The image cannot be fetched"),
        ([pod("waiting", reason="ContainerCreating")], "The machine is being prepared."),
        ([pod("waiting", reason="SomethingNew")], "Kubernetes says: SomethingNew."),
        (
            [
                pod(
                    "waiting",
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
                )
            ],
            "Waiting for free machines.",
        ),
    ],
)
def test_why_a_job_waits_is_said_in_plain_words(left, words):
    status = status_of(job(), left)

    assert status.phase == Phase.PENDING
    assert status.reason.startswith(words)


def test_a_job_that_kueue_holds_back_waits_for_others():
    status = status_of(job(suspend=True), [])

    assert (status.phase, status.reason) == (Phase.PENDING, "Other jobs are ahead in the queue.")


def test_a_pod_that_ended_has_not_ended_its_job():
    assert status_of(job(), [ended(0)]).phase == Phase.RUNNING


def test_a_job_that_is_being_cancelled_has_ended_when_its_pod_is_gone():
    unwanted = job(suspend=True, **{"tessera/cancelled": "true"})

    assert status_of(unwanted, [pod("running", startedAt=BEGAN)]).phase == Phase.RUNNING
    assert status_of(unwanted, []).outcome == Outcome.CANCELLED


def test_a_wrong_token_is_told_from_an_absent_server(kubernetes):
    wrong = Client(kubernetes.kubernetes.address, "wrong")
    nowhere = Client("http://127.0.0.1:9", "right")

    troubles = [KubernetesScheduler(each, OPTIONS).check() for each in (wrong, nowhere)]

    assert troubles[0].endswith("refuses our token.")
    assert troubles[1] == "Nobody listens at http://127.0.0.1:9."


def test_each_tenant_has_a_namespace(kubernetes):
    handle = kubernetes.scheduler.submit(replace(spec(), tenant="acme"))

    assert handle.external_id.startswith("tenant-acme/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": "a b"},
        {"namespace": "T_{tenant}"},
        {"queue": "a/b"},
        {"queue": 7},
        {"priority": "High"},
        {"nodes": "all"},
        {"nodes": "a b=c"},
        {"taints": "a=b c"},
        {"mount": "/work/"},
        {"mount": "shared"},
        {"gpu_label": "a b"},
        {"grace_seconds": 0},
        {"grace_seconds": "60"},
        {"colour": "blue"},
    ],
)
def test_an_option_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KubernetesOptions.read({"image": "trainer", **wrong})


def test_what_the_server_does_not_understand_is_refused(kubernetes):
    elsewhere = replace(kubernetes.options, namespace="gone")
    scheduler = KubernetesScheduler(Client(kubernetes.kubernetes.address, "right"), elsewhere)
    kubernetes.kubernetes.absent = {"gone"}

    with pytest.raises(Rejected, match="not found"):
        scheduler.submit(spec())
    with pytest.raises(Unreachable):
        KubernetesScheduler(Client(kubernetes.kubernetes.address, "wrong"), OPTIONS).find("ft-a")
