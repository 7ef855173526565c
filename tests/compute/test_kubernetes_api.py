"""The client and the door against kmock: what the API answers, and what it leaves open."""

import asyncio

import pytest

from compute.scheduler import LogPage, Outcome, Phase, Rejected, Unreachable
from compute.schedulers.kubernetes import client
from compute.schedulers.kubernetes.client import Client, Refused
from compute.schedulers.kubernetes.scheduler import KubernetesScheduler
from tests.support.clusters import spec
from tests.support.kubernetes_api import BEGAN, ENDED, refusal

LISTED, ONE = "get /apis/batch/v1/jobs", "/apis/batch/v1/namespaces/tenant-nobody/jobs/ft-one-a1"
MADE = "post /apis/batch/v1/namespaces/tenant-nobody/jobs"
WORKLOADS = "/apis/kueue.x-k8s.io/v1beta2/workloads"
IN_SPACE = "/apis/kueue.x-k8s.io/v1beta2/namespaces/tenant-nobody/workloads"
MAY_NOT = (
    'jobs.batch is forbidden: User "system:serviceaccount:tessera:portal" cannot list resource '
    '"jobs" in API group "batch" at the cluster scope'
)


def status(api, handle):
    """Return where the job stands."""
    return api.scheduler.status([handle])[handle]


def container(state, **facts):
    """Return what a pod says whose container is in this state."""
    return {"containerStatuses": [{"name": "job", "state": {state: facts}}]}


def condition(kind, reason="", message="", said="True"):
    """Return what a thing says of itself."""
    return {
        "type": kind, "status": said, "reason": reason, "message": message,
        "lastTransitionTime": ENDED,
    }  # fmt: skip


def workload(api, handle, *conditions, active=True, **said):
    """Return Kueue's object for the job."""
    uid = api.job(handle)["metadata"]["uid"]
    labels = {"kueue.x-k8s.io/job-uid": uid}
    return {
        "metadata": {"name": "job-ft-one-a1-19797", "labels": labels},
        "spec": {"active": active},
        "status": {"conditions": list(conditions), **said},
    }


def test_a_job_is_submitted_once_and_found_by_its_label(api):
    handle = api.scheduler.submit(spec())

    assert api.scheduler.submit(spec()) == handle
    assert api.scheduler.find("ft-one-a1") == handle
    assert api.scheduler.find("ft-two-a1") is None
    asked = api.mock[LISTED][0].params["labelSelector"]
    assert asked == "app.kubernetes.io/managed-by=tessera,tessera/job=ft-one-a1"


def test_a_name_that_means_another_job_is_refused(api):
    api.scheduler.submit(spec())

    with pytest.raises(Rejected, match="Another job"):
        api.scheduler.submit(spec(code="print(2)"))


def test_a_job_that_vanished_while_it_was_submitted_is_not_known(api):
    api.answer(MADE, refusal(409, 'jobs.batch "ft-one-a1" already exists'))
    api.answer(f"get {ONE}", refusal(404, 'jobs.batch "ft-one-a1" not found'))

    with pytest.raises(Unreachable):
        api.scheduler.submit(spec())


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, 'namespaces "tenant-nobody" not found'),
        refusal(422, 'Job.batch "ft-one-a1" is invalid: spec.template'),
        refusal(403, 'jobs.batch "ft-one-a1" is forbidden: exceeded quota: tenant, requested: 1'),
        refusal(403, 'admission webhook "x" denied the request: no image of ours'),
    ],
)
def test_what_the_server_will_never_take_is_rejected_with_its_words(api, answer):
    api.answer(MADE, answer)

    with pytest.raises(Rejected, match=r"tenant|invalid|denied"):
        api.scheduler.submit(spec())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(401, "Unauthorized"), "refuses our token"),
        (refusal(403, MAY_NOT), "does not allow it: jobs.batch is forbidden"),
        (refusal(429, "busy", **{"Retry-After": "60"}), "too busy"),
        (refusal(500, "etcd"), "answers 500: etcd"),
        (refusal(503, "starting"), "answers 503"),
        ({"kind": "Proxy"}, "does not answer as Kubernetes does"),
    ],
)
def test_an_answer_that_says_nothing_of_the_job_leaves_everything_as_it_is(api, answer, words):
    handle = api.scheduler.submit(spec())
    api.answer(LISTED, answer)

    for ask in (
        lambda: api.scheduler.status([handle]),
        lambda: api.scheduler.find(handle.name),
        lambda: list(api.scheduler.list("ft-")),
    ):
        with pytest.raises(Unreachable, match=words):
            ask()
    assert words in api.scheduler.check()


