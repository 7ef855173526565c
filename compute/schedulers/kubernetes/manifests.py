"""The Job that Kubernetes is told to run: started once, retried by nobody but us, allowed nothing."""

from typing import Any

from compute.scheduler import JobSpec
from compute.schedulers.kubernetes.options import KubernetesOptions

#: On every object of ours; the rest of the cluster is none of our business.
OURS = {"app.kubernetes.io/managed-by": "tessera"}
FINGERPRINT = "tessera/spec-sha256"
#: On a job and on its pods: which of ours it is.
NAME = "tessera/job"
QUEUE = "kueue.x-k8s.io/queue-name"
PRIORITY = "kueue.x-k8s.io/priority-class"
#: An ended job is kept so long, in seconds: what it was is asked for until then.
MEMORY = 7 * 24 * 3600
#: Of nobody in particular; root in no case.
SOMEBODY = 10_001


def job_of(spec: JobSpec, options: KubernetesOptions) -> dict[str, Any]:
    """Return the manifest of a ``batch/v1`` Job."""
    ours = {**OURS, NAME: spec.name}
    queue = {QUEUE: options.queue} if options.queue else {}
    if options.queue and options.priority:
        queue[PRIORITY] = options.priority
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": spec.name,
            "namespace": options.namespace_of(spec.tenant),
            "labels": {**ours, **queue},
            "annotations": {FINGERPRINT: spec.fingerprint()},
        },
        "spec": {
            # Kueue lets it begin.
            "suspend": bool(options.queue),
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": max(1, spec.time_limit),
            "ttlSecondsAfterFinished": MEMORY,
            # While a pod goes, no other begins in its place.
            "podReplacementPolicy": "Failed",
            "template": {"metadata": {"labels": ours}, "spec": _pod(spec, options)},
        },
    }


def _pod(spec: JobSpec, options: KubernetesOptions) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": options.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": SOMEBODY,
            "runAsGroup": SOMEBODY,
            "fsGroup": SOMEBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(spec, options)],
        "volumes": [{"name": name, "emptyDir": {}} for name in ("work", "tmp")],
    }
    if options.volume:
        claim = {"claimName": options.volume}
        pod["volumes"].append({"name": "shared", "persistentVolumeClaim": claim})
    nodes = options.node_labels
    if spec.gpus and spec.gpu_type:
        nodes[options.gpu_label] = spec.gpu_type
    if nodes:
        pod["nodeSelector"] = nodes
    if endured := _endured(spec, options):
        pod["tolerations"] = endured
    if options.runtime_class:
        pod["runtimeClassName"] = options.runtime_class
    return pod


def _endured(spec: JobSpec, options: KubernetesOptions) -> list[dict[str, Any]]:
    """Return which taints of nodes do not keep the job away."""
    endured: list[dict[str, Any]] = [
        {"key": name, "operator": "Equal", "value": value}
        for name, value in options.node_taints.items()
    ]
    if spec.gpus:
        # Nodes with GPUs are kept for those who need one.
        gpu = {"key": options.gpu_resource, "operator": "Exists", "effect": "NoSchedule"}
        endured.append(gpu)
    return endured


def _container(spec: JobSpec, options: KubernetesOptions) -> dict[str, Any]:
    held: dict[str, Any] = {"cpu": str(spec.cpus), "memory": f"{spec.memory_mb}Mi"}
    if spec.gpus:
        held[options.gpu_resource] = str(spec.gpus)
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("work", "tmp")]
    if options.volume:
        mounts.append({"name": "shared", "mountPath": options.mount})
    variables = {"LANG": "C.UTF-8", "HOME": "/work", **spec.environment}
    return {
        "name": "job",
        "image": options.image,
        # Kubernetes puts variables into words that look like $(NAME).
        "command": [word.replace("$", "$$") for word in spec.command],
        "env": [
            {"name": name, "value": value.replace("$", "$$")} for name, value in variables.items()
        ],
        "workingDir": "/work",
        "resources": {"requests": held, "limits": held},
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
