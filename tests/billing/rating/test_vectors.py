"""The rater against public facts of other engines, where they decided as we did.

A case that contradicts a decision of ours, or that is about something else, is skipped by name.
Prices are asked for the way they reach us: as JSON definitions.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from billing.rating.cumulative import worth_of_phases
from billing.rating.definition import parse
from billing.rating.preview import preview
from billing.rating.shapes import packages, tier_of

VECTORS = Path(__file__).parents[2] / "vectors"

CONVERSION = "a unit conversion is not part of a price definition; a package is our way to say it"
SETTLED = "credit is burnt as usage is settled, not on the lines of an invoice"
SKIPPED = {
    "openmeter_rating-057": CONVERSION,
    "openmeter_rating-061": CONVERSION,
    "openmeter_rating-063": SETTLED,
    "openmeter_rating-065": SETTLED,
    "openmeter_rating-067": SETTLED,
    "lago_charge_models-025": "we do not prorate volumes",
    "lago_charge_models-033": "there, the sum of the period is less than its events",
}
#: Shapes of theirs that are none of ours.
FOREIGN = {
    "lago_graduated_percentage": "a percentage has no tiers",
    "lago_percentage_min_max": "minimum and maximum are of the period, not of an event",
    "lago_dynamic": "events carry quantities and no amounts",
    "lago_prorated_graduated": "quantities are not prorated",
}


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"]


def marks(case):
    reason = SKIPPED.get(case["id"]) or FOREIGN.get(case["model"])
    return [pytest.mark.skip(reason=reason)] if reason else []


def cases(name, *, model=None):
    for case in load(name):
        if model in (None, case["model"]):
            values = case["input"], case["expected"]
            yield pytest.param(*values, id=case["id"], marks=marks(case))


def exact(text):
    return Decimal(text)


def tiers(price):
    return [
        {"up_to": tier["up_to"]}
        | {field: tier[field] for field in ("unit_amount", "flat_amount") if field in tier}
        for tier in price["tiers"]
    ]


#: From the names of the vectors to our definitions. Their first flat fee is due at zero usage;
#: with us a contract has to say so.
AT_ZERO = {"charge_first_flat_fee_at_zero": True}
OURS = {
    "unit": lambda p: {"model": "per_unit", "unit_amount": p["unit_amount"]},
    "flat": lambda p: {"model": "flat", "unit_amount": p["amount"]},
    "package": lambda p: {
        "model": "package",
        "package_size": p["package_size"],
        "package_amount": p["package_amount"],
    },
    "dynamic": lambda p: {"model": "percentage", "rate": str(Decimal(p["multiplier"]) * 100)},
    "tiered_graduated": lambda p: {"model": "graduated", "tiers": tiers(p)} | AT_ZERO,
    "tiered_volume": lambda p: {"model": "volume", "tiers": tiers(p)} | AT_ZERO,
}
LIMITS = {"minimum_spend": "minimum_amount", "maximum_spend": "maximum_amount"}
DISCOUNTS = {"percentage": "discount_percent", "usage_quantity": "free_quantity"}


def definition(given):
    price, discounts = given["price"], given.get("discounts", {})
    return (
        OURS[price["type"]](price)
        | {ours: price[theirs] for theirs, ours in LIMITS.items() if theirs in price}
        | {ours: discounts[theirs] for theirs, ours in DISCOUNTS.items() if theirs in discounts}
    )


@pytest.mark.parametrize(("given", "expected"), cases("openmeter_rating"))
def test_a_line(given, expected):
    rated = preview(
        {
            "currency": given["currency"],
            "price": definition(given),
            "quantity": given["quantity"],
            "quantity_before": given["quantity_before_line"],
            "previously_billed": given.get("previously_billed", "0"),
            "line_position": given["line_position"],
        }
    )

    assert rated.total == exact(expected["total"])
    if "lines" in expected:
        wanted = [line for line in expected["lines"] if exact(line["amount"])]
        assert [(line.amount, line.discount, line.total) for line in rated.lines] == [
            (exact(line["amount"]), exact(line["discount"]), exact(line["total"]))
            for line in wanted
        ]


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_rating_helpers", model="package_count")
)
def test_how_many_packages(given, expected):
    assert packages(exact(given["quantity"]), exact(given["package_size"])) == exact(
        expected["packages"]
    )


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_rating_helpers", model="volume_tier_lookup")
)
def test_which_tier(given, expected):
    price = parse({"model": "volume", "tiers": tiers(given)})

    assert tier_of(price.tiers, exact(given["quantity"])) == expected["tier"]


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_rating_helpers", model="usage_discount")
)
def test_the_free_quantity_is_used_up_by_earlier_usage(given, expected):
    rated = preview(
        {
            "currency": "USD",
            "price": {
                "model": "per_unit",
                "unit_amount": "1",
                "free_quantity": given["discount_quantity"],
            },
            "quantity": given["quantity"],
            "quantity_before": given["quantity_before_line"],
        }
    )

    assert rated.total == exact(expected["quantity"])


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_rating_helpers", model="maximum_spend_discount")
)
def test_the_cap_is_a_discount(given, expected):
    price = {"model": "per_unit", "unit_amount": given["unit_amount"]}
    rated = preview(
        {
            "currency": given["currency"],
            "price": price | {"maximum_amount": given["maximum_spend"]},
            "quantity": given["quantity"],
            "previously_billed": given["previously_billed"],
        }
    )

    assert rated.lines[0].discount == exact(expected["discount"])


@pytest.mark.parametrize(("given", "expected"), cases("openmeter_delta_rating"))
def test_only_the_difference_is_booked(given, expected):
    price = parse(definition(given))
    phases = [exact(phase["cumulative_quantity"]) for phase in given["phases"]]

    worth = worth_of_phases(price, phases, currency=given["currency"], period_ended=True)

    assert worth == [exact(phase["totals"]["total"]) for phase in expected["phases"]]


@pytest.mark.parametrize(("given", "expected"), cases("openmeter_late_event_rating"))
def test_late_usage_is_booked_on_its_own_phase(given, expected):
    price = parse(definition(given))
    known, booked = [], []
    for number, phase in enumerate(given["phases"], start=1):
        known = [exact(quantity) for quantity in phase["cumulative_quantity_by_phase"]]
        worth = worth_of_phases(
            price, known, currency=given["currency"], period_ended=number == len(given["phases"])
        )
        booked.append(Decimal(0))
        changes = [now - before for now, before in zip(worth, booked, strict=True)]
        booked = worth

        wanted = [Decimal(0)] * number
        for line in expected["phases"][number - 1]["lines"]:
            wanted[(line["corrects_phase"] or number) - 1] += exact(line["total"])
        assert changes == wanted


def events(given):
    """Return the events' values; theirs are told as a running sum and a number."""
    running = [exact(value) for value in given.get("running_total_of_first_events", [])]
    first = [now - before for now, before in zip(running, [0, *running], strict=False)]
    more = given.get("event_count", 0) - len(first)
    rest = exact(given["units"]) - sum(first)
    values = first + [rest if number == 0 else Decimal(0) for number in range(more)]
    return [str(value) for value in values]


