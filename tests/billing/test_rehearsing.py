"""Past usage under a version of a price book: the same as booked where nothing changes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.db.models import Sum
from django.utils import timezone

from billing import funds, periods, replay
from billing.errors import RehearsalInvalid
from billing.models import RatedUsage, Rehearsal, RehearsedUsage
from billing.rating.conditions import Circumstances, multiplier
from billing.rating.definition import parse
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece
from billing.services import invoicing, rehearsing
from common.database import service
from common.ids import uuid7
from marketplace import demo
from marketplace import rehearsing as stages
from marketplace.models import DraftPrice, Offer, Price, PriceBook, with_twins
from marketplace.services import books, drafting, pricing
from marketplace.services.drafting import Place
from tenants.scope import scope
from tenants.services import organizations

MONTH = periods.month(2026, 6, "UTC")
INSIDE = MONTH.start + timedelta(days=9, hours=13)
JUNE = {"first_month": "2026-06", "last_month": "2026-06"}
PARTS = {"input": 100_001, "cached_input": 333, "output": 7_777, "reasoning": 12}
TIERS = {
    "model": "graduated",
    "tiers": [
        {"up_to": "1000", "unit_amount": "0.001"},
        {"up_to": None, "unit_amount": "0.0005", "flat_amount": "0.1"},
    ],
}


def per_unit(amount, **more):
    return {"model": "per_unit", "unit_amount": amount, **more}


@pytest.fixture
def mini(db):
    """An offer on sale, at prices that hold since January."""
    demo.seed()
    return Offer.objects.get(name="atlas-mini")


@pytest.fixture
def standard(mini):
    return PriceBook.objects.get(code="standard")


@pytest.fixture
def draft(standard):
    """A copy of the list for everybody."""
    with service():
        return drafting.begin(standard, by=None)


@pytest.fixture
def use(conn, settled):
    """Use so many tokens at the prices that were in force, and have them booked."""

    async def use(parts=PARTS, *, tier="standard", at=INSIDE, offer="atlas-mini", **facts):
        prices = held(offer, tier, at)
        of = Circumstances(at, sum(parts.values()), tier == "batch")
        counts = {part: multiplier(parse(prices[part].definition), of) for part in parts}
        amounts = {
            part: count * prices[part].per_token * counts[part] for part, count in parts.items()
        }
        named = {
            "parts": {part: count for part, count in parts.items() if part != "requests"},
            "price_ids": {part: prices[part].pk for part in parts},
            "amounts": amounts,
            "multipliers": {part: count for part, count in counts.items() if count != 1},
            "offer_name": offer,
            "occurred_at": at,
        }
        one = settled(f"r-{uuid7()}", "0", **(named | facts))
        await funds.record(conn, process_id="p1", batch=[one])
        return one

    return use


def held(name, tier, at):
    with service():
        found = Price.objects.in_force(at).filter(
            offer__name=name, service_tier=tier, book__code="standard"
        )
        return with_twins({it.token_part: it for it in found})


def rehearse(version, **months):
    with service():
        rehearsal = rehearsing.ask(version, **(JUNE | months), by=None)
    while rehearsing.advance(rehearsal.pk):
        pass
    with service():
        rehearsal.refresh_from_db()
        return rehearsal


def sums(rehearsal):
    with service():
        lines = RehearsedUsage.objects.filter(rehearsal=rehearsal, reason="")
        found = lines.aggregate(before=Sum("before"), after=Sum("after"))
        return found["before"], found["after"]


def set_price(version, offer, part, definition, tier="standard"):
    with service():
        drafting.set_price(version, Place(offer, part, tier), definition, by=None)


def booked():
    with service():
        return RatedUsage.objects.aggregate(sum=Sum("amount"))["sum"]


async def test_a_draft_of_what_holds_comes_to_what_was_booked(acme, mini, draft, use):
    await use()
    await use(tier="batch")
    await use({"input": 17}, offer="atlas-embed", at=MONTH.start)
    await use({"input": 9_999_999}, at=MONTH.end)

    rehearsal = rehearse(draft)

    before, after = sums(rehearsal)
    with scope(acme):
        assert before == after == invoicing.draft(acme, MONTH).usage
    with service():
        in_june = RatedUsage.objects.filter(occurred_at__lt=MONTH.end)
        assert before == in_june.aggregate(sum=Sum("amount"))["sum"]
        lines = RehearsedUsage.objects.filter(rehearsal=rehearsal)
        assert [it.before for it in lines] == [it.after for it in lines]
        assert sum(it.tokens for it in lines) == 2 * sum(PARTS.values()) + 17
    assert (rehearsal.is_finished, rehearsal.done, rehearsal.customers) == (True, 1, 1)


async def test_a_dearer_draft_says_by_how_much_to_the_last_digit(mini, draft, use):
    await use()
    set_price(draft, mini, "input", per_unit("0.000000333333"))

    before, after = sums(rehearse(draft))

    change = Decimal("0.000000333333") - Decimal("0.00000015")
    # What is read from the cache has a price of its own here.
    assert after - before == PARTS["input"] * change
    assert before == booked()


async def test_batches_pay_half_of_what_is_drafted(mini, draft, use):
    await use({"input": 1_000_000}, tier="batch")
    set_price(draft, mini, "input", per_unit("0.000001"))

    assert sums(rehearse(draft)) == (Decimal("0.075"), Decimal("0.5"))


async def test_tiers_are_rated_over_each_month_as_its_invoice_is(mini, draft, use):
    for at in (INSIDE, INSIDE + timedelta(days=3), MONTH.end):
        await use({"input": 900}, at=at)
    set_price(draft, mini, "input", TIERS)

    _before, after = sums(rehearse(draft, last_month="2026-07"))

    june = rate_piece(parse(TIERS), Piece(Decimal(1800)), currency="EUR").total_exact
    july = rate_piece(parse(TIERS), Piece(Decimal(900)), currency="EUR").total_exact
    assert after == june + july


async def test_prices_that_ask_for_the_request_are_asked_of_each(mini, draft, use):
    await use({"input": 1000})
    await use({"input": 3000})
    long = [{"above": "2000", "multiplier": "2"}]
    set_price(draft, mini, "input", per_unit("0.0001", long_context=long))

    _before, after = sums(rehearse(draft))

    assert after == Decimal("0.1") + Decimal("0.6")


async def test_what_weighed_requests_weighs_them_alike_again(mini, standard, use):
    windows = [{"from": "13:00", "until": "14:00", "multiplier": "1.5"}]
    by_day = {"time_of_day": {"time_zone": "UTC", "windows": windows}}
    with service():
        pricing.apply(
            pricing.Change(mini, timezone.now(), None, standard),
            {"input": per_unit("0.0001", **by_day)},
            {},
        )
        draft = drafting.begin(standard, by=None)
    at = timezone.now().replace(hour=13, minute=5) + timedelta(days=1)
    await use({"input": 1000}, at=at)
    month = f"{at:%Y-%m}"

    with service():
        setting = stages.stage(standard, stages.prices(draft), timezone.now()).is_set(
            only_organization(), timezone.now()
        )
        found = replay.month(only_organization(), periods.parse(month, "UTC"), setting)

    assert [(it.before, it.after) for it in found] == [(Decimal("0.15"), Decimal("0.15"))]


def only_organization():
    return organizations.Organization.objects.get()


async def test_requests_are_counted_where_the_draft_charges_for_them(mini, draft, use):
    await use({"input": 10})
    await use({"input": 10})
    await use({"input": 10}, tier="batch")
    set_price(draft, mini, "requests", per_unit("0.5"))

    rehearsal = rehearse(draft)

    with service():
        lines = RehearsedUsage.objects.filter(rehearsal=rehearsal, token_part="requests")
        found = [(it.service_tier, it.tokens, it.before, it.after) for it in lines]
    assert found == [("batch", 1, 0, Decimal("0.25")), ("standard", 2, 0, Decimal(1))]


async def test_what_cannot_be_rated_is_listed_and_never_free(
    acme, conn, mini, standard, use, settled
):
    with service():
        group = books.open_group(code="g", name="G", by=None)
        books.join(acme, group, by=None)
        book = books.create(code="g", name="G", currency="EUR", by=None, group=group)
        version = books.draft(book, by=None)
        # Not whole yet: it says nothing of what is made, and could not be published.
        books.put(version, mini, {("input", "standard"): per_unit("0.0000001")})
    await use({"input": 100, "output": 7})
    lost = {"parts": {"input": 5}, "price_ids": {}, "amounts": {}, "offer_name": "atlas-mini"}
    unpriced = settled("lost", "0", occurred_at=INSIDE, **lost)
    await funds.record(conn, process_id="p1", batch=[unpriced])

    rehearsal = rehearse(version)

    with service():
        lines = RehearsedUsage.objects.filter(rehearsal=rehearsal).exclude(reason="")
        found = {(it.token_part, it.reason): (it.tokens, it.before, it.after) for it in lines}
    assert found == {
        ("input", "unpriced"): (5, 0, None),
        ("output", "no_price"): (7, Decimal("0.0000042"), None),
    }
    assert sums(rehearsal) == (Decimal("0.000015"), Decimal("0.00001"))


async def test_what_another_book_prices_stays_as_it_was_booked(acme, mini, draft, use):
    await use()
    set_price(draft, mini, "input", per_unit("0.00001"))
    with service():
        own = books.create(code="own", name="Own", currency="EUR", by=None, organization=acme)
        version = books.draft(own, by=None)
        books.put(version, mini, {(p, "standard"): per_unit("0.1") for p in ("input", "output")})
        books.publish(version, by=None)

    before, after = sums(rehearse(draft))

    assert before == after == booked()


async def test_a_customer_elsewhere_has_their_own_month(mini, draft, use, acme):
    with service():
        type(acme).objects.filter(pk=acme.pk).update(time_zone="Asia/Kathmandu")
    await use({"input": 100}, at=MONTH.end - timedelta(hours=1))

    assert sums(rehearse(draft)) == (None, None)


async def test_a_rehearsal_goes_on_where_it_broke_off(draft, use, charlie, monkeypatch):
    monkeypatch.setattr(rehearsing, "STEP", 1)
    other = organizations.found(name="Other", owner=charlie, country="FR")
    await use()
    with service():
        rehearsal = Rehearsal.objects.create(
            version=draft, **JUNE, prices=stages.prices(draft), customers=2
        )

    assert rehearsing.advance(rehearsal.pk)
    with service():
        rehearsal.refresh_from_db()
        assert (rehearsal.done, rehearsal.is_finished) == (1, False)
        Rehearsal.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    # Tasks run on the spot: the sweep's bell finishes it.
    assert rehearsing.ring_again() == 1

    with service():
        rehearsal.refresh_from_db()
        assert (rehearsal.done, rehearsal.is_finished) == (2, True)
        assert RehearsedUsage.objects.filter(rehearsal=rehearsal).count() == len(PARTS)
    assert not rehearsing.advance(rehearsal.pk)
    assert rehearsing.ring_again() == 0
    assert other.slug == "other"


@pytest.mark.parametrize(
    ("months", "field"),
    [
        ({"first_month": "2026-13"}, "first_month"),
        ({"first_month": "June"}, "first_month"),
        ({"last_month": "2026-05"}, "last_month"),
        ({"last_month": "2099-01"}, "last_month"),
        ({"first_month": "2020-01"}, "last_month"),
    ],
)
def test_months_that_cannot_be_rehearsed_are_refused_by_field(draft, months, field):
    with pytest.raises(RehearsalInvalid) as refusal, service():
        rehearsing.ask(draft, **(JUNE | months), by=None)

    assert list(refusal.value.field_errors) == [field]
    with service():
        assert not Rehearsal.objects.exists()


def test_what_was_rehearsed_goes_with_the_draft(acme, draft):
    rehearse(draft)

    with service():
        books.discard(draft, by=None)
        assert not Rehearsal.objects.exists()
        assert not DraftPrice.objects.exists()


def test_pages_of_customers_read_no_rehearsal(db):
    with pytest.raises(Exception, match="permission denied"):
        connections["default"].cursor().execute("SELECT 1 FROM billing_rehearsal")
