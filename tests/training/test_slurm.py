"""A real Slurm: held to what every scheduler promises, then to what only it can show."""

import pytest

from tests.compute.test_scheduler_contract import *  # noqa: F403 - the promises
from tests.support.slurm_clusters import slurm, slurm_cluster  # noqa: F401 - fixtures


@pytest.fixture
def cluster(slurm_cluster):  # noqa: F811
    """The one that is held to them."""
    return slurm_cluster
