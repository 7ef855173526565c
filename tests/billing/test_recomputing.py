"""The script that makes invoices again knows every price, and agrees with the rater it knows nothing of."""

import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import periods
from billing.models import Contract, Invoice, InvoiceLine, Payer
from billing.rating import conditions
from billing.rating.conditions import Circumstances
from billing.rating.definition import parse
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece
from billing.services import invoicing
from common.database import service
from common.ids import uuid7
from common.money import MINOR_DIGITS
from gateway.worth import Rates
from marketplace import demo as catalogue
from marketplace.models import Offer, Price, PriceBook
from portal import demo
from portal.environment import ROOT
from tenants.models import Organization
from tenants.services import organizations
from tests.billing.rating import cases as vectors
from tests.billing.rating.test_properties import limits, quantities, shapes, strings
from tests.billing.test_evidence import download, recompute
from tests.support.people import signed_in
from tests.support.usage import used

__all__ = ["download", "recompute", "used"]
JANUARY, FEBRUARY, MARCH = (periods.month(2026, number, "UTC") for number in (1, 2, 3))
NIGHT = datetime(2026, 1, 10, 23, 40, tzinfo=UTC)
NOON = datetime(2026, 1, 10, 12, 7, tzinfo=UTC)
TIERS = [
    {"up_to": "1000000", "unit_amount": "0.0000031", "flat_amount": "0.07"},
    {"up_to": None, "unit_amount": "0.0000017"},
]
BLOCKS = [
    {"up_to": "900000", "unit_amount": "0.9", "package_size": "300000"},
    {"up_to": None, "unit_amount": "1.7", "package_size": "700000"},
]
DIVIDED = {"operation": "divide", "factor": "3"}
THOUSANDS = {"operation": "divide", "factor": "1000", "rounding": "ceiling"}
LONG = [{"above": "100000", "multiplier": "1.5"}, {"above": "900000", "multiplier": "2"}]
NIGHTS = {
    "time_zone": "Africa/Casablanca",
    "windows": [{"from": "22:00", "until": "06:30", "multiplier": "0.333333333333"}],
}
PLAIN = {"model": "per_unit", "unit_amount": "0.0000033333"}
PRICES = {
    "plain": PLAIN,
    "least": PLAIN | {"minimum_amount": "9.99"},
    "most": PLAIN | {"maximum_amount": "3.005"},
    "free": PLAIN | {"free_quantity": "1234567"},
    "less": PLAIN | {"discount_percent": "12.5"},
    "thirds": PLAIN | {"unit_conversion": DIVIDED, "unit_amount": "0.00001"},
    "thousands": PLAIN | {"unit_conversion": THOUSANDS, "unit_amount": "0.0033"},
    "graduated": {"model": "graduated", "tiers": TIERS},
    "blocks": {"model": "graduated", "tiers": BLOCKS},
    "volume": {"model": "volume", "tiers": TIERS, "discount_percent": "10"},
    "package": {"model": "package", "package_size": "500000", "package_amount": "1.005"},
    "long": PLAIN | {"long_context": LONG},
    "nights": PLAIN | {"time_of_day": NIGHTS, "long_context": LONG},
    "weighed": {"model": "graduated", "tiers": TIERS, "long_context": LONG, "time_of_day": NIGHTS},
}


