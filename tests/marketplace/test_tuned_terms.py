"""What models made of a model cost is said by staff, and refused when it makes no sense."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from common.database import service
from marketplace.models import AIModel, ModelVersion, Offer, Publisher, TunedTerms
from tenants.models import AuditEntry
from tests.support.clusters import paris

__all__ = ["paris"]


@pytest.fixture
def say(paris, person):
    """Run the command as a member of staff."""
    person("sam@operator.example", is_staff=True)
    with service():
        publisher = Publisher.objects.create(name="Lab", slug="lab")
        model = AIModel.objects.create(
            slug="base", name="Base", publisher=publisher, context_window=8192, licence="MIT"
        )
        version = ModelVersion.objects.create(model=model, label="1")
        Offer.objects.create(model_version=version, region=paris, name="base")

    def say(*arguments, model="base", by="sam@operator.example"):
        call_command("tuned_price", model, *arguments, "--by", by)

    return say


def test_staff_says_a_factor_and_prices_that_come_before_it(say):
    say("--factor", "1.25", "--output", "4")
    say("--factor", "1.5")

    with service():
        terms = TunedTerms.objects.get()
        said = AuditEntry.objects.filter(action="offer.tuned_terms_changed").order_by("occurred_at")
        (first, _second) = said
    assert (terms.factor, terms.definitions) == (Decimal("1.5"), {})
    assert first.after["prices"]["output"]["unit_amount"] == "0.000004"


@pytest.mark.parametrize(
    ("facts", "arguments"),
    [
        ({}, ["--factor", "0"]),
        ({}, ["--factor", "much"]),
        ({}, ["--input", "-1"]),
        ({"model": "none"}, []),
        ({"by": "alice@acme.example"}, []),
    ],
)
def test_what_makes_no_sense_is_refused(say, facts, arguments):
    with pytest.raises(CommandError):
        say(*arguments, **facts)

    with service():
        assert not TunedTerms.objects.exists()
