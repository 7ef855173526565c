"""Price books: for whom they hold, and their versions from a draft to history."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from common.database import service
from marketplace import books, queries
from marketplace.errors import (
    BookTaken,
    DefaultBookNeeded,
    PriceIncomplete,
    PriceInThePast,
    PriceNotLater,
    UnknownDimension,
    UnratablePrice,
    VersionBegan,
    VersionEmpty,
    VersionFollowed,
    VersionNotDraft,
    WrongCurrency,
)
from marketplace.models import Offer, Price, PriceBook
from marketplace.services import audiences, pricing
from marketplace.services import books as booking
from tenants.models import AuditEntry
from tenants.scope import scope

pytestmark = pytest.mark.usefixtures("catalogue")


def per_unit(amount):
    return {"model": "per_unit", "unit_amount": amount}


CHEAP = {
    ("input", "standard"): per_unit("0.0000001"),
    ("output", "standard"): per_unit("0.0000002"),
}

DEARER = {
    ("input", "standard"): per_unit("0.0000002"),
    ("output", "standard"): per_unit("0.0000003"),
}


@pytest.fixture
def make_book(acme):
    def make(**audience):
        with service():
            code = f"book-{PriceBook.objects.count()}"
            return booking.create(code=code, name=code, currency="EUR", by=None, **audience)

    return make


@pytest.fixture
def own(make_book, acme):
    return make_book(organization=acme)


def publish(book, offer, prices=CHEAP, **facts):
    with service():
        version = booking.draft(book, by=None)
        booking.put(version, offer, prices)
        return booking.publish(version, by=None, **facts)


def priced(organization, offer, at=None):
    with service():
        at = at or timezone.now()
        special = books.special(organization, at)
        found = queries.prices_by_tier([offer.pk], at, "EUR", special)["standard"][offer.pk]
        return {part: (price.book.code, price.per_million) for part, price in found.items()}


def test_a_customers_own_book_comes_before_the_groups_and_the_lists(make_book, acme, mini):
    with service():
        group = booking.open_group(code="public", name="Public bodies", by=None)
    grouped, own = make_book(group=group), make_book(organization=acme)

    assert priced(acme, mini)["input"] == ("standard", Decimal("0.15"))

    publish(grouped, mini)
    with service():
        booking.join(acme, group, by=None)
    assert priced(acme, mini)["input"] == (grouped.code, Decimal("0.1"))

    publish(own, mini)
    assert priced(acme, mini)["input"] == (own.code, Decimal("0.1"))


def test_books_are_not_mixed_within_an_offer(own, acme, mini):
    publish(own, mini)

    # The list has a price of its own for what is read from the cache; it is not the customer's.
    assert set(priced(acme, mini)) == {"input", "output"}


def test_an_offer_that_a_book_leaves_out_costs_what_the_list_says(own, acme, mini):
    publish(own, mini)
    other = next(each for each in queries.snapshot() if each.name == "atlas-large")

    with service():
        special = books.special(acme, timezone.now())
        found = {each.name: each for each in queries.snapshot(special=special)}

    assert found["atlas-large"] == other
    assert found["atlas-mini"].prices["input"].unit_amount == Decimal("0.0000001")
    assert found["atlas-mini"].batch_prices["input"].unit_amount == Decimal("0.00000005")


def test_a_version_begins_when_it_says(own, acme, mini):
    begins = timezone.now() + timedelta(days=3)

    version = publish(own, mini, effective_from=begins)

    assert version.is_scheduled
    assert priced(acme, mini, begins - timedelta(microseconds=1))["input"][0] == "standard"
    assert priced(acme, mini, begins)["input"][0] == own.code


def test_a_withdrawn_version_leaves_what_held_before(mini):
    with service():
        book = pricing.default_book("EUR")
    begins = timezone.now() + timedelta(days=3)
    version = publish(book, mini, effective_from=begins)

    with service():
        booking.withdraw(version, by=None)

    later = queries.price_in_force(mini, "input", begins + timedelta(days=1))
    assert later.per_million == Decimal("0.15")
    with service():
        booking.withdraw(version, by=None)


DEARER = {
    ("input", "standard"): per_unit("0.0000003"),
    ("output", "standard"): per_unit("0.0000004"),
}


def standard_input(offer, at):
    return queries.price_in_force(offer, "input", at).per_million


def test_after_a_withdrawal_other_prices_can_begin_before_its_day(mini):
    with service():
        book = pricing.default_book("EUR")
    begins = timezone.now() + timedelta(days=3)
    version = publish(book, mini, effective_from=begins)
    with service():
        booking.withdraw(version, by=None)

    publish(book, mini, DEARER)

    assert standard_input(mini, timezone.now()) == Decimal("0.3")
    assert standard_input(mini, begins + timedelta(days=1)) == Decimal("0.3")


def test_a_version_is_not_withdrawn_from_under_a_later_one(mini):
    with service():
        book = pricing.default_book("EUR")
    begins = timezone.now() + timedelta(days=3)
    first = publish(book, mini, effective_from=begins)
    second = publish(book, mini, DEARER, effective_from=begins + timedelta(days=3))

    with pytest.raises(VersionFollowed), service():
        booking.withdraw(first, by=None)
    for version in (second, first):
        with service():
            booking.withdraw(version, by=None)

    for days in (0, 1, 4):
        assert standard_input(mini, begins + timedelta(days=days)) == Decimal("0.15")


def test_a_later_version_of_other_models_keeps_nobody_from_withdrawing(mini):
    with service():
        book = pricing.default_book("EUR")
        large = Offer.objects.get(name="atlas-large")
    begins = timezone.now() + timedelta(days=3)
    first = publish(book, mini, effective_from=begins)
    publish(book, large, DEARER, effective_from=begins + timedelta(days=3))

    with service():
        booking.withdraw(first, by=None)

    assert standard_input(mini, begins) == Decimal("0.15")
    assert standard_input(large, begins + timedelta(days=3)) == Decimal("0.3")


def test_a_single_price_that_follows_a_withdrawn_version_stays(mini):
    with service():
        book = pricing.default_book("EUR")
    begins = timezone.now() + timedelta(days=3)
    version = publish(book, mini, effective_from=begins)
    alone = begins + timedelta(days=3)
    with service():
        pricing.change(mini, {"input": Decimal("0.7")}, by=None, effective_from=alone)
        booking.withdraw(version, by=None)

    assert standard_input(mini, begins) == Decimal("0.15")
    assert standard_input(mini, alone) == Decimal("0.7")


def test_what_has_begun_is_not_withdrawn(own, mini):
    version = publish(own, mini)

    with pytest.raises(VersionBegan), service():
        booking.withdraw(version, by=None)


def test_a_retired_price_falls_back_to_the_next_book(own, acme, mini):
    publish(own, mini)

    with service():
        ended = booking.retire(own, mini, by=None)

    assert ended == 4
    assert priced(acme, mini)["input"][0] == "standard"


def test_a_retired_price_that_a_scheduled_version_closes_ends_too(own, acme, mini):
    later = timezone.now() + timedelta(days=40)
    publish(own, mini)
    publish(own, mini, DEARER, effective_from=later)

    with service():
        ended = booking.retire(own, mini, by=None)

    assert ended == 8
    for at in (None, later - timedelta(days=1), later + timedelta(days=1)):
        assert priced(acme, mini, at)["input"][0] == "standard"
    with service():
        assert booking.retire(own, mini, by=None) == 0


def test_what_was_retired_for_a_day_to_come_can_be_retired_sooner(own, acme, mini):
    publish(own, mini)
    with service():
        booking.retire(own, mini, by=None, at=timezone.now() + timedelta(days=9))

    with service():
        assert audiences.retire(own, by=None) == 1

    assert priced(acme, mini)["input"][0] == "standard"


def test_what_was_retired_is_priced_anew_at_once(own, acme, mini):
    publish(own, mini)
    publish(own, mini, DEARER, effective_from=timezone.now() + timedelta(days=40))
    with service():
        booking.retire(own, mini, by=None)

    publish(own, mini)

    assert priced(acme, mini)["input"] == (own.code, Decimal("0.1"))


def test_nobody_takes_the_last_price_away(mini):
    with service():
        book = pricing.default_book("EUR")

        with pytest.raises(DefaultBookNeeded):
            booking.retire(book, mini, by=None)


def test_a_published_version_and_its_prices_never_change(own, mini):
    version = publish(own, mini)

    with pytest.raises(VersionNotDraft), service():
        booking.put(version, mini, CHEAP)
    with pytest.raises(VersionNotDraft), service():
        booking.publish(version, by=None)
    with pytest.raises(IntegrityError), service():
        version.drafts.update(definition=per_unit("1"))
    with pytest.raises(IntegrityError), service():
        type(version).objects.filter(pk=version.pk).update(note="other")
    with pytest.raises(IntegrityError), service():
        version.prices.update(definition=per_unit("1"))


def test_a_version_is_published_whole_or_not_at_all(own, mini):
    with service():
        version = booking.draft(own, by=None)
        booking.put(version, mini, {("input", "standard"): per_unit("0.0000001")})
        before = Price.objects.count()

    with pytest.raises(PriceIncomplete) as refusal, service():
        booking.publish(version, by=None)

    assert list(refusal.value.field_errors) == ["atlas-mini"]
    with service():
        assert Price.objects.count() == before
        version.refresh_from_db()
        assert version.is_draft


def test_an_empty_version_is_not_published(own):
    with service():
        version = booking.draft(own, by=None)

        with pytest.raises(VersionEmpty):
            booking.publish(version, by=None)


def test_a_price_never_begins_in_the_past_nor_before_a_scheduled_one(own, mini):
    with pytest.raises(PriceInThePast):
        publish(own, mini, effective_from=timezone.now() - timedelta(seconds=1))
    publish(own, mini, effective_from=timezone.now() + timedelta(days=3))
    with pytest.raises(PriceNotLater):
        publish(own, mini, effective_from=timezone.now() + timedelta(days=1))


@pytest.mark.parametrize(
    ("part", "tier", "definition", "error", "field"),
    [
        ("smell", "standard", per_unit("1"), UnknownDimension, "token_part"),
        ("input", "express", per_unit("1"), UnknownDimension, "service_tier"),
        ("input", "standard", per_unit("0"), UnratablePrice, "input"),
        ("input", "standard", per_unit("-1"), UnratablePrice, "input"),
        ("input", "standard", per_unit("NaN"), UnratablePrice, "input"),
        ("input", "standard", per_unit("\u0661"), UnratablePrice, "input"),
        ("input", "standard", per_unit("1.5"), UnratablePrice, "input"),
        ("input", "standard", per_unit("0.0000000000001"), UnratablePrice, "input"),
        ("input", "standard", {"model": "flat", "unit_amount": "1"}, UnratablePrice, "input"),
        ("gpu_hours", "standard", per_unit("1000000"), UnratablePrice, "gpu_hours"),
    ],
)
def test_what_cannot_be_a_price_is_refused_by_field(
    own, mini, part, tier, definition, error, field
):
    with service():
        version = booking.draft(own, by=None)

        with pytest.raises(error) as refusal:
            booking.put(version, mini, {(part, tier): definition})

        assert list(refusal.value.field_errors) == [field]
        assert not version.drafts.exists()


def test_a_book_is_in_the_currency_its_customer_pays_in(acme):
    with pytest.raises(WrongCurrency), service():
        booking.create(code="usd", name="USD", currency="USD", by=None, organization=acme)


def test_a_customer_has_one_book_of_their_own(own, acme):
    with pytest.raises(BookTaken), service():
        booking.create(code="second", name="Second", currency="EUR", by=None, organization=acme)


def test_other_customers_books_are_nobody_elses_to_read(own, acme, mini, charlie):
    publish(own, mini)
    with service():
        stranger = booking.create(code="x", name="X", currency="EUR", by=None)

    with scope(acme):
        assert set(PriceBook.objects.values_list("code", flat=True)) == {"standard", own.code}
        assert Price.objects.filter(book=own).count() == 4
    # Outside any organization: the public pages.
    assert set(PriceBook.objects.values_list("code", flat=True)) == {"standard"}
    assert not Price.objects.exclude(book__code="standard").exists()
    assert stranger.code == "x"
    with pytest.raises(Exception, match="permission denied"):
        connections["default"].cursor().execute("SELECT 1 FROM marketplace_draftprice")


def test_publishing_leaves_who_and_what(own, mini, alice):
    with service():
        version = booking.draft(own, by=alice)
        booking.put(version, mini, CHEAP)
        booking.publish(version, by=alice)
        entry = AuditEntry.objects.get(action="price_version.published")

    assert entry.actor_user == alice
    assert entry.after["number"] == 1
