"""The demo operator's cluster: this machine."""

from common.database import service
from compute.models import Cluster
from tenants.models import Region

#: The folder of its jobs is called so too.
SLUG = "local"
#: Where the demo's models run too.
REGION = "eu-paris"


def seed() -> None:
    """Create the demo cluster, once: what exists already stays as it is."""
    with service():
        Cluster.objects.get_or_create(
            slug=SLUG,
            defaults={
                "name": "This machine",
                "kind": Cluster.Kind.LOCAL,
                "region": Region.objects.get(code=REGION),
                "isolation": Cluster.Isolation.NONE,
            },
        )
