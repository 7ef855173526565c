"""The rater against public facts of other engines, where they decided as we did.

A case that contradicts a decision of ours, or that is about something else, is skipped by name.
Prices are asked for the way they reach us: as JSON definitions.
"""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing.rating import units
from billing.rating.cumulative import worth_of_phases
from billing.rating.definition import parse
from billing.rating.preview import preview
from billing.rating.proration import prorated, share, true_up
from billing.rating.shapes import packages, tier_of
from common.money import round_to_minor

VECTORS = Path(__file__).parents[2] / "vectors"

SETTLED = "credit is burnt as usage is settled, not on the lines of an invoice"
SKIPPED = {
    "openmeter_rating-063": SETTLED,
    "openmeter_rating-065": SETTLED,
    "openmeter_rating-067": SETTLED,
    "lago_charge_models-025": "tokens are used up at once: a quantity is never prorated",
    "lago_invoices_credits_wallets-023": "we prorate by day with the end excluded",
    "lago_charge_models-033": "there, the sum of the period is less than its events",
}
#: Shapes of theirs that are none of ours.
FOREIGN = {
    "lago_dynamic": "events carry quantities and no amounts",
    "lago_prorated_graduated": "tokens are used up at once: a quantity is never prorated, nor taken back",
}


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"]


def marks(case):
    reason = SKIPPED.get(case["id"]) or FOREIGN.get(case["model"])
    return [pytest.mark.skip(reason=reason)] if reason else []


def cases(name, *, model=None):
    return [
        pytest.param(case["input"], case["expected"], id=case["id"], marks=marks(case))
        for case in load(name)
        if model in (None, case["model"])
    ]


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
ROUNDINGS = {"halfup": "half_up"}


def conversion(given):
    rounding = given.get("rounding", "none")
    return {
        "operation": given["operation"],
        "factor": given["factor"],
        "rounding": ROUNDINGS.get(rounding, rounding),
    }


LIMITS = {"minimum_spend": "minimum_amount", "maximum_spend": "maximum_amount"}
DISCOUNTS = {"percentage": "discount_percent", "usage_quantity": "free_quantity"}


def definition(given):
    price, discounts = given["price"], given.get("discounts", {})
    converted = given.get("unit_conversion")
    return (
        OURS[price["type"]](price)
        | ({"unit_conversion": conversion(converted)} if converted else {})
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
    ("given", "expected"), cases("openmeter_rating_helpers", model="unit_conversion")
)
def test_a_quantity_is_converted(given, expected):
    converted = units.conversion("unit_conversion", conversion(given))

    assert converted.apply(exact(given["quantity"])) == exact(expected["quantity"])


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
    """Return the events' values; theirs may be told as a running sum and a number."""
    if "event_values" in given:
        return given["event_values"]
    running = [exact(value) for value in given.get("running_total_of_first_events", [])]
    first = [now - before for now, before in zip(running, [0, *running], strict=False)]
    more = given.get("event_count", 0) - len(first)
    rest = exact(given["units"]) - sum(first)
    values = first + [rest if number == 0 else Decimal(0) for number in range(more)]
    return [str(value) for value in values]


def lago(given, model):
    if model.startswith("lago_percentage"):
        fields = {
            "rate": given["rate"],
            "fixed_amount": given["fixed_amount_per_event"],
            "free_events": given["free_events"],
            "free_quantity": given["free_total"],
            "minimum_per_event": given.get("minimum_per_event"),
            "maximum_per_event": given.get("maximum_per_event"),
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
            {"up_to": r["to"]}
            | {field: r[field] for field in ("unit_amount", "flat_amount", "rate") if field in r}
            for r in given["ranges"]
        ],
    }


def lago_cases():
    return [
        pytest.param(
            case["model"], case["input"], case["expected"], id=case["id"], marks=marks(case)
        )
        for case in load("lago_charge_models")
    ]


@pytest.mark.parametrize(("model", "given", "expected"), lago_cases())
def test_a_charge(model, given, expected):
    rated = preview(
        {
            "currency": "USD",
            "price": lago(given, model),
            "quantity": given.get("units") or str(sum(map(exact, given["event_values"]))),
            "events": events(given),
        }
    )

    assert rated.total_exact == exact(expected["amount"])


def blocks(given, model):
    """Return their tiers of blocks as ours: a bound in units, a package in each tier."""
    bound, found = Decimal(0), []
    for tier in given["tiers"]:
        size, most = exact(tier["block_size"]), tier["max_blocks"]
        bound = None if most is None else bound + size * exact(most)
        found.append(
            {
                "up_to": None if bound is None else str(bound),
                "unit_amount": tier["block_price"],
                "package_size": tier["block_size"],
            }
        )
    found[-1]["up_to"] = None
    return {"model": model, "tiers": found}


@pytest.mark.parametrize(
    ("given", "expected"), cases("killbill_usage_proration", model="killbill_all_tiers")
)
def test_every_tier_is_sold_in_blocks(given, expected):
    price = blocks(given, "graduated")
    rated = preview({"currency": "USD", "price": price, "quantity": given["units"]})

    assert [line.total for line in rated.lines] == [exact(it) for it in expected["tier_amounts"]]


@pytest.mark.parametrize(
    ("given", "expected"), cases("killbill_usage_proration", model="killbill_top_tier")
)
def test_the_top_tier_is_sold_in_blocks(given, expected):
    price = blocks(given, "volume")
    rated = preview({"currency": "USD", "price": price, "quantity": given["units"]})

    assert [line.total for line in rated.lines] == [exact(it) for it in expected["tier_amounts"]]


@pytest.mark.parametrize(
    ("given", "expected"), cases("killbill_usage_proration", model="killbill_leading_proration")
)
def test_a_part_of_a_period_counts_by_its_days(given, expected):
    start, end = (date.fromisoformat(given[name]) for name in ("start", "next_billing_date"))
    of_start = end.replace(month=end.month - 1)

    assert share(start, end, of_start=of_start, of_end=end) == exact(expected["ratio"])


@pytest.mark.parametrize(
    ("given", "expected"), cases("lago_invoices_credits_wallets", model="minimum_true_up")
)
def test_what_usage_misses_of_a_commitment(given, expected):
    missing = true_up(
        exact(given["minimum_cents"]) / 100,
        exact(given["used_cents"]) / 100,
        days=given["days"],
        of_days=given["period_days"],
    )

    assert round_to_minor(missing, "EUR") * 100 == expected["true_up_cents"]


@pytest.mark.parametrize(
    ("given", "expected"), cases("lago_invoices_credits_wallets", model="proration")
)
def test_an_amount_of_a_part_of_a_period(given, expected):
    amount = prorated(exact(given["amount_cents"]), given["days"], given["period_days"])

    assert amount == expected["amount_cents"]


FUNCTIONS = {"round": "half_up", "ceil": "ceiling", "floor": "floor"}


@pytest.mark.parametrize(
    ("given", "expected"), cases("lago_invoices_credits_wallets", model="aggregation_rounding")
)
def test_a_sum_is_rounded(given, expected):
    conversion = {
        "operation": "multiply",
        "factor": "1",
        "rounding": FUNCTIONS[given["function"]],
        "precision": int(given["precision"] or 0),
    }
    found = units.conversion("unit_conversion", conversion).apply(exact(given["units"]))

    assert found == exact(expected["units"])
