"""From which amounts on spend is worth a look: what staff set, and what stands in for it."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from billing.errors import AlarmOutOfBounds
from billing.models import SpendAlarm, SpendBucket
from billing.services import spend_alarms, unusual_spend
from common.database import service
from marketplace import demo
from marketplace.models import Price, PriceBook
from marketplace.models.prices import scaled
from tenants.models import AbuseSignal, AuditEntry, Organization

D = Decimal


@pytest.fixture
def sam(person):
    return person("robin@operator.example", is_staff=True)


@pytest.fixture
def priced(db):
    """Price the demo's models in a second currency, at so many units for one euro."""
    demo.seed()

    def price(currency, *, units, **facts):
        with service():
            book = PriceBook.objects.create(
                code=currency.lower(), name=currency, currency=currency, **facts
            )
            for price in Price.objects.filter(book__code="standard"):
                Price.objects.create(
                    book=book,
                    offer=price.offer,
                    token_part=price.token_part,
                    service_tier=price.service_tier,
                    definition=scaled(price.definition, D(units)),
                    effective_from=price.effective_from,
                )

    return price


def amounts(currency):
    with service():
        alarm = spend_alarms.of(currency)
    return alarm.hour, alarm.day, alarm.new_account


def set_for(currency, *, by, **others):
    amounts = {"hour": D(500), "day": D(900), "new_account": D(5)} | others
    with service():
        spend_alarms.set_for(currency, by=by, **amounts)


def test_a_new_installation_begins_with_amounts_of_the_usual_currency(db):
    assert amounts("EUR") == (50, 200, 100)
    with service():
        assert not spend_alarms.of("EUR").is_set


def test_another_currency_follows_by_the_operators_own_prices(priced):
    priced("KZT", units=540)

    assert amounts("KZT") == (30_000, 200_000, 60_000)


def test_it_follows_what_staff_set_for_the_usual_one(priced, sam):
    priced("KZT", units=540)
    set_for("EUR", by=sam, hour=D(10), day=D(100), new_account=D("0.01"))

    assert amounts("KZT") == (6_000, 60_000, 6)
    assert amounts("EUR") == (10, 100, D("0.01"))


def test_a_book_that_is_not_for_everybody_says_it_too(priced):
    priced("KZT", units=540, is_default=False)

    assert amounts("KZT") == (30_000, 200_000, 60_000)


def test_one_price_that_is_out_of_line_changes_nothing(priced):
    priced("KZT", units=540)
    with service():
        price = Price.objects.filter(book__code="kzt", service_tier="standard").first()
        Price.objects.filter(pk=price.pk).update(effective_until=timezone.now())
        Price.objects.create(
            book=price.book,
            offer=price.offer,
            token_part=price.token_part,
            definition={"model": "per_unit", "unit_amount": "999"},
            effective_from=timezone.now(),
        )

    assert amounts("KZT") == (30_000, 200_000, 60_000)


def test_where_nothing_is_priced_in_both_the_numbers_are_the_same(db):
    assert amounts("KZT") == (50, 200, 100)


def test_what_staff_set_holds_whatever_prices_say(priced, sam):
    priced("KZT", units=540)
    set_for("KZT", by=sam, hour=D(1_000), day=D(2_000), new_account=D(3_000))

    assert amounts("KZT") == (1_000, 2_000, 3_000)
    with service():
        assert spend_alarms.of("KZT").is_set
        entry = AuditEntry.objects.get(action="spend_alarm.set")
    assert (entry.before, entry.after["currency"], entry.after["hour"]) == (None, "KZT", "1000")


def test_the_same_again_says_nothing(db, sam):
    set_for("EUR", by=sam)
    set_for("EUR", by=sam)
    set_for("EUR", by=sam, hour=D(501))

    with service():
        first, second = AuditEntry.objects.filter(action="spend_alarm.set").order_by("id")
    assert (first.before, second.before["hour"], second.after["hour"]) == (None, "500.00", "501")


def test_spend_in_another_currency_is_held_to_its_own_amounts(priced, acme, project):
    priced("KZT", units=540)
    with service():
        Organization.objects.update(created_at=timezone.now() - timedelta(days=100), currency="KZT")

    def spend(amount):
        now = timezone.now()
        with service():
            SpendBucket.objects.create(
                organization=acme,
                project=project,
                offer_name=f"atlas-{amount}",
                currency="KZT",
                starts_at=now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0),
                amount=D(amount),
            )
        unusual_spend.sweep()
        with service():
            return [it.figures["limit"] for it in AbuseSignal.objects.all()]

    assert spend(20_000) == []
    assert spend(15_000) == ["30000"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"hour": D(0)}, "hour"),
        ({"day": D(-1)}, "day"),
        ({"new_account": SpendAlarm.MOST + 1}, "new_account"),
        ({"hour": D(901)}, "hour"),
        ({"day": D("900.001")}, "day"),
    ],
)
def test_what_nobody_means_is_refused_by_its_field(db, sam, facts, field):
    with pytest.raises(AlarmOutOfBounds) as refusal:
        set_for("EUR", by=sam, **facts)

    assert list(refusal.value.field_errors) == [field]
    with service():
        assert not SpendAlarm.objects.exists()


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"hour": 0}, "amounts_are_positive"),
        ({"day": SpendAlarm.MOST + 1}, "no_slips"),
        ({"new_account": SpendAlarm.MOST + 1}, "no_slips"),
        ({"hour": 201}, "within_the_day"),
        ({"currency": "eur"}, "names_a_currency"),
    ],
)
def test_the_database_knows_the_bounds(db, facts, name):
    with pytest.raises(IntegrityError, match=name), service():
        SpendAlarm.objects.create(**{"currency": "EUR", **facts})


def test_one_row_a_currency(db):
    with service():
        SpendAlarm.objects.create(currency="EUR")
    with pytest.raises(IntegrityError, match="currency"), service():
        SpendAlarm.objects.create(currency="EUR")


def test_two_who_set_at_once_leave_one_row(db, sam):
    together, troubles = threading.Barrier(2), []

    def set_one(hour):
        together.wait()
        try:
            set_for("EUR", by=sam, hour=hour)
        except Exception as trouble:  # noqa: BLE001 - the test says which
            troubles.append(trouble)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=set_one, args=(D(hour),)) for hour in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert troubles == []
    with service():
        assert SpendAlarm.objects.get().hour in (10, 20)
        assert AuditEntry.objects.filter(action="spend_alarm.set").count() == 2
