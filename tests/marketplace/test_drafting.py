"""Drafts of a price book: begun as a copy, changed price by price or by a percentage."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.services import contracts
from common.database import service
from marketplace import comparison, queries
from marketplace.errors import (
    AdjustmentInvalid,
    BookForEverybody,
    BookNamed,
    BookTaken,
    UnratablePrice,
    VersionNotDraft,
    WrongCurrency,
)
from marketplace.models import DraftPrice, Price, PriceBook
from marketplace.services import audiences, books, drafting, pricing
from marketplace.services.drafting import Place
from tenants.models import AuditEntry

pytestmark = pytest.mark.usefixtures("catalogue")


def per_unit(amount):
    return {"model": "per_unit", "unit_amount": amount}


@pytest.fixture
def standard(catalogue):
    """The list that everybody pays by."""
    with service():
        return pricing.default_book("EUR")


@pytest.fixture
def draft(standard):
    """A copy of that list."""
    with service():
        return drafting.begin(standard, by=None, note="spring")


@pytest.fixture
def own(acme):
    """Acme's own book, which says nothing yet."""
    with service():
        return books.create(code="acme", name="Acme", currency="EUR", by=None, organization=acme)


def changed(version):
    with service():
        return {
            (it.offer.name, it.part, it.tier): it.new
            for it in comparison.of(version)
            if it.is_changed
        }


def test_a_draft_begins_as_a_copy_that_changes_nothing(draft, standard):
    with service():
        drafted = DraftPrice.objects.filter(version=draft)

        assert drafted.count() == Price.objects.standard().filter(book=standard).count()
        assert {it.service_tier for it in drafted} == {"standard"}
    assert changed(draft) == {}


def test_a_copy_takes_prices_that_are_scheduled(standard, mini):
    with service():
        begins = timezone.now() + timedelta(days=3)
        pricing.change(mini, {"input": Decimal("0.25")}, by=None, effective_from=begins)
        draft = drafting.begin(standard, by=None)

        assert draft.drafts.get(offer=mini, token_part="input").definition == per_unit("0.00000025")


def test_a_price_of_batches_that_is_not_half_is_copied(standard, mini):
    own = {"input": Decimal("0.1")}
    with service():
        pricing.change(mini, {"input": Decimal("0.15")}, by=None, batch_per_million=own)
        draft = drafting.begin(standard, by=None)

        assert draft.drafts.get(service_tier="batch").definition == per_unit("0.0000001")


def test_batches_follow_a_price_that_is_set(draft, mini, alice):
    with service():
        drafting.set_price(draft, Place(mini, "input", "standard"), per_unit("0.0000002"), by=alice)
        entry = AuditEntry.objects.get(action="draft_price.changed")

    assert changed(draft) == {
        ("atlas-mini", "input", "standard"): per_unit("0.0000002"),
        ("atlas-mini", "input", "batch"): per_unit("0.0000001"),
    }
    assert entry.actor_user == alice
    assert entry.before["definition"] == per_unit("0.00000015")
    assert entry.after["definition"] == per_unit("0.0000002")


def test_setting_what_a_draft_says_leaves_no_trace(draft, mini):
    with service():
        drafting.set_price(draft, Place(mini, "input", "standard"), per_unit("0.00000015"), by=None)

        assert not AuditEntry.objects.filter(action="draft_price.changed").exists()


def test_what_is_taken_out_stays_as_it_is(draft, mini):
    place = Place(mini, "input", "standard")
    with service():
        drafting.set_price(draft, place, per_unit("0.0000002"), by=None)
        drafting.take_out(draft, place, by=None)
        drafting.take_out(draft, place, by=None)

        assert not draft.drafts.filter(offer=mini, token_part="input").exists()
        assert AuditEntry.objects.filter(action="draft_price.changed").count() == 2
    assert changed(draft) == {}


def test_a_percentage_changes_what_fits_and_nothing_else(draft, mini):
    with service():
        count = drafting.adjust(
            draft, percent=Decimal("10"), offers=[mini], parts=["input"], by=None
        )

    assert count == 1
    assert changed(draft) == {
        ("atlas-mini", "input", "standard"): per_unit("0.000000165"),
        ("atlas-mini", "input", "batch"): per_unit("0.0000000825"),
    }


def test_a_percentage_changes_every_amount_of_a_definition(draft, mini):
    tiers = [
        {"up_to": "1000", "unit_amount": "0.001"},
        {"up_to": None, "unit_amount": "0.0005", "flat_amount": "0.1"},
    ]
    place = Place(mini, "output", "standard")
    with service():
        drafting.set_price(draft, place, {"model": "graduated", "tiers": tiers}, by=None)
        drafting.adjust(draft, percent=Decimal("-50"), offers=[mini], parts=["output"], by=None)

        assert draft.drafts.get(offer=mini, token_part="output").definition["tiers"] == [
            {"up_to": "1000", "unit_amount": "0.0005"},
            {"up_to": None, "unit_amount": "0.00025", "flat_amount": "0.05"},
        ]


@pytest.mark.parametrize("percent", ["0", "-100", "1001", "NaN", "Infinity"])
def test_a_percentage_that_says_nothing_is_refused(draft, percent):
    with pytest.raises(AdjustmentInvalid) as refusal, service():
        drafting.adjust(draft, percent=Decimal(percent), by=None)

    assert list(refusal.value.field_errors) == ["percent"]
    assert changed(draft) == {}