@pytest.fixture(scope="module")
def script():
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("invoice_again", ROOT / "verify/invoice.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["invoice_again"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["invoice_again"]


@pytest.fixture
def charge(script):
    """Return what the script charges for a quantity: each line's total, and all of them."""

    def charge(price, quantity, events=(), digits=2):
        with localcontext(prec=120):
            found = script.charges(price, Decimal(quantity), [Decimal(it) for it in events])
            return [amount for _charge, amount in script.totals(price, found, digits)]

    return charge


def whole(cases):
    """Return those of the cases that tell of a whole period at once."""
    parts = ("quantity_before_line", "previously_billed")
    return [
        case
        for case in cases
        if not any(Decimal(case.values[0].get(part, 0)) for part in parts)
        and case.values[0]["line_position"] == "single"
    ]


def test_it_knows_the_decimals_of_every_currency(script):
    assert script.DIGITS == MINOR_DIGITS


@pytest.mark.parametrize(("given", "expected"), whole(vectors.cases("openmeter_rating")))
def test_it_knows_what_others_charge_for_a_line(charge, given, expected):
    digits = {"JPY": 0}.get(given["currency"], 2)

    found = charge(vectors.definition(given), given["quantity"], digits=digits)

    assert sum(found) == Decimal(expected["total"])


@pytest.mark.parametrize(("given", "expected"), vectors.cases("lago_charge_models"))
def test_it_knows_what_others_charge_for_events(charge, given, expected):
    asked = vectors.charge(given)

    found = charge(asked["price"], asked["quantity"], asked["events"], digits=12)

    assert sum(found) == Decimal(expected["amount"])


@pytest.mark.parametrize(
    ("given", "expected"), vectors.cases("killbill_usage_proration", model="killbill_all_tiers")
)
def test_it_knows_what_others_charge_for_blocks(charge, given, expected):
    found = charge(vectors.blocks(given)["price"], given["units"])

    assert found == [Decimal(it) for it in expected["tier_amounts"]]


conversions = st.fixed_dictionaries(
    {"operation": st.sampled_from(["multiply", "divide"]), "factor": st.integers(1, 999).map(str)},
    optional={
        "rounding": st.sampled_from(["ceiling", "floor", "half_up"]),
        "precision": st.integers(-3, 6),
    },
)
more = st.fixed_dictionaries(
    {}, optional={"unit_conversion": conversions, "minimum_amount": strings(100, 3)}
)
SLOWLY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@SLOWLY
@given(shapes, limits, more, quantities, st.sampled_from(["EUR", "JPY", "TND"]))
def test_it_agrees_with_the_rater_on_every_line(
    charge, script, shape, limit, others, quantity, currency
):
    price = shape | limit | others
    high = max(Decimal(price.get("maximum_amount", 0)), Decimal(price.get("minimum_amount", 0)))
    price |= {"maximum_amount": str(high)} if "maximum_amount" in price else {}

    rated = rate_piece(parse(price), Piece(quantity), currency=currency)

    exactly = charge(price, quantity, digits=12)
    assert exactly == [line.total for line in rated.exact_lines]
    rounded = charge(price, quantity, digits=script.DIGITS.get(currency, 2))
    assert rounded == [line.total for line in rated.lines]


windows = st.fixed_dictionaries(
    {
        "from": st.sampled_from(["00:00", "09:15", "22:00"]),
        "until": st.sampled_from(["06:30", "12:45", "23:45"]),
        "multiplier": st.sampled_from(["0.5", "0.333333333333", "3"]),
    },
    optional={"days": st.lists(st.integers(1, 7), min_size=1, unique=True)},
)
asked = st.fixed_dictionaries(
    {},
    optional={
        "long_context": st.just(LONG),
        "batch_multiplier": st.sampled_from(["0.5", "0.123456789"]),
        "time_of_day": st.fixed_dictionaries(
            {
                "time_zone": st.sampled_from(["Europe/Paris", "Asia/Kathmandu", "America/Lima"]),
                "windows": st.lists(windows, min_size=1, max_size=3),
            }
        ),
    },
)


@SLOWLY
@given(
    asked,
    st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 10**6),
    st.booleans(),
)
def test_it_agrees_on_what_a_token_counts(script, asks, at, prompt, is_batch):
    price = PLAIN | asks

    found = script.weight(price, is_batch, at, prompt)

    assert found == conditions.multiplier(parse(price), Circumstances(at, prompt, is_batch))


@pytest.fixture
def price(db):
    """Put a price on record, whichever offer asks for it."""
    catalogue.seed()
    book, offer = PriceBook.objects.get(code="standard"), Offer.objects.first()
    ended = datetime(2025, 1, 1, tzinfo=UTC)

    def price(definition, part="input", tier="standard"):
        with service():
            return Price.objects.create(
                book=book, offer=offer, token_part=part, service_tier=tier, definition=definition,
                effective_from=ended, effective_until=ended,
            )  # fmt: skip

    return price


@pytest.fixture
def use(used):
    """Record a request as the gateway settles it: at the dearest that each of its prices can be."""

    def use(name, prices, parts, at=NOON, is_batch=False, **facts):
        rates = Rates(
            prices={part: it.per_token for part, it in prices.items()},
            price_ids={part: it.pk for part, it in prices.items()},
            weights=None,
            conditions={part: parse(it.definition) for part, it in prices.items()},
            at=at,
            is_batch=is_batch,
        )
        settled = rates.price(parts)
        return used(
            str(sum(settled.amounts.values())),
            offer_name=name,
            parts=settled.parts,
            amounts=settled.amounts,
            price_ids=settled.price_ids,
            multipliers=settled.multipliers,
            occurred_at=at,
            **facts,
        )

    return use


