"""What tokens come to in money, and bundles in requests."""

from decimal import Decimal

import pytest

from billing.models import Issuer
from common.database import service
from common.money import Money
from marketplace import showcase, worked


@pytest.fixture
def offers(catalogue):
    return showcase.offers()


def test_a_usual_request_is_of_the_cheapest_chat_model(offers):
    request = worked.request(offers)

    assert request.entry.api_name == "atlas-mini"
    assert request.cost == Money(Decimal("0.0003"), "EUR")
    assert request.cost == request.input_cost + request.output_cost


def test_bundles_stand_with_their_tax_and_what_they_pay_for(offers):
    with service():
        Issuer.objects.update(vat_rate=Decimal("0.12"))

    sold = {it.bundle.slug: it for it in worked.bundles(offers)}

    assert sold["starter"].gross == Money(Decimal("22.40"), "EUR")
    assert sold["starter"].requests == 66_666
    # 800 tokens in at weight 1, 300 out at weight 3.
    assert sold["tokens-10m"].requests == 10_000_000 // 1700


def test_without_models_a_bundle_promises_no_requests(catalogue):
    assert {it.requests for it in worked.bundles([])} == {0}
    assert worked.request([]) is None


def test_the_page_says_how_the_tokens_of_a_class_burn(catalogue):
    assert {
        name: [str(it.weight) for it in prices] for name, prices in worked.token_prices().items()
    } == {"Standard tokens": ["1", "0.25", "3", "3"]}
