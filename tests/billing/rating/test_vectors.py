"""The rater against public facts of other engines, where they decided as we did.

Prices are asked for the way they reach us: as JSON definitions.
"""

from datetime import date
from decimal import Decimal

import pytest

from billing.rating import units
from billing.rating.cumulative import worth_of_phases
from billing.rating.definition import parse
from billing.rating.preview import preview
from billing.rating.proration import prorated, share, true_up
from billing.rating.shapes import packages, tier_of
from common.money import round_to_minor
from tests.billing.rating import cases as vectors
from tests.billing.rating.cases import cases, conversion, definition, exact, tiers


@pytest.mark.parametrize(("given", "expected"), cases("openmeter_rating"))
def test_a_line(given, expected):
    rated = preview(vectors.line(given))

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
    rated = preview(vectors.free(given))

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
    rated = preview(vectors.capped(given))

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


@pytest.mark.parametrize(("given", "expected"), cases("lago_charge_models"))
def test_a_charge(given, expected):
    rated = preview(vectors.charge(given))

    assert rated.total_exact == exact(expected["amount"])


@pytest.mark.parametrize(
    ("given", "expected"), cases("killbill_usage_proration", model="killbill_all_tiers")
)
def test_every_tier_is_sold_in_blocks(given, expected):
    rated = preview(vectors.blocks(given))

    assert [line.total for line in rated.lines] == [exact(it) for it in expected["tier_amounts"]]


@pytest.mark.parametrize(
    ("given", "expected"), cases("killbill_usage_proration", model="killbill_top_tier")
)
def test_the_top_tier_is_sold_in_blocks(given, expected):
    rated = preview(vectors.blocks(given))

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
