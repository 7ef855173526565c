"""Clusters for these tests."""

from tests.support.clusters import cluster, local_cluster, paris, start_node

__all__ = ["cluster", "local_cluster", "paris", "start_node"]
