"""Credit, taxes and credit notes against public facts of other engines, where they decided as we did.

Their instants are long over: grants of ours are made as far from now as theirs are from the instant
that is asked about.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from billing import crediting, queries
from billing.burning import burn_key, split
from billing.crediting import Left
from billing.drafts import Draft, DraftLine
from billing.funds import LeasedGrant
from billing.models import CreditGrant
from billing.rating.proration import prorated
from billing.services import credits, recurring
from common.database import service
from common.money import Money, exact, round_to_minor
from tenants.scope import scope
from tests.billing.rating.cases import cases

ENDS = ("expires_at", "voided_at", "deleted_at")
#: So long a busy machine never takes to ask whether a grant pays; all their periods are longer.
MOMENT = timedelta(seconds=20)


def instant(text):
    return datetime.fromisoformat(text)


def is_active(grant, at):
    ends = [instant(grant[name]) for name in ENDS if name in grant]
    return instant(grant["effective_at"]) <= at and all(at < end for end in ends)


def key(grant):
    return burn_key(
        unit="money",
        priority=grant["priority"],
        expires_at=instant(grant["expires_at"]),
        created_at=instant(grant.get("created_at", grant["effective_at"])),
        grant_id=grant["id"],
    )


def burn(given):
    """Pay each use with what is active then; return what is left when it ends, and what is owed."""
    balances = {g: Decimal(balance) for g, balance in given["start"]["balances"].items()}
    until, owed = instant(given["until"]), Decimal(0)
    for event in given["usage_events"]:
        at = instant(event["at"])
        if at < until:
            usable = sorted((g for g in given["grants"] if is_active(g, at)), key=key)
            leases = [LeasedGrant(g["id"], "money", balances[g["id"]]) for g in usable]
            paid = split(leases, money=Decimal(event["quantity"]), tokens=Decimal(0))
            owed += paid.uncovered
            for allocation in paid.allocations:
                balances[allocation.grant_id] -= allocation.quantity
    alive = {g["id"] for g in given["grants"] if is_active(g, until)}
    return {g: balance if g in alive else Decimal(0) for g, balance in balances.items()}, owed


BURNDOWNS = cases("openmeter_credit_burndown", model="credit_burndown")
ROLLED = [it for it in BURNDOWNS if it.values[0].get("resets")]


@pytest.mark.parametrize(("given", "expected"), [it for it in BURNDOWNS if it not in ROLLED])
def test_what_burns_and_what_is_owed(given, expected):
    left, owed = burn(given)

    assert burn(given) == (left, owed)
    balances = expected.get("balances", {})
    assert {g: left[g] for g in balances} == {g: Decimal(it) for g, it in balances.items()}
    assert owed == Decimal(expected.get("overage", owed))


@pytest.mark.parametrize(("given", "expected"), ROLLED)
def test_so_much_of_a_month_is_kept(acme, person, time_machine, given, expected):
    [grant] = given["grants"]
    [used] = given["usage_events"]
    sam = person("sam@operator.example", is_staff=True)
    time_machine.move_to(datetime(2027, 6, 10, tzinfo=UTC), tick=False)
    with service():
        recurring.begin(
            acme, unit="money", quantity=Decimal(grant["amount"]), first_month="2027-06",
            rollover=Decimal(grant["rollover_max"]), reason="Pilot", operation=uuid4(), by=sam,
        )  # fmt: skip
        june = CreditGrant.objects.get()
        june.remaining -= Decimal(used["quantity"])
        june.save(update_fields=["remaining"])

    time_machine.move_to(datetime(2027, 7, 1, 0, 1, tzinfo=UTC))
    recurring.sweep()

    june.refresh_from_db(using="service")
    assert june.remaining == Decimal(expected["balances"]["g1"])


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_credit_burndown", model="credit_burndown_bulk")
)
def test_the_first_to_expire_burns_first_of_very_many(given, expected):
    each = given["each"]
    grants = [
        {"id": UUID(int=n), "expires_at": each["expires_at"]} for n in range(given["grant_count"])
    ]
    grants[0]["expires_at"] = given["grant_0_expires_at"]
    same = {"priority": each["priority"], "effective_at": each["effective_at"]}
    random.Random(1).shuffle(grants)  # noqa: S311 - nothing is secret
    free = sorted((grant | same for grant in grants), key=key)
    held = [LeasedGrant(grant["id"], "money", Decimal(each["amount"])) for grant in free]

    [used] = given["usage_events"]
    paid = split(held, money=Decimal(used["quantity"]), tokens=Decimal(0))

    left = Decimal(each["amount"]) - Decimal(expected["grant_0_balance"])
    assert [(it.grant_id, it.quantity) for it in paid.allocations] == [(UUID(int=0), left)]
    assert paid.uncovered == 0


@pytest.fixture
def usable(acme, alice, give):
    """Make a grant as it would stand at an instant, and say whether it pays then."""

    def usable(facts, at):
        now, quantity = timezone.now(), Decimal(1)
        moved = {name: now + (instant(facts[name]) - at) for name in facts if facts[name]}
        grant = give(
            quantity, effective_from=moved["effective_at"], expires_at=moved.get("expires_at")
        )
        with service():
            if (
                min([moved[name] for name in ENDS[1:] if name in moved], default=now + MOMENT)
                <= now
            ):
                credits.void(grant, by=alice)
            return CreditGrant.objects.usable().filter(pk=grant.pk).exists()

    return usable


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_credit_burndown", model="grant_active")
)
def test_from_when_and_until_when_a_grant_pays(usable, given, expected):
    facts = {name: given[name] for name in ("effective_at", *ENDS) if name in given}

    assert usable(facts, instant(given["at"])) == expected["active"]


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_credit_burndown", model="grant_period")
)
def test_it_pays_within_its_period_alone(usable, given, expected):
    facts = {name: given[name] for name in ("effective_at", *ENDS) if name in given}
    start, end = instant(expected["from"]), expected["to"] and instant(expected["to"])
    asked = [it + by for it in (start, end or start) for by in (-MOMENT, 0 * MOMENT, MOMENT)]

    found = [usable(facts, at) for at in asked]

    assert found == [start <= at and (not end or at < end) for at in asked]


@pytest.mark.parametrize(
    ("given", "expected"), cases("openmeter_credit_burndown", model="credit_start")
)
def test_what_has_not_begun_is_no_balance(acme, give, given, expected):
    now = timezone.now()
    for grant in given["grants"]:
        later = instant(grant["effective_at"]) - instant(given["at"])
        give(grant["amount"], effective_from=now + later)

    with scope(acme):
        live = queries.balance(acme).live.amount
    assert live == sum(map(Decimal, expected["balances"].values()))


LAGO = "lago_invoices_credits_wallets"


def cents(number):
    return Decimal(number) / 100


@pytest.mark.parametrize(("given", "expected"), cases(LAGO, model="invoice_tax"))
def test_tax_is_rounded_once_on_the_net(given, expected):
    rate = sum(Decimal(rate) for rate in given["fees"][0]["taxes"]) / 100
    amounts = [
        part
        for fee in given["fees"]
        for part in (cents(fee["amount_cents"]), -cents(fee["coupon_cents"]))
    ]

    lines = tuple(DraftLine("usage", "", Decimal(1), it, it, it) for it in amounts)
    found = Draft(lines, "EUR", rate)

    assert found.net == cents(expected["subtotal_excl_cents"])
    assert (found.tax, found.total) == (
        cents(expected["taxes_cents"]),
        cents(expected["total_cents"]),
    )


# A document has one rate of VAT.
cases(LAGO, model="invoice_tax_by_rate")


@pytest.mark.parametrize(("given", "expected"), cases(LAGO, model="credit_note_rounding"))
def test_what_a_credit_note_gives_back_of_a_period(given, expected):
    paid, rate = cents(given["paid_in_advance_cents"]), Decimal(given["tax_rate"]) / 100
    unused = given["period_days"] - given["days_used"]
    net = round_to_minor(prorated(paid, unused, given["period_days"]), "EUR")

    [share] = crediting.spread([Left(SimpleNamespace(), paid)], net, "EUR")
    tax = crediting.tax_on(
        net,
        before=Decimal(0),
        rate=rate,
        left=round_to_minor(paid * rate, "EUR"),
        is_all=False,
        currency="EUR",
    )

    wanted = expected["credit_note"]
    assert (share.amount, tax) == (cents(wanted["subtotal_cents"]), cents(wanted["taxes_cents"]))
    assert share.amount + tax == cents(wanted["total_cents"])


@pytest.mark.parametrize(("given", "expected"), cases(LAGO, model="wallet_top_up"))
def test_credit_is_exact_and_its_amount_is_rounded(give, given, expected):
    grant = give(given["credits"])

    assert grant.granted == exact(Decimal(expected["credits"]))
    amount = Money(grant.granted * Decimal(given["credit_price"]), given["currency"])
    assert amount.rounded().amount == cents(expected["amount_cents"])


@pytest.mark.parametrize(("given", "expected"), cases(LAGO, model="wallet_allocation"))
def test_without_credit_all_of_it_is_owed(given, expected):
    [fee] = given["fees"]

    paid = split([], money=cents(fee["amount_cents"]), tokens=Decimal(0))

    assert sum(it.amount for it in paid.allocations) == cents(expected["applied_cents"])
    assert paid.uncovered == cents(fee["amount_cents"])
