"""Spend that is unusual for who spends it: what raises a signal, what does not, and who is told."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError
from django.utils import timezone

from billing.models import SpendBucket
from billing.services import spend_alarms, unusual_spend
from billing.unusual import judge
from common.database import service
from common.errors import Forbidden
from tenants.errors import SignalDecided
from tenants.models import (
    AbuseSignal,
    ApiKey,
    AuditEntry,
    Membership,
    Organization,
    Restriction,
    WebhookEvent,
)
from tenants.scope import scope
from tenants.services import abuse, api_keys, webhooks

D = Decimal
DAYS = timedelta(days=1)


@pytest.fixture
def sam(person):
    return person("robin@operator.example", is_staff=True)


@pytest.fixture
def old(acme):
    """Acme as a customer of long ago."""
    with service():
        Organization.objects.update(created_at=timezone.now() - timedelta(days=100))
    return acme


@pytest.fixture
def spend(acme, project):
    """Say that so much was spent so many days ago, in the quarter of an hour that ran then."""

    def spend(amount, days=0, key=None, **more):
        now = timezone.now()
        quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
        with service():
            SpendBucket.objects.create(
                organization=acme,
                project=project,
                api_key=key,
                offer_name="llama-8b",
                currency=more.pop("currency", "EUR"),
                starts_at=quarter - days * DAYS - timedelta(**more),
                amount=D(amount),
            )

    return spend


def signals():
    with service():
        return list(AbuseSignal.objects.order_by("raised_at"))


def make_key(acme, alice):
    with scope(acme):
        return api_keys.create(acme, name="Scripts", by=alice).api_key


@pytest.mark.parametrize(
    ("spent", "before", "level"),
    [
        # Below the floor nobody is disturbed; above it the limit itself is not passed.
        ("50", [], 0),
        ("50.01", [], 1),
        ("149", [], 1),
        ("150", [], 2),
        ("500", [], 3),
        # Steady spend doubles.
        ("200", [100] * 28, 0),
        ("200.01", [100] * 28, 1),
        # Spread: median 100, MAD 100, so 100 + 3.5 · 100 / 0.6745 = 618.98.
        ("618", [0, 100, 200] * 9, 0),
        ("620", [0, 100, 200] * 9, 1),
        # What runs once a week is usual on its day: the seventh before, the fourteenth, …
        ("400", ([0] * 6 + [200]) * 4, 0),
        ("401", ([0] * 6 + [200]) * 4, 1),
        # One wild day on another day of the week moves nothing.
        ("51", [9000] + [0] * 27, 1),
    ],
)
def test_a_window_is_judged_by_those_before(spent, before, level):
    sums = {ago: D(it) for ago, it in enumerate(before, 1)}

    assert judge(D(spent), sums, days=28, floor=D(50)).level == level


def test_nothing_is_usual_after_six_days():
    assert judge(D(10**9), {}, days=6, floor=D(50)).level == 0
    assert judge(D(10**9), {}, days=7, floor=D(50)).level == 3


def test_a_spike_is_raised_once_and_told(old, spend, mailoutbox):
    for days in range(1, 29):
        spend("100", days)
    spend("450")

    rounds = [unusual_spend.sweep(), unusual_spend.sweep()]

    (signal,) = signals()
    assert rounds == [1, 1]
    assert (signal.kind, signal.level, signal.api_key_id) == ("spend_spike", 1, None)
    facts = {name: signal.figures[name] for name in ("spent", "usual", "limit", "currency")}
    assert facts == {"spent": "450", "usual": "100", "limit": "200", "currency": "EUR"}
    (mail,) = mailoutbox
    assert mail.subject == "Acme spends more than usual"
    assert "450.00 EUR; usual is 100.00 EUR" in mail.body
    with service():
        (event,) = WebhookEvent.objects.filter(type="spend.unusual")
        assert AuditEntry.objects.filter(action="signal.raised").count() == 1
    assert event.data["spent"] == "450"


def test_what_is_usual_raises_nothing(old, spend, mailoutbox):
    for days in range(29):
        spend("100", days)

    unusual_spend.sweep()

    assert (signals(), mailoutbox) == ([], [])


def test_an_hour_is_compared_with_the_same_hour(old, spend):
    for days in range(1, 29):
        # As much as today, but six hours earlier: the day is usual, the hour is not.
        spend("190", days, hours=6)
    spend("190")

    unusual_spend.sweep()

    (signal,) = signals()
    assert (signal.figures["window"], signal.figures["usual"]) == ("hour", "0")


def test_what_gets_worse_makes_the_signal_graver_and_is_told_again(old, spend, mailoutbox):
    spend("250")
    unusual_spend.sweep()
    spend("1900", hours=2)
    unusual_spend.sweep()
    unusual_spend.sweep()

    (signal,) = signals()
    assert (signal.level, signal.figures["spent"]) == (3, "2150")
    assert len(mailoutbox) == 2


def test_a_budget_that_told_spares_the_mail(old, acme, spend, mailoutbox):
    with service():
        webhooks.emit(acme, "budget.reached", key="x", data={})
    spend("250")

    unusual_spend.sweep()

    assert (len(signals()), mailoutbox) == (1, [])


def test_a_key_whose_spend_is_unusual_is_named(old, acme, alice, spend):
    key = make_key(acme, alice)
    with service():
        ApiKey.objects.update(created_at=timezone.now() - timedelta(days=50))
    for days in range(1, 29):
        spend("1000", days)
    spend("700")
    spend("300", key=key)

    unusual_spend.sweep()

    (signal,) = signals()
    assert (signal.api_key_id, signal.figures["spent"]) == (key.pk, "300")


def test_a_spike_of_a_customer_names_the_keys_that_spent(old, acme, alice, spend):
    key = make_key(acme, alice)
    spend("300", key=key)

    unusual_spend.sweep()

    (signal,) = signals()
    assert (signal.api_key_id, signal.figures["keys"]) == (None, [[str(key.pk), "300"]])


def test_a_new_customer_who_spends_fast_is_for_staff_alone(acme, spend, mailoutbox):
    spend("301")

    unusual_spend.sweep()

    (signal,) = signals()
    assert (signal.kind, signal.level) == ("new_account", 2)
    assert mailoutbox == []
    with scope(acme):
        assert not AbuseSignal.objects.only("id", "kind").exists()


def test_staff_sets_from_which_amounts_on(old, spend, sam):
    with service():
        spend_alarms.set_for("EUR", by=sam, hour=D(500), day=D(500), new_account=D(500))
        spend_alarms.set_for("EUR", by=sam, hour=D(500), day=D(500), new_account=D(500))
    spend("450")
    unusual_spend.sweep()

    assert signals() == []
    with service():
        assert AuditEntry.objects.filter(action="spend_alarm.set").count() == 1


def test_two_rounds_at_once_raise_it_once(old, spend, mailoutbox):
    spend("450")
    together = threading.Barrier(2)

    def look():
        together.wait()
        unusual_spend.sweep()

    threads = [threading.Thread(target=look) for _each in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(signals()) == 1
    assert len(mailoutbox) == 1


def test_the_database_keeps_one_open_and_what_was_decided(old, spend, sam):
    spend("450")
    unusual_spend.sweep()
    (signal,) = signals()

    with pytest.raises(IntegrityError, match="one_open_abuse_signal"), service():
        AbuseSignal.objects.create(organization=old, kind="spend_spike", level=1)
    with pytest.raises(IntegrityError, match="closed_by_a_decision"), service():
        AbuseSignal.objects.update(closed_at=timezone.now())
    with service():
        abuse.dismiss(signal, reason="A launch", quiet_days=1, by=sam)
    with pytest.raises(IntegrityError, match="never changed"), service():
        AbuseSignal.objects.update(reason="Something else")


def test_customers_read_what_was_seen_and_nothing_that_staff_wrote(old, acme, spend):
    spend("450")
    unusual_spend.sweep()

    with scope(acme):
        seen = AbuseSignal.objects.open().values_list("kind", "figures__spent")
        assert list(seen) == [("spend_spike", "450")]
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        AbuseSignal.objects.values_list("reason").first()
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        AbuseSignal.objects.update(level=1)


def test_what_was_dismissed_stays_quiet_unless_it_gets_graver(clock, old, spend, sam):
    spend("450")
    unusual_spend.sweep()
    with service():
        abuse.dismiss(signals()[0], reason="A launch", quiet_days=2, by=sam)

    unusual_spend.sweep()
    quiet = len(signals())
    spend("1600", hours=2)
    unusual_spend.sweep()

    graver = [(it.level, it.decision) for it in signals()]
    assert (quiet, graver) == (1, [(2, "dismissed"), (3, "")])


def test_it_is_raised_again_when_the_quiet_is_over(clock, old, spend, sam):
    spend("450")
    unusual_spend.sweep()
    with service():
        abuse.dismiss(signals()[0], reason="A launch", quiet_days=2, by=sam)
    clock.shift(3 * DAYS)
    spend("900")

    unusual_spend.sweep()

    assert [it.decision for it in signals()] == ["dismissed", ""]


def test_acting_holds_the_customer_and_revokes_the_key_at_once(old, acme, alice, spend, sam):
    key = make_key(acme, alice)
    spend("450", key=key)
    unusual_spend.sweep()

    with service():
        abuse.act(signals()[0], reason="Stolen", level="new", told="Look", keys=[key], by=sam)
    unusual_spend.sweep()

    (signal,) = signals()
    assert (signal.decision, signal.reason) == ("acted", "Stolen")
    with service():
        (held,) = Restriction.objects.open()
        assert (held.level, held.reason) == ("new", "Look")
        assert ApiKey.objects.get().state == "revoked"


def test_a_signal_is_decided_once(old, acme, alice, spend, sam):
    key = make_key(acme, alice)
    spend("450", key=key)
    unusual_spend.sweep()
    with service():
        abuse.dismiss(signals()[0], reason="A launch", quiet_days=1, by=sam)

    with pytest.raises(SignalDecided), service():
        abuse.act(signals()[0], reason="Stolen", keys=[key], by=sam)

    with service():
        assert ApiKey.objects.get().state == "active"


def test_nobody_decides_about_their_own_organization(old, acme, spend, sam):
    spend("450")
    unusual_spend.sweep()
    with service():
        Membership.objects.create(organization=acme, user=sam, role="viewer")

    with pytest.raises(Forbidden), service():
        abuse.dismiss(signals()[0], reason="Mine", quiet_days=1, by=sam)

    assert signals()[0].closed_at is None
