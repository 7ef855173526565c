"""People and systems are told once when credit gets low, is used up or will expire."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing.models import BalanceWatch, CreditGrant, SpendBucket
from billing.services import watching
from common.database import service
from tenants.models import OwedMail, WebhookEvent
from tenants.scope import scope
from tenants.services import owed
from tests.support import mail_server


@pytest.fixture
def watch(acme, alice):
    """Ask to be told below so much."""

    def watch(below="10"):
        with scope(acme):
            return watching.set_level(acme, Decimal(below), by=alice)

    return watch


@pytest.fixture
def spend(acme, project):
    """Say that so much was spent yesterday, without taking it off."""

    def spend(amount):
        with service():
            SpendBucket.objects.create(
                organization=acme,
                project=project,
                offer_name="llama-8b",
                currency="EUR",
                starts_at=timezone.now() - timedelta(days=1),
                amount=Decimal(amount),
            )

    return spend


def leave(amount):
    with service():
        CreditGrant.objects.update(remaining=Decimal(amount))


def told():
    with service():
        return list(WebhookEvent.objects.filter(type__startswith="balance.").values("type", "data"))


def test_a_low_balance_is_told_once_with_its_forecast(acme, give, watch, spend):
    give("100")
    watch()
    spend("14")
    assert watching.sweep() == 0
    leave("9")

    assert [watching.sweep(), watching.sweep()] == [1, 0]

    (event,) = told()
    data = event["data"]
    assert (event["type"], data["live"], data["below"]) == ("balance.low", "9", "10")
    assert data["spent_per_day"] == "2"
    days = datetime.fromisoformat(data["forecast_exhausted_at"]) - timezone.now()
    assert timedelta(days=4.4) < days < timedelta(days=4.6)
    assert "will be used up on" in mail.outbox[0].body


def test_a_mail_that_comes_late_does_not_tell_of_what_is_over(acme, alice, give, watch, settings):
    give("100")
    watch()
    leave("9")
    with mail_server.run(settings) as server:
        server.refused[alice.email] = 450
        watching.sweep()
        server.refused.clear()
        leave("90")
        watching.sweep()
        with service():
            OwedMail.objects.update(next_attempt_at=timezone.now())

        assert owed.sweep() == 1
        assert server.taken == []


def test_what_is_used_up_is_told_without_any_setting(acme, give):
    give("100")
    leave("0")

    assert [watching.sweep(), watching.sweep()] == [1, 0]

    assert [event["type"] for event in told()] == ["balance.exhausted"]
    assert "used up" in mail.outbox[0].subject


def test_low_then_used_up_then_fine_then_low_again(acme, give, watch):
    give("100")
    watch()
    for amount in ("9", "0", "50", "9"):
        leave(amount)
        watching.sweep()

    kinds = [event["type"] for event in reversed(told())]
    assert kinds == ["balance.low", "balance.exhausted", "balance.low"]


def test_tokens_that_are_left_are_no_used_up_balance(acme, give, token_class):
    give("100", token_class=token_class, cost="5")

    assert watching.sweep() == 0


def test_who_never_had_credit_is_told_nothing(acme):
    assert watching.sweep() == 0


def test_credit_that_expires_soon_is_told_once(acme, give):
    given = give("100", expires_at=timezone.now() + timedelta(days=30))
    assert watching.tell_expiring() == 0
    with service():
        CreditGrant.objects.update(
            created_at=timezone.now() - timedelta(days=300),
            expires_at=timezone.now() + timedelta(days=13),
        )

    assert [watching.tell_expiring(), watching.tell_expiring()] == [1, 0]

    with service():
        event = WebhookEvent.objects.get(type="grant.expiring")
    assert event.data["grant"] == str(given.pk)
    assert "expires soon" in mail.outbox[0].subject


def test_credit_with_nothing_left_expires_in_silence(acme, give):
    give("100", expires_at=timezone.now() + timedelta(days=1))
    leave("0")

    assert watching.tell_expiring() == 0


def test_at_no_pace_no_day_is_named(acme, give):
    give("100")

    with scope(acme):
        assert watching.forecast(acme).ends_at is None


@given(st.decimals(0, 10**12, places=12), st.decimals(0, 10**6, places=12))
def test_whatever_is_left_a_day_can_be_named_or_none(left, per_day):
    now = timezone.now()
    ends = watching._ends(left, per_day, now)

    assert ends is None or now <= ends <= now + watching.FURTHEST


def test_a_level_that_stays_is_not_audited_twice(acme, watch):
    watch()
    watch()

    with service():
        assert BalanceWatch.objects.get().below == 10
