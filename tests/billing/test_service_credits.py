"""Months held against what was promised: what is credited, where, and that it happens once."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import Error, connections
from hypothesis import given
from hypothesis import strategies as st

from billing import account_statements, documents, periods
from billing.drafts import Draft, DraftLine
from billing.judging import Judged
from billing.models import CreditGrant, Invoice, ServiceMonth
from billing.services import invoicing, service_credits
from common.database import service
from common.money import exact
from marketplace.models import Offer, ServiceLevel
from metering import ports
from metering.answered import Answered
from metering.histograms import Histogram
from metering.models import FailedCalls
from metering.ports import Window
from tenants.models import Organization
from tenants.scope import scope

JANUARY, FEBRUARY = (periods.month(2026, number, "UTC") for number in (1, 2))
INSIDE = timedelta(days=9)
D = Decimal


@pytest.fixture
def offer(price):
    with service():
        return Offer.objects.order_by("name").first()


@pytest.fixture
def two(person):
    return person("ada@operator.example"), person("ben@operator.example")


@pytest.fixture
def promise(offer, two):
    """Promise a first token within 100 ms, with ten per cent for less, from an instant on."""

    def promise(*, since=JANUARY.start, **facts):
        with service():
            facts = {
                "offer": offer,
                "number": offer.service_levels.count() + 1,
                "ttft_p95_ms": 100,
                "least_calls": 1,
                "steps": [["0", "10"], ["50", "25"]],
                "cap": D(30),
                "effective_from": since,
                "agreed_at": since,
                "proposed_by": two[0],
                "approved_by": two[1],
            } | facts
            return ServiceLevel.objects.create(**facts)

    return promise


@pytest.fixture
def call(use, price, offer):
    """Record a call of the offer over a euro, by default too slow."""

    async def call(at=JANUARY.start + INSIDE, ttft_ms=120, leases=(), worth="1", **facts):
        facts = {"offer_name": offer.name, "region": offer.region_id, **facts}
        await use(price(worth), 1, at, leases, ttft_ms=ttft_ms, **facts)

    return call


def judged():
    with service():
        return list(ServiceMonth.objects.order_by("starts_at", "offer_name"))


def lines(invoice):
    with service():
        return [(it.kind, it.exact_amount, it.amount) for it in invoice.lines.all()]


async def test_a_missed_month_takes_a_line_off_its_invoice(acme, promise, call, books):
    promise()
    await call(worth="10.005")

    with service():
        beforehand = documents.of_draft(acme, JANUARY)
    invoice = invoicing.finalize(acme, JANUARY)

    assert lines(invoice) == [
        ("usage", D("10.005"), D("10.01")),
        ("service_credit", D("-1.0005"), D("-1.00")),
    ]
    assert [it.amount.amount for it in beforehand.lines] == [D("10.01"), D("-1.00")]
    assert (invoice.net, invoice.tax) == (D("9.01"), round(D("9.01") * invoice.tax_rate, 2))
    # What is owed is what the invoice asks for, to the last digit.
    assert books()["receivable"] == invoice.total
    assert books()["revenue"] == -invoice.net
    [month] = judged()
    assert (month.credit, month.on_invoice, month.as_credit) == (D("1.0005"), D("1.0005"), 0)
    assert (month.invoice_number, month.calls, month.percent) == (invoice.number, 1, 10)
    assert [(it["name"], it["target"], it["credit"]) for it in month.verdicts] == [
        ("ttft_p95_ms", "100", "10")
    ]


async def test_each_region_is_credited_of_its_own_calls_alone(acme, promise, call):
    promise()
    await call(worth="6")
    await call(worth="3", region="kz-almaty")
    await call(worth="1", region="kz-almaty", ttft_ms=90)

    invoice = invoicing.finalize(acme, JANUARY)

    here, there = sorted(judged(), key=lambda it: it.calls)
    assert (here.calls, there.calls, there.region) == (1, 2, "kz-almaty")
    assert here.charges + there.charges == 10
    assert there.charges == D("6.666666666667")
    assert sum(it.credit for it in judged()) == 1
    assert sum(it[1] for it in lines(invoice) if it[0] == "service_credit") == -1


async def test_a_region_that_met_its_target_brings_no_credit_for_its_calls(acme, promise, call):
    promise()
    await call(worth="5")
    await call(worth="5", region="kz-almaty", ttft_ms=90)

    invoicing.finalize(acme, JANUARY)

    assert {it.region: it.credit for it in judged()} == {
        "kz-almaty": 0,
        **{it.region: D("0.5") for it in judged() if it.region != "kz-almaty"},
    }
    assert len(judged()) == 2


@given(
    st.decimals(0, 10**9, places=12),
    st.lists(st.integers(0, 10**9), min_size=1).filter(any),
)
def test_charges_are_divided_without_loss(charges, calls):
    parts = service_credits.divided(charges, calls)

    assert sum(parts) == charges
    assert all(part >= 0 for part in parts)
    assert all(part == 0 for part, each in zip(parts, calls, strict=True) if not each)


async def test_what_credit_paid_comes_back_as_credit(acme, promise, call, give, take, conn, left):
    promise()
    give("20")
    await call(leases=await take(conn, "10"), worth="10")

    invoice = invoicing.finalize(acme, JANUARY)

    assert (invoice.total, [it[0] for it in lines(invoice)]) == (0, ["usage", "prepaid"])
    [month] = judged()
    assert (month.on_invoice, month.as_credit) == (0, 1)
    with service():
        [given] = CreditGrant.objects.filter(kind="promotional", granted=1)
    assert given.organization_id == acme.pk


async def test_what_is_left_to_pay_goes_first_and_the_rest_comes_back(
    acme, promise, call, give, take, conn, books
):
    promise(steps=[["0", "50"]], cap=D(50))
    give("7")
    await call(leases=await take(conn, "7"), worth="10")

    invoice = invoicing.finalize(acme, JANUARY)

    assert (invoice.net, invoice.total) == (0, 0)
    [month] = judged()
    assert (month.credit, month.on_invoice, month.as_credit) == (5, 3, 2)
    assert "receivable" not in books()


async def test_a_month_that_kept_the_promise_is_judged_without_credit(acme, promise, call):
    promise()
    await call(ttft_ms=90)

    invoice = invoicing.finalize(acme, JANUARY)

    assert [it[0] for it in lines(invoice)] == ["usage"]
    assert [(it.is_missed, it.credit) for it in judged()] == [(False, 0)]


async def test_too_few_calls_are_not_judged(acme, promise, call):
    promise(least_calls=2)
    await call()

    invoicing.finalize(acme, JANUARY)

    assert [(it.is_judged, it.credit) for it in judged()] == [(False, 0)]


async def test_a_month_without_calls_has_nothing_to_judge(acme, promise):
    promise()

    assert invoicing.finalize(acme, JANUARY) is None
    assert judged() == []


async def test_a_month_is_judged_by_what_held_when_it_began(acme, promise, call):
    promise(since=JANUARY.start + timedelta(days=1))
    await call()
    await call(at=FEBRUARY.start + INSIDE)
    promise(since=FEBRUARY.start + INSIDE, ttft_p95_ms=1000)

    first = invoicing.finalize(acme, JANUARY)
    second = invoicing.finalize(acme, FEBRUARY)

    assert [it[0] for it in lines(first)] == ["usage"]
    assert [it[0] for it in lines(second)] == ["usage", "service_credit"]
    assert [(it.starts_at, it.level.number) for it in judged_with_level()] == [(FEBRUARY.start, 1)]


def judged_with_level():
    with service():
        return list(ServiceMonth.objects.select_related("level"))


async def test_months_are_cut_where_the_customer_lives(acme, promise, call):
    # Half past midnight in Almaty is the evening before in UTC.
    with service():
        Organization.objects.filter(pk=acme.pk).update(time_zone="Asia/Almaty")
    acme.time_zone = "Asia/Almaty"
    february = periods.month(2026, 2, "Asia/Almaty")
    promise(since=JANUARY.start - timedelta(days=1))
    await call(at=february.start + timedelta(minutes=30))
    await call(at=february.start - timedelta(minutes=30), ttft_ms=90)

    invoicing.finalize(acme, periods.month(2026, 1, "Asia/Almaty"))
    invoicing.finalize(acme, february)

    assert [(it.calls, it.is_missed) for it in judged()] == [(1, False), (1, True)]


async def test_usage_that_comes_late_neither_credits_again_nor_takes_back(
    acme, promise, call, books
):
    promise()
    await call(worth="10")
    invoicing.finalize(acme, JANUARY)
    await call(worth="5")
    await call(at=FEBRUARY.start + INSIDE, ttft_ms=50, worth="1")

    second = invoicing.finalize(acme, FEBRUARY)

    assert sorted(lines(second)) == [("usage", 1, 1), ("usage", 5, 5)]
    assert len(judged()) == 2
    with service():
        owed = sum(it.total for it in Invoice.objects.all())
    assert books()["receivable"] == owed
    with scope(acme):
        for month in ("2026-01", "2026-02"):
            assert all(it.agrees for it in account_statements.month(acme, month).statements)


async def test_closing_twice_at_once_credits_once(acme, promise, call):
    promise()
    await call(worth="10")

    def close():
        invoicing.finalize(acme, JANUARY)
        connections.close_all()

    threads = [threading.Thread(target=close) for _each in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(judged()) == 1
    with service():
        assert Invoice.objects.get().net == 9


async def test_availability_counts_calls_without_an_answer_but_for_what_was_announced(
    acme, promise, call, offer, monkeypatch
):
    promise(ttft_p95_ms=None, availability=D("99.9"), availability_steps=[["0", "5"], ["10", "20"]])
    at = JANUARY.start + INSIDE
    await call(at=at)
    with service():
        FailedCalls.objects.create(
            organization=acme, offer_name=offer.name, region=offer.region_id,
            starts_at=at + timedelta(hours=1), process="p1", calls=1, changed_at=at,
        )  # fmt: skip

    def credit():
        with service():
            month = service_credits.Month(invoicing.customers.of(acme), JANUARY)
            [[found]] = service_credits.of_each([month], [invoicing.draft(acme, JANUARY)])
        return found.judged.its.availability, found.judged.percent

    assert credit() == (50, 20)

    class Announced:
        def windows(self, start, end):
            return [Window(at + timedelta(hours=1), at + timedelta(hours=2))]

    monkeypatch.setattr(ports, "maintenance", Announced())
    assert credit() == (100, 0)


async def test_what_was_judged_stands(acme, promise, call):
    promise()
    await call()
    invoicing.finalize(acme, JANUARY)

    with service(), pytest.raises(Error, match="permission denied"):
        ServiceMonth.objects.update(credit=0)


async def test_nobody_promises_alone_nor_for_the_past(promise, two):
    with pytest.raises(Error, match="service_level_under_four_eyes"):
        promise(approved_by=two[0])
    with pytest.raises(Error, match="service_level_not_for_the_past"):
        promise(agreed_at=JANUARY.start + timedelta(seconds=1))


def a_level(**facts):
    return ServiceLevel(
        **{"offer": Offer(name="small"), "number": 1, "cap": D(100), "least_calls": 1} | facts
    )


@given(
    worths=st.lists(st.decimals("0.000001", 500, places=6), min_size=1, max_size=4),
    covered=st.integers(0, 100),
    percent=st.integers(0, 100),
)
def test_an_invoice_never_falls_below_zero_and_all_credit_goes_somewhere(worths, covered, percent):
    used = [
        DraftLine("usage", "x", D(1), it, it, round(it, 2), offer_name=f"m{at}")
        for at, it in enumerate(worths)
    ]
    whole = sum(worths, D(0))
    paid = exact(whole * covered / 100)
    rounded = sum((it.amount for it in used), D(0))
    net = min(round(whole - paid, 2), rounded)
    used.append(DraftLine("prepaid", "x", D(1), -paid, -paid, net - rounded))
    draft = Draft(tuple(used), "EUR", D(0), settled=whole, settled_uncovered=whole - paid)
    its = Answered(1, 0, 0, {"ttft": Histogram.of([200])})
    level = a_level(ttft_p95_ms=100, steps=[["0", str(percent)]])
    found = service_credits._credited([Judged(level, "eu", its, it) for it in worths], draft)

    taken = service_credits.lines(found)
    assert draft.net + sum((it.amount for it in taken), D(0)) >= 0
    assert draft.due + sum((it.exact_amount for it in taken), D(0)) >= 0
    assert all(it.as_credit >= 0 for it in found)
    assert sum(it.on_invoice + it.as_credit for it in found) == sum(
        it.judged.credit for it in found
    )


@pytest.mark.parametrize(
    ("facts", "its", "percent"),
    [
        ({"tokens_per_second": D(50), "steps": [["0", "5"]]}, {"speed": [40]}, 5),
        ({"tokens_per_second": D(50), "steps": [["0", "5"]]}, {"speed": [60]}, 0),
        ({"inter_token_p95_ms": 20, "steps": [["30", "5"]]}, {"gaps": [25_000]}, 0),
        ({"inter_token_p95_ms": 20, "steps": [["20", "5"]]}, {"gaps": [25_000]}, 5),
        ({"ttft_p95_ms": 100, "steps": [["0", "80"]], "cap": D(15)}, {"ttft": [400]}, 15),
        ({"ttft_p95_ms": 100, "steps": [["0", "5"]]}, {}, 0),
        ({"ttft_p95_ms": 100, "tokens_per_second": D(50), "steps": [["0", "5"]]},
         {"ttft": [400], "speed": [10]}, 10),
    ],
    ids=["slow", "fast", "below the step", "at the step", "capped", "not measured", "two"],
)  # fmt: skip
def test_what_is_missed_is_credited_by_its_step(facts, its, percent):
    answered = Answered(1, spread={name: Histogram.of(values) for name, values in its.items()})

    assert Judged(a_level(**facts), "eu", answered, D(100)).percent == percent
