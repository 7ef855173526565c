"""Settling while a month runs, and bringing it to what the whole month comes to at once."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from random import Random
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from billing import agreements, periods
from billing.drafts import UsedTokens, corrections, usage_draft
from billing.models import CreditGrant, Invoice, InvoiceHold, LedgerEntry, Surplus
from billing.rating.definition import parse
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece
from billing.services import credits, holding, invoicing
from common.database import service
from common.ids import uuid7
from marketplace.models.prices import dearest_per_token
from tenants.services import organizations
from tests.billing.test_recomputing import PRICES, SLOWLY, price
from tests.support.usage import used

__all__ = ["price", "used"]
JANUARY, FEBRUARY, MARCH = (periods.month(2026, number, "UTC") for number in (1, 2, 3))
MONTHS = (JANUARY, FEBRUARY, MARCH)
#: What each month uses besides; one token, so that January is closed with what is tested.
OWN = {"2026-01": 1, "2026-02": 100_000_000, "2026-03": 100_000_000}
ZERO = Decimal(0)
#: Those whose tokens all count one.
NAMES = [name for name in PRICES if name not in ("long", "nights", "weighed")]
names = st.sampled_from(NAMES)
tokens = st.integers(0, 3_000_000)
#: How much of a request is not covered by credit.
requests = st.lists(st.tuples(tokens, st.decimals(0, 1, places=6)), min_size=1, max_size=8)


def worth(name, total):
    """Return what so many tokens come to when they are rated at once, exactly."""
    return rate_piece(parse(PRICES[name]), Piece(Decimal(total)), currency="EUR").total_exact


def settled(name, made):
    """Return what was settled for requests, and what of it no credit paid."""
    amounts = [(dearest_per_token(PRICES[name]) * count, share) for count, share in made]
    uncovered = (round(amount * share, 12) for amount, share in amounts)
    return sum((amount for amount, _share in amounts), ZERO), sum(uncovered, ZERO)


def closed(name, made, returned):
    """Return the draft of a month of which these requests are known."""
    definition = parse(PRICES[name])
    amount, uncovered = settled(name, made)
    total = sum(count for count, _share in made)
    unit, identity = dearest_per_token(PRICES[name]), uuid5(NAMESPACE_OID, name)
    shape = None if definition.is_plain else definition
    used = UsedTokens("a", "input", total, unit, identity, price=shape)
    return usage_draft(
        [used],
        uncovered=uncovered,
        currency="EUR",
        tax_rate=Decimal("0.2"),
        coverage_label="Credit",
        settled=amount,
        returned=returned,
    )


def closings(name, made, places):
    """Close the month whenever so many requests are known; return all lines and what came back."""
    lines, returned = [], ZERO
    for place in [*sorted(places), len(made)]:
        draft = closed(name, made[:place], returned)
        lines += corrections(
            draft, lines, corrects=JANUARY.start, label="2026-01", coverage_label="Credit"
        )
        returned += draft.returned
    return lines, returned


@SLOWLY
@given(names, requests, st.randoms(use_true_random=False))
@example("least", [(2_996_130, Decimal(1))], Random(1))  # noqa: S311 - nothing is secret
def test_what_is_settled_and_trued_up_is_the_worth_of_the_whole(name, made, random):
    shuffled = random.sample(made, len(made))

    draft = closed(name, made, ZERO)

    total = sum(count for count, _share in made)
    amount, uncovered = settled(name, made)
    assert draft.charged == worth(name, total)
    assert draft.due - draft.returned == draft.charged - (amount - uncovered)
    assert closed(name, shuffled, ZERO) == draft


@SLOWLY
@given(names, requests, st.lists(st.integers(0, 8), max_size=3))
def test_however_often_a_month_is_closed_all_that_is_paid_is_its_worth(name, made, places):
    lines, returned = closings(name, made, places)

    total = sum(count for count, _share in made)
    amount, uncovered = settled(name, made)
    invoiced = sum((line.exact_amount for line in lines), ZERO)
    assert invoiced + (amount - uncovered) - returned == worth(name, total)


@SLOWLY
@given(names, requests, st.lists(st.integers(0, 8), max_size=3))
def test_the_lines_of_all_closings_sum_up_to_those_of_one(name, made, places):
    def sums(lines):
        found = Counter()
        for line in lines:
            if line.kind != "prepaid":
                found[line.kind, line.tier, line.unit_amount] += line.exact_amount
        return {key: amount for key, amount in found.items() if amount}

    # A minimum's unit is what is missing of it.
    lines, _returned = closings(name, made, places)
    again, _returned = closings(name, made, [])

    by_kind = [Counter(), Counter()]
    for counted, each in zip(by_kind, (lines, again), strict=True):
        for (kind, tier, _unit), amount in sums(each).items():
            counted[kind, tier] += amount
    assert +by_kind[0] == +by_kind[1]


def books(organization):
    """Return what stands on each account, and the rounding of the organization's invoices."""
    entries = LedgerEntry.objects.filter(organization=organization)
    found = Counter()
    for kind, amount in entries.values_list("account__kind", "amount"):
        found[kind] += amount
    invoices = list(Invoice.objects.filter(organization=organization))
    assert InvoiceHold.objects.filter(organization=organization).count() == 0
    return found, invoices


