"""A draft's prices as a file: what is written reads back, and mistakes are named by line and field."""

import pytest

from common.database import service
from marketplace import price_files
from marketplace.errors import PriceFileInvalid
from marketplace.services import drafting, pricing
from marketplace.services.drafting import Place

pytestmark = pytest.mark.usefixtures("catalogue")
HEADER = "model,part,tier,amount,per,definition\n"
TIERS = {"model": "graduated", "tiers": [{"up_to": None, "unit_amount": "0.001"}]}


def per_unit(amount):
    return {"model": "per_unit", "unit_amount": amount}


@pytest.fixture
def draft(catalogue):
    """A copy of the list for everybody."""
    with service():
        return drafting.begin(pricing.default_book("EUR"), by=None)


def read(text):
    with service():
        return price_files.read(text.encode())


def faults(text):
    with pytest.raises(PriceFileInvalid) as refusal:
        read(text)
    return refusal.value.field_errors["file"]


def test_what_is_written_reads_back(draft, mini):
    with service():
        drafting.set_price(draft, Place(mini, "output", "batch"), TIERS, by=None)
        drafting.set_price(draft, Place(mini, "gpu_hours", "standard"), per_unit("2.5"), by=None)
        own = {
            (it.offer.name, it.token_part, it.service_tier): it.definition
            for it in draft.drafts.select_related("offer")
        }
        text = price_files.write(draft)

    found = {(it.offer.name, it.part, it.tier): price for it, price in read(text).items()}
    assert found == own
    assert "atlas-mini,input,standard,0.15,1000000,\r\n" in text


def test_a_file_replaces_the_draft(draft, mini):
    prices = read(HEADER + "atlas-mini,input,standard,0.2,1000000,\n")
    with service():
        drafting.replace(draft, prices, by=None)

        assert [it.definition for it in draft.drafts.all()] == [per_unit("0.0000002")]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("nova,input,standard,1,1000000,", "model"),
        ("atlas-mini,smell,standard,1,1000000,", "part"),
        ("atlas-mini,input,express,1,1000000,", "tier"),
        ("atlas-mini,input,standard,-1,1000000,", "amount"),
        ("atlas-mini,input,standard,0,1000000,", "amount"),
        ("atlas-mini,input,standard,NaN,1000000,", "amount"),
        ("atlas-mini,input,standard,\u0661,1000000,", "amount"),
        ('atlas-mini,input,standard,"0,15",1000000,', "amount"),
        ("atlas-mini,input,standard,,1000000,", "amount"),
        ("atlas-mini,input,standard,0.0000001,1000000,", "amount"),
        ("atlas-mini,input,standard,2,1,", "amount"),
        ("atlas-mini,input,standard,1,7,", "per"),
        ("atlas-mini,input,standard,1", "per"),
        ("atlas-mini,input,standard,,,{", "definition"),
        ('atlas-mini,input,standard,,,"[1]"', "definition"),
        (
            'atlas-mini,input,standard,,,"{""model"": ""per_unit"", ""unit_amount"": 1}"',
            "definition",
        ),
        ('atlas-mini,input,standard,1,1,"{""model"": ""per_unit""}"', "amount"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(line, field):
    right = "atlas-mini,output,standard,0.6,1000000,\n"

    found = faults(HEADER + right + line + "\n")

    assert len(found) == 1
    assert found[0].startswith(f"Line 3, {field}: ")


def test_every_mistake_is_named_at_once():
    wrong = "nova,input,standard,1,1,\n"

    found = faults(HEADER + wrong * 60)

    assert len(found) == 51
    assert found[-1] == "And 10 more."


def test_a_price_stands_in_a_file_once():
    line = "atlas-mini,input,standard,1,1000000,\n"

    assert faults(HEADER + line * 2) == ["Line 3, part: this price stands in the file twice"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a,b\n", b'"', HEADER.encode()])
def test_what_is_no_price_file_is_refused(content):
    with pytest.raises(PriceFileInvalid), service():
        price_files.read(content)
