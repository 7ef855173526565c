"""Clusters for these tests."""

from tests.support.clusters import cluster, local_cluster, paris, start_node
from tests.support.fake_kubernetes import kubernetes
from tests.support.kubernetes_api import api, kueue
from tests.support.slurm_clusters import slurm_38, slurm_43, slurm_45

__all__ = [
    "api", "cluster", "kubernetes", "kueue", "local_cluster", "paris", "slurm_38", "slurm_43", "slurm_45", "start_node",
]  # fmt: skip
