"""What a request can cost at most: at the dearest split that what was sent allows."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from common.ids import uuid7
from gateway.worth import Media, Rates
from metering.models import ANSWER_PARTS, PROMPT_PARTS, REQUEST_PARTS

COUNTS = st.integers(0, 1_000)
PRICES = st.fixed_dictionaries({part: st.integers(0, 50).map(Decimal) for part in REQUEST_PARTS})


@given(prices=PRICES, counts=st.fixed_dictionaries(dict.fromkeys(REQUEST_PARTS, COUNTS)))
def test_no_split_of_the_tokens_costs_more_than_was_reserved(prices, counts):
    rates = Rates(prices, dict.fromkeys(REQUEST_PARTS, uuid7()), prices)
    prompt = sum(counts[part] for part in PROMPT_PARTS)
    answer = sum(counts[part] for part in ANSWER_PARTS)
    media = Media(counts["image_input"], counts["audio_input"], speaks=True)

    worst, real = rates.worst(prompt, answer, media), rates.price(counts).need

    assert worst.money >= real.money
    assert worst.tokens >= real.tokens


def test_dear_sound_does_not_make_text_dear():
    prices = {part: Decimal(1) for part in REQUEST_PARTS} | {"audio_input": Decimal(40)}
    rates = Rates(prices, {}, None)

    assert rates.worst(100, 10).money == 110
    assert rates.worst(100, 10, Media(audio=20)).money == 80 + 20 * 40 + 10