@pytest.fixture
def play(alice, price, used):
    """Let a new customer get credit and make requests, and close January after each part."""
    standing = {name: price(PRICES[name]) for name in NAMES}

    def request(organization, name, count, month=JANUARY):
        one = standing[name]
        used(
            str(one.per_token * count),
            organization=organization,
            parts={"input": count},
            amounts={"input": one.per_token * count},
            price_ids={"input": one.pk},
            occurred_at=month.start + timedelta(days=9),
        )

    def play(name, parts):
        organization = organizations.found(name=uuid7().hex, owner=alice, country="FR")
        for month, (credit, counts) in zip(MONTHS, parts, strict=False):
            with service():
                credits.grant(
                    organization, unit=CreditGrant.Unit.MONEY, quantity=credit,
                    source_key=f"{month.label}", cost_basis=credit,
                )  # fmt: skip
            for count in counts:
                request(organization, name, count)
            # So much that no correction of January makes the invoice negative.
            request(organization, "plain", OWN[month.label], month)
            invoicing.finalize(organization, month)
        return organization

    return play


part = st.tuples(
    st.sampled_from([Decimal("0.01"), Decimal("1.234567"), Decimal(20)]),
    st.lists(st.integers(1, 2_000_000), min_size=1, max_size=3),
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(
    st.sampled_from([name for name in NAMES if name != "plain"]),
    st.lists(part, min_size=1, max_size=3),
)
@example("graduated", [(Decimal(20), [2_000_000]), (Decimal("0.01"), [700_000])])
def test_ledger_and_invoices_come_to_the_same_whatever_is_used_when(play, name, parts):
    organization = play(name, parts)

    counts = [count for _credit, more in parts for count in more]
    whole = worth(name, sum(counts)) + sum(
        worth("plain", count) for count in list(OWN.values())[: len(parts)]
    )
    with service():
        accounts, invoices = books(organization)
        grants = list(CreditGrant.objects.filter(organization=organization))
    assert sum(accounts.values()) == 0
    assert accounts["receivable"] == sum(it.total for it in invoices)
    rounding = sum(it.net - it.exact_net for it in invoices)
    assert -accounts["revenue"] - rounding == whole
    # What customers paid: the credit that is gone, and what was invoiced.
    given = sum(credit for credit, _more in parts)
    left = sum(grant.remaining for grant in grants)
    assert given - left + sum(it.exact_net for it in invoices) == whole


def test_what_an_invoice_below_zero_gives_back_is_the_customers(acme, alice, price, used):
    one = price(PRICES["volume"])
    at = JANUARY.start + timedelta(days=9)
    for count in (900_000, 200_000):
        amount = one.per_token * count
        request = {"parts": {"input": count}, "price_ids": {"input": one.pk}, "occurred_at": at}
        used(str(amount), amounts={"input": amount}, **request)
        # The second came late, and made all of January cheaper.
        invoicing.finalize(acme, JANUARY)
    invoicing.finalize(acme, FEBRUARY)
    with service():
        holding.release(InvoiceHold.objects.get(), by=alice, words="It is")

    invoice = invoicing.finalize(acme, FEBRUARY)

    with service():
        (surplus,) = Surplus.objects.all()
        owed = agreements.owed(acme, "EUR")
        asked_for = sum(it.total for it in Invoice.objects.all())
    assert (invoice.total < 0, owed) == (True, asked_for)
    assert (surplus.left, surplus.invoice_id) == (-invoice.total, invoice.pk)
