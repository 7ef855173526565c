"""What a token costs is one number: on every page, in every API, on the receipt and the invoice."""

import re
from decimal import Decimal

import httpx2 as httpx
import pytest
from django.utils import timezone

from billing import periods
from billing.services import invoicing
from common.database import service
from common.money import minor_digits, round_to_minor
from marketplace import playground
from marketplace.models import PriceBook
from marketplace.services import books
from tenants.scope import scope
from tests.gateway.conftest import hello, recorded, wait_for

MILLION = 1_000_000
#: The currency, and what a token costs the customer: by the list, or by its group's own book.
CASES = [
    ("EUR", "0.000001", "0.00001", "0.0000005", False),
    ("EUR", "0.0000008125", "0.0000075", "0.0000004", True),
    ("JPY", "0.00016", "0.0016", "0.00008", True),
    ("KWD", "0.000000312345", "0.0000031", "0.000000155", True),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'group' if case[4] else 'list'}")
def case(request, acme, make_offer, settings):
    """Let Acme pay the prices of the case for a model."""
    currency, sent, made, cached, is_grouped = request.param
    name = make_offer().name
    own = {"input": sent, "output": made, "cached_input": cached}
    with service():
        acme.currency = currency
        acme.save(update_fields=["currency"])
        PriceBook.objects.get_or_create(
            currency=currency, is_default=True, defaults={"code": "list", "name": "List"}
        )
    if is_grouped:
        _for_a_group(acme, name, currency, own)
    return name, currency, {part: Decimal(amount) for part, amount in own.items()}


def _for_a_group(acme, name, currency, own):
    with service():
        group = books.open_group(code="public", name="Public bodies", by=None)
        books.join(acme, group, by=None)
        book = books.create(code="public", name="Public", currency=currency, by=None, group=group)
        version = books.draft(book, by=None)
        definitions = {
            (part, "standard"): {"model": "per_unit", "unit_amount": amount}
            for part, amount in own.items()
        }
        books.put(version, books.Offer.objects.get(name=name), definitions)
        books.publish(version, by=None)


def exact(text):
    """Return the amounts in the table's row of a page, by part."""
    cells = re.findall(r'data-meter="(\w+)">(?:<data class="money" value="([\d.]+)">)?', text)
    return {part: Decimal(amount or 0) for part, amount in cells}


def row_of(page, name):
    return page.split(f'data-offer="{name}"')[1].split("</tr>")[0]


def decimals(amounts):
    return {part: Decimal(amount) for part, amount in amounts.items()}


@pytest.fixture
def per_million(case):
    """What pages show: a million tokens of each part."""
    own = case[2]
    return {
        "input": own["input"] * MILLION,
        "cached": own["cached_input"] * MILLION,
        "output": own["output"] * MILLION,
    }


@pytest.fixture
def auth(case, make_key, pay):
    """A key of Acme, which has credit."""
    pay("1000")
    return {"authorization": f"Bearer {make_key()}"}


def test_people_read_the_price_that_programs_read(
    gateway, auth, case, per_million, alice_client, acme
):
    name, currency, own = case

    for address in (f"/models/{name}/", "/pricing/"):
        page = alice_client.get(address).content.decode()
        assert exact(row_of(page, name)) == per_million, address
        assert f">{currency}<" in row_of(page, name)
    comparison = alice_client.get(f"/models/compare/?m={name}").content.decode()
    assert all(f'value="{amount:f}"' in comparison for amount in per_million.values())
    (listed,) = alice_client.get("/models/").context["offers"]
    assert (listed.input, listed.output, listed.currency) == (own["input"], own["output"], currency)
    (entry,) = alice_client.get("/api/v1/models").json()["results"]
    assert (entry["currency"], decimals(entry["unit_amounts"])) == (currency, own)
    told = httpx.get(f"{gateway.url}/v1/models/{name}", headers=auth).json()["tessera"]
    assert told["currency"] == currency
    assert {part: Decimal(told["unit_amounts"][part]) for part in own} == own


def test_the_price_that_is_reckoned_with_is_the_same(case, alice_client, acme):
    name, currency, own = case
    wish = "requests=7&input=1000&output=100&budget=1000"
    day = 7 * (1000 * own["input"] + 100 * own["output"])

    for address in (f"/models/{name}/?{wish}", f"/pricing/?{wish}&offer={name}"):
        answer = alice_client.get(address)
        assert answer.context["calculator"].day.amount == day
        page = answer.content.decode().split('data-answer="day">')[1]
        assert page.startswith(f'<data class="money" value="{day:f}">')
    with scope(acme):
        (choice,) = playground.choices(acme)
    assert (choice.input, choice.output, choice.currency) == (own["input"], own["output"], currency)


def test_the_price_that_is_paid_is_the_same(gateway, auth, case, acme, engine):
    name, currency, own = case
    asked = {"model": name, **hello(max_tokens=20)}

    answer = httpx.post(f"{gateway.url}/v1/chat/completions", headers=auth, json=asked)

    assert answer.status_code == 200, answer.text
    recorded()
    address = f"{gateway.url}/v1/receipts/{answer.headers['x-request-id']}"
    receipt = httpx.get(address, headers=auth).json()
    assert receipt["currency"] == currency
    assert {it["part"] for it in receipt["lines"]} >= {"input", "output"}
    for line in receipt["lines"]:
        assert Decimal(line["amount"]) == line["tokens"] * own[line["part"]]
    lines = wait_for(lambda: usage_lines(acme))
    assert {line.part: line.unit_amount for line in lines} == {
        line["part"]: own[line["part"]] for line in receipt["lines"]
    }
    for line in lines:
        assert line.amount == round_to_minor(line.quantity * line.unit_amount, currency)
        assert -line.amount.as_tuple().exponent == minor_digits(currency)


def usage_lines(organization):
    """Return the lines of this month's draft that say what was used."""
    label = f"{timezone.now():%Y-%m}"
    with scope(organization):
        month = invoicing.draft(organization, periods.parse(label, organization.time_zone))
    return [line for line in month.lines if line.kind == "usage"]