def test_a_page_of_a_proxy_is_no_word_that_a_job_is_gone(api):
    handle = api.scheduler.submit(spec())
    api.mock[f"get {ONE}"] << 404 << b"<html>not here</html>"

    with pytest.raises(Unreachable, match="answers 404"):
        api.scheduler.cancel(handle)


def test_a_busy_server_is_asked_again_when_it_says(api):
    handle = api.scheduler.submit(spec())
    busy = refusal(429, "too many requests", **{"Retry-After": "0"})
    api.answer(LISTED, busy, {"items": [api.job(handle)]})

    assert status(api, handle).phase == Phase.PENDING


def test_a_server_that_is_silent_is_not_waited_for_for_ever(api, monkeypatch):
    monkeypatch.setattr(client, "BOUNDS", client.http.Bounds(patience=0.2))
    handle = api.scheduler.submit(spec())
    api.mock[LISTED] << (lambda: asyncio.sleep(2))

    with pytest.raises(Unreachable, match="in time"):
        api.scheduler.status([handle])


def page(*names, mark=""):
    """Return a page of a list."""
    jobs = [
        {"metadata": {"namespace": "n", "uid": name, "name": name, "creationTimestamp": BEGAN}}
        for name in names
    ]
    return {"metadata": {"continue": mark}, "items": jobs}


def test_a_long_list_is_read_to_its_end(api):
    api.answer(LISTED, page("ft-a", mark="one"), page("ft-b", "other", mark="two"), page("ft-c"))

    assert [each.name for each in api.scheduler.list("ft-")] == ["ft-a", "ft-b", "ft-c"]
    assert [each.params.get("continue") for each in api.mock[LISTED]] == [None, "one", "two"]


def test_a_list_that_grew_too_old_is_begun_anew(api):
    old = refusal(410, "The provided continue parameter is too old")
    api.answer(
        LISTED, page("ft-a", "ft-gone", mark="one"), old, page("ft-a", mark="x"), page("ft-b")
    )

    assert [each.name for each in api.scheduler.list("ft-")] == ["ft-a", "ft-b"]


def test_a_list_that_is_always_too_old_is_given_up(api):
    api.answer(LISTED, refusal(410, "Expired"))

    with pytest.raises(Unreachable, match="faster than"):
        list(api.scheduler.list("ft-"))


@pytest.mark.parametrize(
    ("said", "phase", "words"),
    [
        ({}, Phase.PENDING, "It is about to begin."),
        (container("waiting", reason="ImagePullBackOff"), Phase.PENDING, "The image cannot be"),
        (container("waiting", reason="CreateContainerError"), Phase.PENDING, "What the job needs"),
        (container("running", startedAt=BEGAN), Phase.RUNNING, ""),
        (container("terminated", exitCode=0, startedAt=BEGAN, finishedAt=ENDED), Phase.RUNNING, ""),
    ],
)
def test_a_job_stands_where_its_pod_does(api, said, phase, words):
    handle = api.scheduler.submit(spec())
    api.put_pod(handle, **said)

    seen = status(api, handle)

    assert (seen.phase, seen.reason[: len(words)]) == (phase, words)
    assert bool(seen.reason) == bool(words)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("0/4 nodes are available: 4 Insufficient nvidia.com/gpu.", "Waiting for free GPUs."),
        ("0/4 nodes are available: 4 Insufficient memory.", "Waiting for free machines."),
        (
            "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector.",
            "No machine of the cluster can run it.",
        ),
        ('persistentvolumeclaim "tessera" not found', "The disk that jobs share is not there;"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.", "The machines that"),
        ("something new", "Waiting for free machines."),
    ],
)
def test_why_no_machine_takes_it_is_said_in_plain_words(api, message, words):
    handle = api.scheduler.submit(spec())
    api.put_pod(
        handle, conditions=[condition("PodScheduled", "Unschedulable", message, said="False")]
    )

    assert status(api, handle).reason.startswith(words)


