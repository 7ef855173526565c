"""The same facts of other engines over the API: any client gets what the rater says."""

from decimal import Decimal

from tests.billing.rating import cases as vectors
from tests.billing.rating.cases import definition, exact, load, reason

PREVIEW = "/api/v1/pricing/preview"


def total(answer):
    return exact(answer["total"])


def total_exact(answer):
    return exact(answer["total_exact"])


def totals(answer):
    return [exact(line["total"]) for line in answer["lines"]]


#: Which models of which file are asked for how; what of the answer has to be which expected value.
ASKED = [
    ("openmeter_rating", None, vectors.line, total, lambda e: exact(e["total"])),
    ("lago_charge_models", None, vectors.charge, total_exact, lambda e: exact(e["amount"])),
    (
        "killbill_usage_proration",
        {"killbill_all_tiers", "killbill_top_tier"},
        vectors.blocks,
        totals,
        lambda e: [*map(exact, e["tier_amounts"])],
    ),
    (
        "openmeter_rating_helpers",
        {"package_count"},
        vectors.packaged,
        total,
        lambda e: exact(e["packages"]),
    ),
    (
        "openmeter_rating_helpers",
        {"unit_conversion"},
        vectors.converted,
        total_exact,
        lambda e: exact(e["quantity"]),
    ),
    (
        "openmeter_rating_helpers",
        {"usage_discount"},
        vectors.free,
        total,
        lambda e: exact(e["quantity"]),
    ),
    (
        "openmeter_rating_helpers",
        {"maximum_spend_discount"},
        vectors.capped,
        lambda answer: exact(answer["lines"][0]["discount"]),
        lambda e: exact(e["discount"]),
    ),
]


def asked():
    """Return each case: its name, what is sent, how the answer is read, and what it has to be."""
    return [
        (case["id"], body(case["input"] | {"shape": case["model"]}), read, want(case["expected"]))
        for name, models, body, read, want in ASKED
        for case in load(name)
        if not reason(case) and (models is None or case["model"] in models)
    ]


def test_the_api_says_what_the_rater_says(alice_client):
    answers = {}
    for name, body, read, wanted in asked():
        reply = alice_client.post(PREVIEW, body, content_type="application/json")
        answers[name] = (reply.status_code, read(reply.json()), wanted)

    assert len(answers) > 70
    wrong = {name: it for name, it in answers.items() if it[0] != 200 or it[1] != it[2]}
    assert wrong == {}


def running(given, quantities, *, has_ended):
    """Return what is sent for the usage so far at the end of each phase of a period."""
    price = definition(given)
    minimum = price.pop("minimum_amount", None)
    ended = {"minimum_amount": minimum} if minimum and has_ended else {}
    last = len(quantities) - 1
    return [
        {
            "currency": given["currency"],
            "price": price | (ended if n == last else {}),
            "quantity": quantity,
        }
        for n, quantity in enumerate(quantities)
    ]


def test_a_client_that_rates_what_is_known_so_far_books_the_same_differences(alice_client):
    wrong = {}
    for case in load("openmeter_delta_rating"):
        given, phases = case["input"], case["expected"]["phases"]
        known = [phase["cumulative_quantity"] for phase in given["phases"]]
        booked, wanted = Decimal(0), [exact(phase["totals"]["total"]) for phase in phases]
        found = []
        for body in running(given, known, has_ended=True):
            reply = alice_client.post(PREVIEW, body, content_type="application/json").json()
            found.append(total(reply) - booked)
            booked = total(reply)
        if found != wanted:
            wrong[case["id"]] = (found, wanted)

    assert wrong == {}