def lago(given, model):
    if model == "lago_percentage":
        fields = {
            "rate": given["rate"],
            "fixed_amount": given["fixed_amount_per_event"],
            "free_events": given["free_events"],
            "free_quantity": given["free_total"],
        }
        return {"model": "percentage"} | {k: v for k, v in fields.items() if v is not None}
    if model == "lago_standard":
        return {"model": "per_unit", "unit_amount": given["unit_amount"]}
    if model == "lago_package":
        return {
            "model": "package",
            "package_size": given["package_size"],
            "package_amount": given["package_amount"],
            "free_quantity": given["free_units"],
        }
    return {
        "model": model.removeprefix("lago_"),
        "tiers": [
            {"up_to": r["to"], "unit_amount": r["unit_amount"], "flat_amount": r["flat_amount"]}
            for r in given["ranges"]
        ],
    }


def lago_cases():
    for case in load("lago_charge_models"):
        values = case["model"], case["input"], case["expected"]
        yield pytest.param(*values, id=case["id"], marks=marks(case))


@pytest.mark.parametrize(("model", "given", "expected"), lago_cases())
def test_a_charge(model, given, expected):
    rated = preview(
        {
            "currency": "USD",
            "price": lago(given, model),
            "quantity": given["units"],
            "events": events(given),
        }
    )

    assert rated.total_exact == exact(expected["amount"])