@pytest.mark.parametrize(
    ("ended", "said", "outcome", "code"),
    [
        (("Complete", ""), {"exitCode": 0}, Outcome.SUCCEEDED, 0),
        (("Failed", "BackoffLimitExceeded"), {"exitCode": 65}, Outcome.USER_ERROR, 65),
        (("Failed", "BackoffLimitExceeded"), {"exitCode": 1}, Outcome.CRASHED, 1),
        (("Failed", "DeadlineExceeded"), {"exitCode": 143}, Outcome.TIMEOUT, None),
    ],
)
def test_a_job_that_ended_says_how(api, ended, said, outcome, code):
    handle = api.scheduler.submit(spec())
    api.put_pod(handle, **container("terminated", startedAt=BEGAN, finishedAt=ENDED, **said))
    api.say(handle, status={"conditions": [condition(*ended)]})

    seen = status(api, handle)

    assert (seen.phase, seen.outcome, seen.exit_code) == (Phase.ENDED, outcome, code)
    assert [run.seconds for run in api.scheduler.usage(handle)] == [3600]


@pytest.mark.parametrize(
    ("why", "outcome"), [("Evicted", Outcome.NODE_FAILED), ("Preempting", Outcome.PREEMPTED)]
)
def test_a_pod_that_was_put_out_is_no_fault_of_the_job(api, why, outcome):
    handle = api.scheduler.submit(spec())
    api.put_pod(handle, phase="Failed", reason=why)
    api.say(handle, status={"conditions": [condition("Failed", "BackoffLimitExceeded")]})

    assert status(api, handle).outcome == outcome


def test_a_job_that_somebody_deleted_is_absent(api):
    handle = api.scheduler.submit(spec())
    api.client.ask("DELETE", ONE)

    assert status(api, handle).phase == Phase.ABSENT
    api.scheduler.cancel(handle)
    api.scheduler.cancel(handle, force=True)
    assert list(api.scheduler.usage(handle)) == []


def test_another_job_of_the_name_is_not_taken_for_it(api):
    handle = api.scheduler.submit(spec())
    api.client.ask("DELETE", ONE)
    other = api.scheduler.submit(spec())

    api.scheduler.cancel(handle, force=True)

    assert status(api, handle).phase == Phase.ABSENT
    assert api.job(other)["spec"]["suspend"] is False


def test_a_cancelled_job_is_suspended_and_then_removed(api):
    handle = api.scheduler.submit(spec())
    api.put_pod(handle, **container("running", startedAt=BEGAN))
    api.scheduler.cancel(handle)

    assert api.job(handle)["spec"]["suspend"]
    assert status(api, handle).phase == Phase.RUNNING

    api.scheduler.cancel(handle, force=True)
    (killed,) = api.mock["delete"]
    assert (killed.url.path.rpartition("/")[2], killed.data["gracePeriodSeconds"]) == (
        "ft-one-a1-x7k2p", 0,
    )  # fmt: skip
    assert status(api, handle).outcome == Outcome.CANCELLED

    api.scheduler.cancel(handle, force=True)
    assert api.mock["delete"][-1].data["propagationPolicy"] == "Background"
    assert not api.has(handle)


