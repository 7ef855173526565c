"""Every manifest is one that Kubernetes takes as it stands, and asks for no more than is used."""

import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from kubernetes_validate import ValidationError, validate

from compute.scheduler import JobSpec
from compute.schedulers.kubernetes.manifests import job_of
from compute.schedulers.kubernetes.options import KubernetesOptions
from portal.environment import ROOT
from tests.support.clusters import spec
from tests.support.kubernetes_api import BEGAN

VERSIONS = ("1.30", "1.34", "1.37")
DOCS = ROOT / "docs" / "kubernetes"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
QUANTITY = re.compile(r"[1-9][0-9]*(Mi)?")
LABEL_NAME = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")

names = some.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
words = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
specs = some.builds(
    JobSpec,
    name=names,
    command=some.lists(words, min_size=1, max_size=5).map(tuple),
    environment=some.dictionaries(some.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True), words),
    time_limit=some.integers(0, 10**7),
    cpus=some.integers(1, 256),
    gpus=some.integers(0, 64),
    memory_mb=some.integers(1, 4_000_000),
    gpu_type=some.just("") | names,
    tenant=some.just("") | names,
)
ways = some.builds(
    KubernetesOptions.read,
    some.fixed_dictionaries(
        {"image": some.just("registry.example.net/trainer@sha256:" + "0a1b" * 16)},
        optional={
            "namespace": some.sampled_from(["training", "tenant-{tenant}", "a" * 50 + "-{tenant}"]),
            "queue": names,
            "priority": names,
            "volume": names,
            "runtime_class": names,
            "nodes": some.just("topology.kubernetes.io/region=eu-paris,example.net/pool=train"),
            "taints": some.just("example.net/training=true"),
            "grace_seconds": some.integers(1, 3600),
        },
    ),
)


def labels(manifest):
    """Return every label that it sets or asks for."""
    pod = manifest["spec"]["template"]
    yield from manifest["metadata"]["labels"].items()
    yield from pod["metadata"]["labels"].items()
    yield from pod["spec"].get("nodeSelector", {}).items()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs, ways, some.sampled_from(VERSIONS))
def test_whatever_a_job_is_its_manifest_is_legal(spec, options, version):
    manifest = job_of(spec, options)
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    validate(manifest, version, strict=True)
    assert NAME.fullmatch(manifest["metadata"]["name"])
    assert NAME.fullmatch(manifest["metadata"]["namespace"])
    for name, value in labels(manifest):
        assert LABEL_NAME.fullmatch(name)
        assert LABEL_VALUE.fullmatch(value)
    held = container["resources"]
    assert held["requests"] == held["limits"]
    assert all(QUANTITY.fullmatch(each) for each in held["limits"].values())
    assert manifest["spec"]["activeDeadlineSeconds"] >= 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs, ways)
def test_whatever_a_job_is_it_is_allowed_nothing(spec, options):
    job = job_of(spec, options)["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]

    # What the Pod Security Standard "restricted" asks for, and more.
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}
    assert {key for each in pod["volumes"] for key in each} <= {
        "name", "emptyDir", "persistentVolumeClaim",
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    assert (pod["restartPolicy"], job["backoffLimit"]) == ("Never", 0)
    assert job["podReplacementPolicy"] == "Failed"
    assert job["ttlSecondsAfterFinished"] > 24 * 3600
    assert job["suspend"] is bool(options.queue)


def test_two_tenants_never_share_what_was_cut_off_their_namespace():
    options = KubernetesOptions("trainer:1", namespace="training-of-{tenant}")
    spaces = {options.namespace_of("a" * 55 + end) for end in ("-one", "-two", "-three")}

    assert len(spaces) == 3
    assert all(NAME.fullmatch(space) for space in spaces)


def test_where_a_job_may_run_is_what_was_said_and_its_kind_of_gpu():
    options = KubernetesOptions.read(
        {
            "image": "trainer:1", "gpu_label": "example.net/gpu", "queue": "ft", "priority": "high",
            "nodes": "topology.kubernetes.io/region=eu-paris", "taints": "example.net/pool=train",
        }
    )  # fmt: skip
    manifest = job_of(JobSpec("ft-a", ("x",), gpus=1, gpu_type="h100"), options)
    pod = manifest["spec"]["template"]["spec"]

    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "high"
    assert pod["nodeSelector"] == {
        "topology.kubernetes.io/region": "eu-paris",
        "example.net/gpu": "h100",
    }
    assert pod["tolerations"] == [
        {"key": "example.net/pool", "operator": "Equal", "value": "train"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    ]


def test_the_check_of_manifests_bites():
    manifest = job_of(JobSpec("ft-a", ("x",)), KubernetesOptions("trainer:1"))
    manifest["spec"]["template"]["spec"]["restartPolice"] = "Never"

    with pytest.raises(ValidationError, match="restartPolice"):
        validate(manifest, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("file", ["portal.yaml", "tenant.yaml"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_of_the_guide_are_legal(file, version):
    for manifest in yaml.safe_load_all((DOCS / file).read_text("utf-8")):
        validate(manifest, version, strict=True)


def test_the_account_of_the_guide_may_do_what_is_done_and_nothing_else(kueue):
    handle = kueue.scheduler.submit(spec())
    kueue.put_workload(handle, waiting(kueue, handle))
    kueue.answer(
        "get /apis/visibility.kueue.x-k8s.io", {"preferredVersion": {"version": "v1beta1"}}
    )
    scheduler = kueue.scheduler
    scheduler.submit(spec())
    scheduler.check()
    scheduler.find(handle.name)
    scheduler.status([handle])
    scheduler.cancel(handle)
    scheduler.cancel(handle, force=True)
    second = kueue.scheduler.submit(spec("ft-two-a1"))
    kueue.put_pod(second, containerStatuses=[{"state": {"running": {"startedAt": BEGAN}}}])
    scheduler.logs(second)
    scheduler.usage(second)
    scheduler.cancel(second, force=True)

    assert {right for each in kueue.mock if (right := right_for(each))} == granted()


def waiting(api, handle):
    """Return Kueue's object for a job that waits."""
    labels = {"kueue.x-k8s.io/job-uid": api.job(handle)["metadata"]["uid"]}
    return {"metadata": {"name": "job-ft-one-a1", "labels": labels}, "spec": {}}


def right_for(request):
    """Return which group, thing and verb a question needs; nothing for what everybody may ask."""
    path = re.fullmatch(
        r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/[^/]+)?/(?P<thing>[a-z]+)"
        r"(?:/(?P<name>[^/]+)(?:/(?P<part>[a-z]+))?)?",
        request.url.path,
    )
    if path is None:
        return None
    reading = "get" if path["name"] else "list"
    verbs = {"GET": reading, "POST": "create", "PATCH": "patch", "DELETE": "delete"}
    thing = f"{path['thing']}/{path['part']}" if path["part"] else path["thing"]
    return path["group"] or "", thing, verbs[request.method.value.upper()]


def granted():
    """Return what the role of the guide allows."""
    manifests = yaml.safe_load_all((DOCS / "portal.yaml").read_text("utf-8"))
    (role,) = [each for each in manifests if each["kind"] == "ClusterRole"]
    return {
        (group, thing, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for thing in rule["resources"]
        for verb in rule["verbs"]
    }
