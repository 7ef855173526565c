"""How a Kubernetes cluster is reached, and where jobs go there: what an operator says once."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: A label as Kubernetes writes its name, with or without a domain before it, and its value.
KEY = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
PATH = re.compile(r"/[A-Za-z0-9_./-]{1,200}")
LONGEST = 63
IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9_.:/@-]{0,299}")


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """What is said of a cluster beside its address and its token."""

    #: What jobs run in: our modules, and an environment that can train.
    image: str
    #: Where they run; ``{tenant}`` is the organization.
    namespace: str = "tenant-{tenant}"
    #: Kueue's queue in that namespace, which then says when a job begins; empty: it begins at once.
    queue: str = ""
    #: Kueue's class of priority; empty: its usual one.
    priority: str = ""
    #: A claim in the namespace on the disk that the portal shares, and where jobs find it.
    volume: str = ""
    mount: str = "/shared"
    #: The name of the resource that a GPU is.
    gpu_resource: str = "nvidia.com/gpu"
    #: The label of nodes that names their kind of GPU.
    gpu_label: str = "nvidia.com/gpu.product"
    #: Labels of the nodes that jobs may run on, such as ``topology.kubernetes.io/region=eu``.
    nodes: str = ""
    #: Taints of nodes that are kept for jobs, such as ``example.net/training=true``.
    taints: str = ""
    runtime_class: str = ""
    #: A job is told this long before it is killed.
    grace_seconds: int = 60
    authorities: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Return the options, or raise ValueError that says which of them cannot be."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(facts.keys() - known):
            raise ValueError(f"a Kubernetes cluster has no option {unknown[0]!r}")
        if "image" not in facts:
            raise ValueError("a Kubernetes cluster needs the option 'image'")
        for name, value in facts.items():
            if name != "grace_seconds" and not isinstance(value, str):
                raise ValueError(f"{name}: {value!r} is no word")
        options = cls(**facts)
        options._look()
        return options

    def namespace_of(self, tenant: str) -> str:
        """Return the tenant's namespace."""
        name = self.namespace.replace("{tenant}", tenant or "nobody")
        if len(name) <= LONGEST:
            return name
        # Two tenants never share what was cut off.
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{name[: LONGEST - 9].rstrip('-')}-{mark}"

    @property
    def node_labels(self) -> dict[str, str]:
        """Return the labels that nodes must have."""
        return _pairs("nodes", self.nodes)

    @property
    def node_taints(self) -> dict[str, str]:
        """Return the taints of nodes that do not keep jobs away."""
        return _pairs("taints", self.taints)

    @property
    def is_one_namespace(self) -> bool:
        """Whether all tenants share one."""
        return "{tenant}" not in self.namespace

    def _look(self) -> None:
        if not IMAGE.fullmatch(self.image):
            raise ValueError(f"image: {self.image!r} is no name of an image")
        words = {"namespace": self.namespace.replace("{tenant}", "t"), "queue": self.queue}
        words |= {"volume": self.volume, "runtime_class": self.runtime_class}
        words["priority"] = self.priority
        for name, value in words.items():
            if (value or name == "namespace") and not LABEL.fullmatch(value):
                raise ValueError(f"{name}: {value!r} is no name that Kubernetes knows")
        for name, value in {"gpu_resource": self.gpu_resource, "gpu_label": self.gpu_label}.items():
            if not KEY.fullmatch(value):
                raise ValueError(f"{name}: {value!r} is no name that Kubernetes knows")
        if not PATH.fullmatch(self.mount) or self.mount.strip("/") in ("", "work", "tmp"):
            raise ValueError(f"mount: {self.mount!r} is no path that the disk can have")
        if type(self.grace_seconds) is not int or not 1 <= self.grace_seconds <= 3600:
            raise ValueError("grace_seconds: a number from 1 to 3600 is accepted")
        _pairs("nodes", self.nodes)
        _pairs("taints", self.taints)


def _pairs(option: str, text: str) -> dict[str, str]:
    """Return ``name=value,name=value`` as a mapping; raises ValueError where it is none."""
    found = {}
    for pair in filter(None, text.split(",")):
        name, sign, value = pair.partition("=")
        if not sign or not KEY.fullmatch(name) or not VALUE.fullmatch(value):
            raise ValueError(f"{option}: {pair!r} is not of the form name=value")
        found[name] = value
    return found
