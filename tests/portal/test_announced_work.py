"""Work that the status page announced is known to whoever measures."""

from datetime import timedelta

import pytest
from django.utils import timezone

from common.database import service
from front.services import incidents
from marketplace import demo
from marketplace.models import AIModel, Offer
from metering import ports
from tenants.scope import scope


@pytest.fixture
def announce(person):
    """Announce work on calls of models, for two hours from the next on."""
    staff = person("kim@operator.example", is_staff=True)
    start = timezone.now() + timedelta(hours=1)

    def announce(**facts):
        with service():
            incidents.plan(
                titles={"en": "New racks"}, texts={"en": "Some calls wait."}, parts=["api"],
                starts_at=start, ends_at=start + timedelta(hours=2), by=staff, **facts,
            )  # fmt: skip

    return announce


def windows():
    now = timezone.now()
    found = ports.maintenance.windows(now, now + timedelta(days=1))
    return [(it.ends_at - it.starts_at, it.offer_name, it.region) for it in found]


def test_work_on_everything_is_of_all_models_everywhere(announce, acme):
    assert windows() == []
    announce()

    # Also where one organization's rows alone may be read.
    with scope(acme):
        assert windows() == [(timedelta(hours=2), "", "")]


def test_work_that_names_models_is_of_these_alone(announce):
    demo.seed()
    with service():
        model = AIModel.objects.get(slug="atlas-mini")
        names = list(
            Offer.objects.filter(model_version__model=model).values_list("name", flat=True)
        )
    announce(models=[model])

    assert windows() == [(timedelta(hours=2), name, "") for name in names]
