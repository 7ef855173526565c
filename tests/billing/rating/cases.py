"""Public facts of other engines: which of them are ours too, and how ours are written.

A case that contradicts a decision of ours, or that is about something else, is skipped by name.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

VECTORS = Path(__file__).parents[2] / "vectors"
FILES = sorted(path.stem for path in VECTORS.glob("*.json"))

SETTLED = "credit is burnt as usage is settled, not on the lines of an invoice"
REFILLED = "no grant of ours is refilled: each month's credit is a grant of its own"
SKIPPED = {
    "openmeter_rating-063": SETTLED,
    "openmeter_rating-065": SETTLED,
    "openmeter_rating-067": SETTLED,
    "lago_charge_models-025": "tokens are used up at once: a quantity is never prorated",
    "lago_invoices_credits_wallets-023": "we prorate by day with the end excluded",
    "lago_charge_models-033": "there, the sum of the period is less than its events",
    "openmeter_credit_burndown-011": "what no grant paid for is owed: later credit never pays it",
    "openmeter_credit_burndown-017": REFILLED,
    "openmeter_credit_burndown-019": REFILLED,
    "openmeter_credit_burndown-021": "each request is paid by what it finds: there are no segments",
    "openmeter_credit_burndown-025": "we count no usage since a reset: each month has its own grant",
    "openmeter_credit_burndown-027": "months follow each other without a snapshot to be reset after",
    "lago_invoices_credits_wallets-013": "a document carries one rate of VAT, not several on a line",
    "lago_invoices_credits_wallets-029": "with us, credit of a narrower scope pays first",
}
#: Shapes of theirs that are none of ours.
FOREIGN = {
    "lago_dynamic": "events carry quantities and no amounts",
    "lago_prorated_graduated": "tokens are used up at once: a quantity is never prorated, nor taken back",
}
#: The cases that a test has asked for.
taken = set()


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"]


def reason(case):
    """Return why the case is skipped, if it is."""
    return SKIPPED.get(case["id"]) or FOREIGN.get(case["model"])


def cases(name, *, model=None):
    """Return the cases of a file, or those of one model in it, as the parameters of a test."""
    found = [case for case in load(name) if model in (None, case["model"])]
    taken.update(case["id"] for case in found)
    return [
        pytest.param(
            case["input"] | {"shape": case["model"]},
            case["expected"],
            id=case["id"],
            marks=[pytest.mark.skip(reason=why)] if (why := reason(case)) else [],
        )
        for case in found
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


def line(given):
    """Return what a preview is asked for one line."""
    return {
        "currency": given["currency"],
        "price": definition(given),
        "quantity": given["quantity"],
        "quantity_before": given["quantity_before_line"],
        "previously_billed": given.get("previously_billed", "0"),
        "line_position": given["line_position"],
    }


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


def _lago(given):
    model = given["shape"]
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


def charge(given):
    """Return what a preview is asked for one of Lago's charges."""
    return {
        "currency": "USD",
        "price": _lago(given),
        "quantity": given.get("units") or str(sum(map(exact, given["event_values"]))),
        "events": events(given),
    }


SOLD = {"killbill_all_tiers": "graduated", "killbill_top_tier": "volume"}


def blocks(given):
    """Return what a preview is asked for their tiers of blocks: in units, a package in each."""
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
    return {
        "currency": "USD",
        "price": {"model": SOLD[given["shape"]], "tiers": found},
        "quantity": given["units"],
    }


def packaged(given):
    """Return what a preview is asked so that its total is a number of packages."""
    price = {"model": "package", "package_size": given["package_size"], "package_amount": "1"}
    return {"currency": "USD", "price": price, "quantity": given["quantity"]}


def converted(given):
    """Return what a preview is asked so that its exact total is the converted quantity."""
    price = {"model": "per_unit", "unit_amount": "1", "unit_conversion": conversion(given)}
    return {"currency": "USD", "price": price, "quantity": given["quantity"]}


def free(given):
    """Return what a preview is asked where earlier usage has used up a free quantity."""
    unit = {"model": "per_unit", "unit_amount": "1"}
    return {
        "currency": "USD",
        "price": unit | {"free_quantity": given["discount_quantity"]},
        "quantity": given["quantity"],
        "quantity_before": given["quantity_before_line"],
    }


def capped(given):
    """Return what a preview is asked where something was billed towards a cap."""
    unit = {"model": "per_unit", "unit_amount": given["unit_amount"]}
    return {
        "currency": given["currency"],
        "price": unit | {"maximum_amount": given["maximum_spend"]},
        "quantity": given["quantity"],
        "previously_billed": given["previously_billed"],
    }