def test_a_percentage_leaves_all_prices_or_none(draft, mini):
    dear = Place(mini, "output", "standard")
    with service():
        drafting.set_price(draft, dear, per_unit("0.9"), by=None)
    before = changed(draft)

    with pytest.raises(AdjustmentInvalid) as refusal, service():
        drafting.adjust(draft, percent=Decimal("50"), by=None)

    assert "atlas-mini · Output" in refusal.value.field_errors["percent"][0]
    assert changed(draft) == before


def test_a_percentage_on_no_price_is_refused(draft):
    with pytest.raises(AdjustmentInvalid), service():
        drafting.adjust(draft, percent=Decimal("5"), parts=["gpu_hours"], by=None)


def test_what_is_published_is_not_worked_on(draft, mini):
    place = Place(mini, "input", "standard")
    with service():
        books.publish(draft, by=None)

    for work in (
        lambda: drafting.set_price(draft, place, per_unit("0.1"), by=None),
        lambda: drafting.take_out(draft, place, by=None),
        lambda: drafting.adjust(draft, percent=Decimal("5"), by=None),
        lambda: drafting.replace(draft, {place: per_unit("0.1")}, by=None),
        lambda: books.discard(draft, by=None),
    ):
        with pytest.raises(VersionNotDraft), service():
            work()


def test_what_cannot_be_a_price_is_not_drafted(draft, mini):
    with pytest.raises(UnratablePrice), service():
        drafting.set_price(draft, Place(mini, "input", "standard"), per_unit("-1"), by=None)

    assert changed(draft) == {}


def test_a_published_draft_changes_only_what_differs(draft, mini):
    with service():
        drafting.adjust(draft, percent=Decimal("100"), offers=[mini], by=None)
        version = books.publish(draft, by=None)

        assert {it.offer for it in version.prices.all()} == {mini}
        assert queries.price_in_force(mini, "output", timezone.now()).per_million == Decimal("1.2")
    # What it changed can still be read when it has become history.
    assert len(changed(version)) == 6


def test_a_discarded_draft_leaves_a_row(draft, alice):
    with service():
        books.discard(draft, by=alice)

        entry = AuditEntry.objects.get(action="price_version.discarded")
    assert (entry.actor_user, entry.before["note"]) == (alice, "spring")


def test_a_book_is_given_to_a_group_and_back(own, acme, alice):
    with service():
        group = books.open_group(code="public", name="Public bodies", by=None)
        audiences.assign(own, group=group, by=alice)
        audiences.assign(own, group=group, by=alice)

        book = PriceBook.objects.get(pk=own.pk)
        entry = AuditEntry.objects.get(action="price_book.assigned")
        assert (book.organization, book.customer_group) == (None, group)
    assert (entry.before["customer"], entry.after["group"]) == ("acme", "public")


def test_the_list_for_everybody_stays_theirs(standard, acme):
    with pytest.raises(BookForEverybody), service():
        audiences.assign(standard, organization=acme, by=None)
    with pytest.raises(BookForEverybody), service():
        audiences.retire(standard, by=None)


def test_a_customer_has_one_book_however_it_is_given(own, acme):
    with service():
        second = books.create(code="second", name="Second", currency="EUR", by=None)

    with pytest.raises(BookTaken), service():
        audiences.assign(second, organization=acme, by=None)


def test_a_book_is_given_in_the_customers_currency(acme):
    with service():
        dollars = books.create(code="usd", name="USD", currency="USD", by=None)

    with pytest.raises(WrongCurrency), service():
        audiences.assign(dollars, organization=acme, by=None)


def test_a_book_that_contracts_name_is_nobody_elses(sign_with, acme, charlie):
    with service():
        book = books.create(code="deal", name="Deal", currency="EUR", by=None)
    sign_with(book)

    with service():
        group = books.open_group(code="public", name="Public bodies", by=None)
    with pytest.raises(BookNamed), service():
        audiences.assign(book, group=group, by=None)
    with service():
        audiences.assign(book, organization=acme, by=None)


@pytest.fixture
def sign_with(acme, alice):
    """Draft a contract of Acme's that names a book."""

    def sign_with(book):
        facts = {
            "number": "C-1",
            "starts_on": timezone.now().date(),
            "time_zone": "UTC",
            "price_book": book,
        }
        with service():
            return contracts.draft(acme, by=alice, facts=facts)

    return sign_with


def test_a_retired_book_says_nothing_more(own, mini, alice):
    later = timezone.now() + timedelta(days=3)
    cheap = {(part, "standard"): per_unit("0.0000001") for part in ("input", "output")}
    with service():
        version = books.draft(own, by=None)
        books.put(version, mini, cheap)
        books.publish(version, by=None, effective_from=later)
        ended = audiences.retire(own, by=alice)

        held = Price.objects.in_force(later + timedelta(days=1)).filter(book=own)
        assert (ended, held.exists()) == (1, False)
        assert AuditEntry.objects.get(action="price_book.retired").actor_user == alice
        assert audiences.retire(own, by=alice) == 0
