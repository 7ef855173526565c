"""The end of a contract: proposed, approved by another, never in the past; and what follows."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.utils import timezone

from billing import agreements
from billing.errors import ContractInThePast, ContractNotRunning, ContractOverlaps, EndProposed
from billing.models import Contract, ContractEnd
from billing.services import contracts, endings, plans
from common.database import service
from common.errors import Conflict, Forbidden
from marketplace import demo
from marketplace.models import Offer
from marketplace.services import books

DESK = "/staff/customers/acme/contracts/"


@pytest.fixture
def sam(person):
    """One of the staff."""
    return person("sam-who-ends@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    """Another of them."""
    return person("kim-who-ends@operator.example", is_staff=True)


@pytest.fixture
def today():
    return timezone.now().date()


@pytest.fixture
def running(acme):
    """A contract that began a month ago."""
    begun = timezone.now() - timedelta(days=30)
    facts = {"starts_on": begun.date(), "effective_from": begun, "signed_at": begun}
    limit = {"overage": "credit_then_invoice", "credit_limit": Decimal(500)}
    with service():
        return Contract.objects.create(
            organization=acme, number="C-1", status="active", **facts, **limit
        )


@pytest.fixture
def plan(sam):
    """A plan that anybody can have."""
    with service():
        return plans.open_plan(code="standard", name="Standard", net_days=14, by=sam)


def propose(contract, on, by, **facts):
    with service():
        return endings.propose(contract, on=on, words="they asked", by=by, **facts)


def approve(end, by, seen=None):
    with service():
        return endings.approve(end, by=by, seen=seen or end.version)


def test_a_contract_runs_on_until_a_second_person_agrees(acme, running, today, sam, kim):
    end = propose(running, today + timedelta(days=10), sam)

    with pytest.raises(Forbidden):
        approve(end, sam)
    with service():
        assert agreements.in_force(acme, end.created_at).effective_until is None
    approve(end, kim)

    with service():
        ended = Contract.objects.get()
        assert ended.ends_on == today + timedelta(days=10)
        after = ended.effective_until
        assert agreements.in_force(acme, after - timedelta(seconds=1)) == ended
        assert agreements.in_force(acme, after) is None


def test_the_customers_own_people_approve_nothing(running, today, sam, alice):
    end = propose(running, today, sam)

    with pytest.raises(Forbidden):
        approve(end, alice)
    with service():
        assert Contract.objects.get().ends_on is None


def test_a_plan_can_follow_from_the_day_after(acme, running, plan, today, sam, kim):
    approve(propose(running, today, sam, followed_by=plan), kim)

    with service():
        ended, follows = Contract.objects.order_by("starts_on")
        assert follows.effective_from == ended.effective_until
        assert (follows.number, follows.plan, follows.net_days) == ("C-1-2", plan, 14)
        assert (follows.overage, follows.credit_limit) == ("credit_only", 0)
        assert agreements.in_force(acme, follows.effective_from) == follows


def test_a_plan_follows_as_it_was_read(running, plan, today, sam, kim):
    end = propose(running, today, sam, followed_by=plan)
    with service():
        read = end.version
        plans.change(plan, net_days=7, by=sam)

    for seen in (read, "nothing"):
        with pytest.raises(Conflict):
            approve(end, kim, seen)
    with service():
        assert Contract.objects.get().ends_on is None
        end = ContractEnd.objects.get()
    approve(end, kim)

    with service():
        assert Contract.objects.get(plan=plan).net_days == 7


def test_a_plan_follows_at_the_prices_that_were_read(running, plan, today, sam, kim):
    demo.seed()
    with service():
        book = books.create(code="gold", name="Gold", currency="EUR", by=None)
        plans.change(plan, price_book=book, by=sam)
        end = propose(running, today, sam, followed_by=plan)
        read = ContractEnd.objects.get(pk=end.pk).version
        price(book, by=sam)

    with pytest.raises(Conflict):
        approve(end, kim, read)
    with service():
        end = ContractEnd.objects.get()
    approve(end, kim)


def price(book, *, by):
    """Publish a version of the book."""
    offer = Offer.objects.get(name="atlas-mini")
    per_unit = {"model": "per_unit", "unit_amount": "0.1"}
    version = books.draft(book, by=None)
    books.put(version, offer, {(it, "standard"): per_unit for it in ("input", "output")})
    books.publish(version, by=by)


@pytest.mark.parametrize("days", [-1, -40])
def test_a_contract_never_ends_in_the_past(running, today, sam, days):
    with pytest.raises(ContractInThePast) as refusal:
        propose(running, today + timedelta(days=days), sam)

    assert str(today) in refusal.value.field_errors["ends_on"][0]
    with service():
        assert not ContractEnd.objects.exists()


def test_an_end_that_was_left_lying_is_not_approved_later(running, today, sam, kim):
    end = propose(running, today, sam)
    with service():
        ContractEnd.objects.update(ends_on=today - timedelta(days=1))

    with pytest.raises(ContractInThePast):
        approve(end, kim)
    with service():
        assert Contract.objects.get().ends_on is None


def test_what_is_over_is_not_ended_again(running, today, sam):
    yesterday = timezone.now() - timedelta(days=1)
    with service():
        Contract.objects.update(effective_until=yesterday, ends_on=yesterday.date())
        running.refresh_from_db()

    with pytest.raises(ContractNotRunning):
        propose(running, today, sam)


def test_one_end_waits_at_a_time_and_is_decided_once(running, today, sam, kim):
    end = propose(running, today, sam)
    with pytest.raises(EndProposed):
        propose(running, today, kim)

    with service():
        endings.refuse(end, by=sam)
    with pytest.raises(Conflict):
        approve(end, kim)
    assert propose(running, today, kim).is_proposed


def test_no_plan_follows_where_a_contract_is_signed_to_follow(acme, running, plan, today, sam, kim):
    facts = {"number": "C-9", "starts_on": today + timedelta(days=5), "time_zone": "UTC"}
    with service():
        follows = contracts.draft(acme, by=sam, facts=facts)
        contracts.sign(follows, by=kim, seen=follows.version)

    with pytest.raises(ContractOverlaps) as refusal:
        propose(running, today, sam, followed_by=plan)

    assert "C-9" in refusal.value.field_errors["followed_by"][0]
    approve(propose(running, today, sam), kim)
    with service():
        assert Contract.objects.get(number="C-1").ends_on == today


def test_an_end_is_under_four_eyes_whoever_writes_it(running, today, sam):
    end = propose(running, today, sam)

    with pytest.raises(IntegrityError), service():
        ContractEnd.objects.filter(pk=end.pk).update(status="approved", decided_by=sam)


def test_staff_end_a_contract_in_the_browser(
    staff_client, colleague_client, alice_client, running, plan, today
):
    page = f"{DESK}{running.pk}/end/"
    assert staff_client.get(page).status_code == 200
    wrong = {"ends_on": (today - timedelta(days=1)).isoformat(), "words": "late"}
    assert staff_client.post(page, wrong).status_code == 422
    sent = {"ends_on": today.isoformat(), "followed_by": str(plan.pk), "words": "they asked"}
    assert staff_client.post(page, sent).status_code == 302
    with service():
        end = ContractEnd.objects.get()

    decide = f"/staff/contract-ends/{end.pk}/"
    assert b'name="approve"' not in staff_client.get(DESK).content
    assert staff_client.post(decide, {"approve": ""}).status_code == 302
    desk = colleague_client.get("/staff/corrections/").content.decode()
    [seen] = re.findall(r'name="approve"\s+value="([^"]+)"', desk)
    assert "Days to pay" in desk
    assert colleague_client.post(decide, {"approve": ""}).status_code == 302
    with service():
        assert Contract.objects.count() == 1
    assert colleague_client.post(decide, {"approve": seen}).status_code == 302

    assert "C-1-2" in alice_client.get("/o/acme/billing/contract/").content.decode()