def test_a_job_that_ended_itself_stays_to_be_asked_about(api):
    handle = api.scheduler.submit(spec())
    api.say(handle, status={"conditions": [condition("Complete")]})

    api.scheduler.cancel(handle, force=True)

    assert api.has(handle)
    assert len(api.mock["patch"]) == 0


def test_a_log_is_read_while_there_is_a_pod(api):
    handle = api.scheduler.submit(spec())
    assert api.scheduler.logs(handle).data == b""

    api.put_pod(handle, **container("running", startedAt=BEGAN))
    path = "get /api/v1/namespaces/tenant-nobody/pods/ft-one-a1-x7k2p/log"
    api.mock[path] << b"step 1\nstep 2\n"

    assert api.scheduler.logs(handle, 7).data == b"step 2\n"


def test_a_log_of_a_container_that_has_not_begun_is_empty(api):
    handle = api.scheduler.submit(spec())
    api.put_pod(handle, **container("waiting", reason="ContainerCreating"))
    path = "get /api/v1/namespaces/tenant-nobody/pods/ft-one-a1-x7k2p/log"
    api.answer(path, refusal(400, 'container "job" in pod "x" is waiting to start'))

    assert api.scheduler.logs(handle, 3) == LogPage(b"", 3)


def test_one_namespace_is_all_that_is_asked_about(api):
    here = KubernetesScheduler(api.client, type(api.options)("trainer:1", namespace="training"))
    here.submit(spec())

    assert here.check() == ""
    assert [each.name for each in here.list("ft-")] == ["ft-one-a1"]
    asked = {each.url.path for each in api.mock["get"]}
    assert asked == {"/apis/batch/v1/namespaces/training/jobs", "/api/v1/namespaces/training/pods"}


def pending(message="", reason="Pending"):
    """Return what Kueue says of a job that has no place yet."""
    return condition("QuotaReserved", reason, message, said="False")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "Other jobs are ahead in the queue."),
        (
            [pending("couldn't assign flavors to pod set main: insufficient unused quota for "
                     "nvidia.com/gpu in flavor h100, 2 more needed")],
            "Waiting for free machines.",
        ),
        (
            [pending("insufficient quota for nvidia.com/gpu in flavor h100, request > maximum "
                     "capacity (16 > 8)")],
            "It asks for more than the queue has.",
        ),
        ([pending("LocalQueue ft doesn't exist", "Inadmissible")], "The queue is not set up;"),
        ([pending("ClusterQueue gpus is inactive", "Inadmissible")], "The queue is closed"),
        ([condition("QuotaReserved", "QuotaReserved")], "Its place is kept;"),
    ],
)  # fmt: skip
def test_why_kueue_holds_a_job_back_is_said_in_plain_words(kueue, said, words):
    handle = kueue.scheduler.submit(spec())
    kueue.answer(f"get {WORKLOADS}", {"items": [workload(kueue, handle, *said)]})

    seen = status(kueue, handle)

    assert (seen.phase, seen.reason[: len(words)]) == (Phase.PENDING, words)


def test_how_many_are_ahead_and_when_it_is_looked_at_again_is_said(kueue):
    handle = kueue.scheduler.submit(spec())
    later = {"requeueState": {"count": 2, "requeueAt": "2126-11-26T12:00:00Z"}}
    kueue.answer(f"get {WORKLOADS}", {"items": [workload(kueue, handle, pending(), **later)]})
    kueue.answer(
        "get /apis/visibility.kueue.x-k8s.io", {"preferredVersion": {"version": "v1beta1"}}
    )
    kueue.answer(
        "get /apis/visibility.kueue.x-k8s.io/v1beta1/namespaces/tenant-nobody/localqueues/ft"
        "/pendingworkloads",
        {"items": [{"metadata": {"name": "job-ft-one-a1-19797"}, "positionInClusterQueue": 3}]},
    )

    assert status(kueue, handle).reason == (
        "Other jobs are ahead in the queue. Ahead of it in the queue: 3. "
        "It is not looked at before 2126-11-26 12:00 UTC."
    )


