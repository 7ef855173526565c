"""The operator's desk over prices."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from billing.models import PricedBucket
from common.database import service
from marketplace import history, queries
from marketplace.models import Offer, Price
from marketplace.services import pricing

PRESENT = {"input": "0.15", "cached_input": "0.04", "output": "0.6"}


@pytest.fixture
def address(mini):
    return f"/staff/prices/{mini.pk}/"


def in_days(number):
    return (timezone.now() + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M")


def confirm(client, address, **facts):
    return client.post(address, {**PRESENT, **facts, "confirmed": "yes"})


def price_now(offer, part="input"):
    return queries.price_in_force(offer, part, timezone.now()).per_million


def batch_price(offer, part):
    found = queries.prices_in_force([offer.pk], timezone.now(), service_tier="batch")
    return found[offer.pk][part].per_million


def test_prices_are_reviewed_before_they_are_set(staff_client, address, mini):
    reviewed = staff_client.post(address, {**PRESENT, "input": "0.25"})

    found = [(it.service_tier, it.part, it.new.amount) for it in reviewed.context["changes"]]
    assert reviewed.status_code == 200
    assert found == [("standard", "input", Decimal("0.25")), ("batch", "input", Decimal("0.125"))]
    assert reviewed.context["changes"][0].old.amount == Decimal("0.15")
    assert price_now(mini) == Decimal("0.15")

    confirm(staff_client, address, input="0.25")

    assert price_now(mini) == Decimal("0.25")


@pytest.fixture
def bought(acme, mini):
    """Two million input tokens at once, and as many of pictures; four million in a batch."""
    prices = {it.service_tier: it for it in Price.objects.filter(offer=mini, token_part="input")}
    rows = [("input", "standard", 2), ("image_input", "standard", 2), ("input", "batch", 4)]
    with service():
        for part, tier, millions in rows:
            PricedBucket.objects.create(
                organization=acme,
                offer_name="atlas-mini",
                token_part=part,
                price_id=prices[tier].pk,
                starts_at=timezone.now() - timedelta(days=3),
                tokens=millions * 1_000_000,
            )


def test_a_change_is_rehearsed_on_last_months_usage(staff_client, address, bought):
    changes = staff_client.post(address, {**PRESENT, "input": "0.25"}).context["changes"]

    # Pictures have no price of their own here: they cost what input does.
    assert [(it.service_tier, it.tokens) for it in changes] == [
        ("standard", 4_000_000),
        ("batch", 4_000_000),
    ]
    assert [it.difference.amount for it in changes] == [Decimal("0.4"), Decimal("0.2")]


def test_a_part_with_a_price_of_its_own_is_rehearsed_alone(staff_client, address, bought):
    given = {**PRESENT, "image_input": "0.5"}
    changes = staff_client.post(address, given).context["changes"]

    assert [(it.service_tier, it.part, it.tokens) for it in changes] == [
        ("standard", "image_input", 2_000_000),
        ("batch", "image_input", 0),
    ]


def test_batches_have_the_price_that_was_typed_for_them(staff_client, address, mini):
    confirm(staff_client, address, batch_output="0.2")

    assert batch_price(mini, "output") == Decimal("0.2")
    assert price_now(mini, "output") == Decimal("0.6")
    assert staff_client.get(address).context["form"]["batch_output"].initial == "0.2"

    confirm(staff_client, address, output="0.8", batch_output="0.2")

    assert (price_now(mini, "output"), batch_price(mini, "output")) == (
        Decimal("0.8"),
        Decimal("0.2"),
    )


def test_an_emptied_price_of_batches_is_half_again(staff_client, address, mini):
    confirm(staff_client, address, batch_output="0.2")
    confirm(staff_client, address, batch_output="")

    assert batch_price(mini, "output") == Decimal("0.3")


@pytest.mark.parametrize("part", ["cache_write", "image_input", "audio_input", "audio_output"])
def test_every_part_can_have_a_price(staff_client, address, mini, part):
    confirm(staff_client, address, **{part: "2.5"})

    assert price_now(mini, part) == Decimal("2.5")
    assert batch_price(mini, part) == Decimal("1.25")
    assert "2.50" in staff_client.get("/staff/prices/").content.decode()


def test_batches_alone_have_no_price(staff_client, address):
    response = confirm(staff_client, address, batch_image_input="1")

    assert "image_input" in response.context["form"].errors


def test_a_price_change_does_not_touch_usage_before_it(staff_client, address, mini):
    old = Price.objects.standard().get(offer=mini, token_part="input")
    before = timezone.now()

    confirm(staff_client, address, input="0.25", effective_from=in_days(7))

    assert queries.price_in_force(mini, "input", before).pk == old.pk
    new = queries.price_in_force(mini, "input", before + timedelta(days=8))
    assert new.per_token == Decimal("0.00000025")
    old.refresh_from_db()
    assert (old.per_million, old.effective_until) == (Decimal("0.15"), new.effective_from)


def test_only_what_differs_is_set(staff_client, address, mini):
    confirm(staff_client, address, output="0.7")

    assert Price.objects.standard().filter(offer=mini).count() == 4
    assert price_now(mini, "output") == Decimal("0.7")


def test_the_history_says_what_holds_what_comes_and_what_was(staff_client, address, mini):
    confirm(staff_client, address, input="0.20")
    confirm(staff_client, address, input="0.30", effective_from=in_days(7))

    part = next(it for it in history.of(mini) if it.part == "input")

    assert part.now.per_million == Decimal("0.2")
    assert [price.per_million for price in part.coming] == [Decimal("0.3")]
    assert [price.per_million for price in part.past] == [Decimal("0.15")]
    assert staff_client.get(address).status_code == 200


def test_a_scheduled_price_is_taken_back_from_the_same_moment(staff_client, address, mini):
    moment = in_days(7)
    confirm(staff_client, address, input="99", effective_from=moment)

    confirm(staff_client, address, input="0.15", effective_from=moment)

    later = timezone.now() + timedelta(days=8)
    assert queries.price_in_force(mini, "input", later).per_million == Decimal("0.15")
    part = next(it for it in history.of(mini) if it.part == "input")
    assert [price.is_withdrawn for price in part.past] == [True]
    assert "never held" in staff_client.get(address).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("effective_from", "2020-01-01T00:00"),
        ("effective_from", "2199-01-01T00:00"),
        ("effective_from", "tomorrow"),
        ("input", "-0.01"),
        ("input", "1e99"),
        ("input", "NaN"),
        ("input", "0.1234567"),
        ("input", "1000001"),
        ("input", ""),
        ("cached_input", ""),
        ("output", "a lot"),
    ],
)
def test_a_bad_price_is_named_and_changes_nothing(staff_client, address, field, value):
    before = list(Price.objects.order_by("pk").values())

    response = confirm(staff_client, address, **{"input": "0.2", field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert list(Price.objects.order_by("pk").values()) == before


def test_prices_that_hold_anyway_are_not_set_again(staff_client, address):
    response = confirm(staff_client, address)

    assert response.status_code == 422
    assert response.context["form"].non_field_errors()


def test_a_price_before_a_scheduled_one_is_refused(staff_client, address, mini):
    confirm(staff_client, address, input="1", effective_from=in_days(30))

    response = confirm(staff_client, address, input="2")

    assert response.status_code == 422
    assert Price.objects.standard().filter(offer=mini, token_part="input").count() == 2


def test_a_form_sent_twice_sets_the_prices_once(staff_client, address, mini):
    with service():
        first = pricing.change(mini, {"input": Decimal("0.2")}, by=None)
        second = pricing.change(mini, {"input": Decimal("0.2")}, by=None)

    assert (len(first), second) == (1, [])


def test_the_list_shows_drafts_too_and_the_next_change(staff_client, address, mini):
    confirm(staff_client, address, input="1", effective_from=in_days(30))

    rows = staff_client.get("/staff/prices/").context["entries"]

    changes = {row.entry.api_name: row.changes_at for row in rows}
    assert len(changes) == Offer.objects.count()
    assert (
        changes["atlas-mini"]
        == Price.objects.standard().upcoming(timezone.now()).get().effective_from
    )
    assert changes["atlas-large"] is None


def test_the_list_asks_no_more_for_more_offers(
    staff_client, catalogue, django_assert_max_num_queries
):
    # What every page shows of the operator is known by then.
    staff_client.get("/staff/prices/")
    with django_assert_max_num_queries(6, connection=connections["service"]):
        staff_client.get("/staff/prices/")


@pytest.mark.parametrize(
    ("language", "typed", "meant"),
    [
        ("en", "0.10", "0.10"),
        ("fr", "0,10", "0.10"),
        ("fr", "0.10", "0.10"),
        ("ar", "0,10", "0.10"),
        ("fr", "1,000", "1"),
    ],
)
def test_a_price_is_read_as_the_language_writes_it(
    staff_client, address, mini, language, typed, meant
):
    staff_client.cookies["django_language"] = language

    confirm(staff_client, address, input=typed)

    assert price_now(mini) == Decimal(meant)


@pytest.mark.parametrize(
    ("language", "typed"), [("en", "0,10"), ("en", "1,000.5"), ("fr", "1.000,5"), ("fr", "1,0,0")]
)
def test_a_mark_that_could_mean_two_things_is_refused(staff_client, address, mini, language, typed):
    staff_client.cookies["django_language"] = language

    response = confirm(staff_client, address, input=typed)

    assert response.status_code == 422
    assert "0.10" in str(response.context["form"].errors["input"]).replace(",", ".")
    assert price_now(mini) == Decimal("0.15")


def filled(form):
    """Return what a browser sends of a form that nobody touched."""
    shown = {it.html_name: it.value() or "" for it in form}
    before = {it.html_initial_name: it.value() or "" for it in form if it.field.show_hidden_initial}
    return shown | before


def at(offer, part, when):
    return queries.price_in_force(offer, part, when).per_million


def test_only_what_was_changed_is_set_and_the_rest_stays_as_planned(staff_client, address, mini):
    with service():
        planned = timezone.now() + timedelta(days=40)
        pricing.change(mini, {"output": Decimal(9)}, by=None, effective_from=planned)
    sent = filled(staff_client.get(address).context["form"])
    sent |= {"input": "0.1", "effective_from": in_days(50)}

    reviewed = staff_client.post(address, sent)
    assert {it.part for it in reviewed.context["changes"]} == {"input"}
    again = reviewed.content.decode()
    assert 'name="initial-output"' in again
    staff_client.post(address, sent | {"confirmed": "yes"})

    later = timezone.now() + timedelta(days=51)
    assert (at(mini, "output", later), at(mini, "input", later)) == (9, Decimal("0.1"))


def test_the_form_begins_with_the_prices_of_the_chosen_day(staff_client, address, mini):
    with service():
        planned = timezone.now() + timedelta(days=40)
        pricing.change(mini, {"output": Decimal(9)}, by=None, effective_from=planned)

    page = staff_client.get(address, {"effective_from": in_days(50)})

    assert page.context["form"]["output"].value() == "9"
    assert page.context["form"]["effective_from"].value() is not None
    nonsense = staff_client.get(address, {"effective_from": "soon"})
    assert nonsense.context["form"]["output"].value() == "0.6"


def test_a_batch_price_alone_leaves_the_other_as_it_is(staff_client, address, mini):
    sent = filled(staff_client.get(address).context["form"])

    staff_client.post(address, sent | {"batch_output": "0.1", "confirmed": "yes"})

    assert (batch_price(mini, "output"), price_now(mini, "output")) == (
        Decimal("0.1"),
        Decimal("0.6"),
    )
