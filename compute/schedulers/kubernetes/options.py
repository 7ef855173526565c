"""How a Kubernetes cluster is reached, and where jobs go there: what an operator says once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
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
    #: A claim in the namespace on the disk that the portal shares, and where jobs find it.
    volume: str = ""
    mount: str = "/shared"
    #: The name of the resource that a GPU is.
    gpu_resource: str = "nvidia.com/gpu"
    #: The label of nodes that names their kind of GPU.
    gpu_label: str = "nvidia.com/gpu.product"
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
        options = cls(**facts)
        options._look()
        return options

    def namespace_of(self, tenant: str) -> str:
        """Return the tenant's namespace."""
        return self.namespace.replace("{tenant}", tenant or "nobody")[:63].rstrip("-")

    @property
    def is_one_namespace(self) -> bool:
        """Whether all tenants share one."""
        return "{tenant}" not in self.namespace

    def _look(self) -> None:
        if not IMAGE.fullmatch(self.image):
            raise ValueError(f"image: {self.image!r} is no name of an image")
        words = {"namespace": self.namespace.replace("{tenant}", "t"), "queue": self.queue}
        words |= {"volume": self.volume, "runtime_class": self.runtime_class}
        for name, value in words.items():
            if (value or name == "namespace") and not LABEL.fullmatch(value):
                raise ValueError(f"{name}: {value!r} is no name that Kubernetes knows")