@pytest.mark.parametrize(
    "trouble", [refusal(403, MAY_NOT), refusal(500, "kueue"), {"kind": "no list"}]
)
def test_a_kueue_that_tells_nothing_changes_no_job(kueue, trouble):
    handle = kueue.scheduler.submit(spec())
    kueue.answer(f"get {WORKLOADS}", trouble)

    assert status(kueue, handle).reason == "Other jobs are ahead in the queue."


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("Preempted", Outcome.PREEMPTED),
        ("ClusterQueueStopped", Outcome.PREEMPTED),
        ("PodsReadyTimeout", Outcome.LAUNCH_FAILED),
        ("NodeFailures", Outcome.NODE_FAILED),
        ("Deactivated", Outcome.CANCELLED),
        ("DeactivatedDueToMaximumExecutionTimeExceeded", Outcome.TIMEOUT),
    ],
)
def test_what_kueue_has_taken_back_has_ended(kueue, reason, outcome):
    handle = kueue.scheduler.submit(spec())
    back = condition("Evicted", reason, "Preempted to accommodate a workload")
    kueue.answer(f"get {WORKLOADS}", {"items": [workload(kueue, handle, back)]})

    seen = status(kueue, handle)

    assert (seen.phase, seen.outcome) == (Phase.ENDED, outcome)
    assert seen.reason.endswith(".")


def test_what_kueue_has_let_run_is_ended_by_kueue(kueue):
    handle = kueue.scheduler.submit(spec())
    kueue.say(handle, spec={"suspend": False})
    kueue.put_pod(handle, **container("running", startedAt=BEGAN))
    other = {"metadata": {"name": "other", "labels": {"kueue.x-k8s.io/job-uid": "x"}}, "spec": {}}
    kueue.put_workload(handle, other)
    kueue.put_workload(handle, workload(kueue, handle))

    kueue.scheduler.cancel(handle)

    told = {each.url.path.rpartition("/")[2]: each.data for each in kueue.mock["patch"]}
    assert told == {
        "job-ft-one-a1-19797": {"spec": {"active": False}},
        "ft-one-a1": {"metadata": {"annotations": {"tessera/cancelled": "true"}}},
    }
    assert status(kueue, handle).phase == Phase.RUNNING


def test_what_kueue_does_not_know_yet_is_suspended_and_cancelled(kueue):
    handle = kueue.scheduler.submit(spec())
    kueue.answer(f"get {IN_SPACE}", {"items": [workload(kueue, handle)]})

    kueue.scheduler.cancel(handle)

    assert status(kueue, handle).outcome == Outcome.CANCELLED
    kueue.scheduler.cancel(handle, force=True)
    assert not kueue.has(handle)


def test_a_queue_without_kueue_is_said(api):
    queued = KubernetesScheduler(api.client, type(api.options)("trainer:1", queue="ft"))
    api.answer("get /apis/kueue.x-k8s.io", refusal(404, "the server could not find the resource"))

    assert queued.check() == "Jobs are to wait in ft, and the cluster has no Kueue."


def test_a_token_goes_along_and_no_secret_is_in_what_is_said(api):
    api.answer(LISTED, refusal(403, MAY_NOT))

    with pytest.raises(Unreachable) as trouble:
        Client(api.address, "hush").items("/apis/batch/v1/jobs")

    assert api.mock[LISTED][0].headers["Authorization"] == "Bearer hush"
    assert "hush" not in str(trouble.value)


def test_what_is_refused_carries_its_number(api):
    with pytest.raises(Refused) as refused:
        api.client.ask("GET", ONE)

    assert refused.value.status == 404