@pytest.fixture
def everything(price, use):
    """Use something at prices of all kinds, short and long prompts, by day and by night."""
    fee = price({"model": "per_unit", "unit_amount": "0.013"}, "requests")
    found = {name: price(definition) for name, definition in PRICES.items()}
    halved = price(PLAIN | {"batch_multiplier": "0.45"}, tier="batch")

    def everything(period=JANUARY, tokens=777_777, **whose):
        moved = period.start - JANUARY.start
        for name, one in found.items():
            prices = {"input": one, "cached_input": one, "requests": fee}
            use(name, prices, {"input": tokens}, NOON + moved, **whose)
            both = {"input": 90_000, "cached_input": 20_001}
            use(name, prices, both, NIGHT + moved, **whose)
        use("slow", {"input": halved}, {"input": tokens}, NOON + moved, is_batch=True, **whose)

    return everything


def test_an_invoice_of_every_kind_of_price_is_made_again(acme, everything, give, recompute):
    give("3.3333")
    everything()

    invoice = invoicing.finalize(acme, JANUARY)

    done = recompute(invoice)
    assert (done.returncode, done.stderr) == (0, "")
    with service():
        kinds = set(InvoiceLine.objects.values_list("kind", flat=True))
    assert kinds == {"usage", "fee", "minimum", "prepaid"}


def test_so_are_its_corrections(acme, everything, give, recompute):
    give("120")
    everything()
    first = invoicing.finalize(acme, JANUARY)
    everything(tokens=654_321)
    everything(FEBRUARY)
    second = invoicing.finalize(acme, FEBRUARY)
    everything(tokens=1)
    everything(MARCH, tokens=2_000_000)
    third = invoicing.finalize(acme, MARCH)

    assert recompute(first).stderr == ""
    assert recompute(second, first).stderr == ""
    assert recompute(third, first, second).stderr == ""


@pytest.fixture
def committed(acme):
    """Put contracts with commitments on record that divide January."""
    middle = JANUARY.start + timedelta(days=10, minutes=15)
    with service():
        for start, end, amount in [(JANUARY.start, middle, 310), (middle, None, 62)]:
            Contract.objects.create(
                organization=acme,
                number=f"C-{uuid7().hex[-8:]}",
                status="active",
                starts_on=start.date(),
                time_zone="UTC",
                effective_from=start,
                effective_until=end,
                signed_at=start,
                commitment=Decimal(amount),
            )


def test_what_usage_misses_of_commitments_is_made_again(acme, committed, everything, recompute):
    everything()
    first = invoicing.finalize(acme, JANUARY)
    everything(tokens=99_999)
    second = invoicing.finalize(acme, FEBRUARY)

    assert recompute(first, commitments=True).stderr == ""
    assert recompute(second, first, commitments=True).stderr == ""
    assert "name its commitments.csv" in recompute(first).stderr


@pytest.fixture
def branch(acme, person):
    """An organization far away that Acme pays for."""
    dana = person("dana@branch.example")
    found = organizations.found(name="Branch", owner=dana, country="JP")
    with service():
        Organization.objects.filter(pk=found.pk).update(time_zone="Asia/Tokyo")
        Payer.objects.create(
            organization=found, organization_name="Branch", payer=acme, payer_name="Acme",
            first_month="2026-01",
        )  # fmt: skip
        return Organization.objects.get(pk=found.pk)


def test_what_a_group_uses_of_its_payers_commitments_is_made_again(
    acme, branch, everything, recompute
):
    with service():
        # More than they ever use, so that each request of theirs takes something off it.
        Contract.objects.create(
            organization=acme, number="C-1", status="active", starts_on=JANUARY.start.date(),
            time_zone="UTC", effective_from=JANUARY.start, signed_at=JANUARY.start,
            commitment=Decimal(100_000), late_days=3650,
        )  # fmt: skip
    everything()
    everything(tokens=1_234_567, organization=branch)
    first = invoicing.finalize(acme, JANUARY)
    # Late usage of the payer alone: what its member used in January counts all the same.
    everything(tokens=99_999)
    everything(FEBRUARY, tokens=3, organization=branch)
    second = invoicing.finalize(acme, FEBRUARY)
    everything(tokens=7, organization=branch)
    third = invoicing.finalize(acme, MARCH)

    assert recompute(first, commitments=True).stderr == ""
    assert recompute(second, first, commitments=True).stderr == ""
    assert recompute(third, first, second, commitments=True).stderr == ""


def test_the_invoice_of_the_demo_is_made_again(db, settings, tmp_path, recompute, client):
    settings.STATE_DIR = tmp_path
    demo.seed()
    with service():
        invoice = Invoice.objects.select_related("organization").get()
        owner = invoice.organization.memberships.get(role="owner").user

    done = recompute(invoice, commitments=True, client=signed_in(owner))

    assert (done.returncode, done.stderr) == (0, "")
