"""Nobody comes to pay more by another book or group before the notice is over, and all are told."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from common.database import service
from common.errors import Conflict
from marketplace import announced, books, due, mails, queries
from marketplace.errors import MovePlanned
from marketplace.models import Notice, PriceMove
from marketplace.services import books as booking
from marketplace.services import moves, notices
from metering.models import UsageDay

DAY = timedelta(days=1)
NOTICE = 30 * DAY
LISTED, CHEAP, DEAR = "0.00000015", "0.0000001", "0.0000009"


@pytest.fixture(autouse=True)
def _thirty_days(settings, catalogue):
    settings.PRICE_NOTICE = NOTICE


@pytest.fixture
def used(acme, mini):
    """Acme has used the model yesterday."""
    yesterday = timezone.now().date() - DAY
    with service():
        UsageDay.objects.create(organization=acme, offer_name=mini.name, day=yesterday, requests=1)


def open_book(code, offer, amount, **audience):
    prices = {
        (part, "standard"): {"model": "per_unit", "unit_amount": amount}
        for part in ("input", "output")
    }
    # What is read from the cache is cheap on the list, too.
    cached = {"model": "per_unit", "unit_amount": "0.00000001"}
    prices["cached_input", "standard"] = cached
    with service():
        book = booking.create(code=code, name=code, currency="EUR", by=None, **audience)
        version = booking.draft(book, by=None)
        booking.put(version, offer, prices)
        booking.publish(version, by=None)
    return book


@pytest.fixture
def group(acme):
    with service():
        group = booking.open_group(code="public", name="Public bodies", by=None)
        booking.join(acme, group, by=None)
    return group


@pytest.fixture
def cheap(group, mini):
    """The book of Acme's group, below the list."""
    return open_book("public", mini, CHEAP, group=group)


def pays(organization, offer):
    with service():
        now = timezone.now()
        special = books.special(organization, now)
        found = queries.prices_by_tier([offer.pk], now, "EUR", special)["standard"][offer.pk]
        return found["input"].definition["unit_amount"]


def told(organization):
    with service():
        return announced.to(organization)


def make(act, *args, **facts):
    with service():
        return act(*args, **facts)


def come(move):
    """Let the day of the move come."""
    with service():
        PriceMove.objects.filter(pk=move.pk).update(takes_effect_at=timezone.now())


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("whole", [True, False])
def test_a_groups_book_ends_when_the_notice_is_over(sam, acme, mini, cheap, whole):
    move = make(moves.end, cheap, offer=None if whole else mini, by=sam)

    assert pays(acme, mini) == CHEAP
    [notice] = told(acme)
    [rise] = [it for it in notice.prices if (it["tier"], it["part"]) == ("standard", "input")]
    assert (rise["before"]["unit_amount"], rise["after"]["unit_amount"]) == (CHEAP, LISTED)
    assert notice.happens_at == move.takes_effect_at > timezone.now() + NOTICE - DAY
    with service():
        Notice.objects.update(updated_at=timezone.now() - notices.SETTLES)
    assert (mails.send_notices(), len(mail.outbox)) == (1, 1)
    assert due.make_moves() == 0

    come(move)
    assert (due.make_moves(), due.make_moves()) == (1, 0)
    assert pays(acme, mini) == LISTED


@pytest.mark.usefixtures("used", "cheap")
def test_a_customer_leaves_a_cheap_group_when_the_notice_is_over(sam, acme, mini):
    move = make(moves.join, acme, None, by=sam)

    assert (pays(acme, mini), len(told(acme))) == (CHEAP, 1)
    come(move)
    due.make_moves()
    assert pays(acme, mini) == LISTED


@pytest.mark.usefixtures("used")
def test_a_customer_joins_a_dear_group_when_the_notice_is_over(sam, acme, mini):
    with service():
        dear = booking.open_group(code="dear", name="Dear", by=None)
    open_book("dear", mini, DEAR, group=dear)

    assert isinstance(make(moves.join, acme, dear, by=sam), PriceMove)
    assert pays(acme, mini) == LISTED


@pytest.mark.usefixtures("used")
def test_a_book_is_for_others_when_the_notice_is_over(sam, acme, mini, cheap):
    with service():
        other = booking.open_group(code="other", name="Other", by=None)

    move = make(moves.assign, cheap, group=other, by=sam)

    assert (pays(acme, mini), len(told(acme))) == (CHEAP, 1)
    come(move)
    due.make_moves()
    assert pays(acme, mini) == LISTED


@pytest.mark.usefixtures("used")
def test_a_dear_book_is_a_customers_when_the_notice_is_over(sam, acme, mini):
    dear = open_book("dear", mini, DEAR)

    assert isinstance(make(moves.assign, dear, organization=acme, by=sam), PriceMove)
    assert (pays(acme, mini), len(told(acme))) == (LISTED, 1)


@pytest.mark.usefixtures("used")
def test_what_makes_nobody_pay_more_is_done_at_once(sam, acme, mini, group, cheap):
    with service():
        booking.join(acme, None, by=None)

    assert make(moves.join, acme, group, by=sam) == 1

    assert pays(acme, mini) == CHEAP
    with service():
        assert not Notice.objects.exists()
        assert not PriceMove.objects.exists()


def test_what_nobody_used_of_late_is_done_at_once(sam, acme, mini, cheap):
    assert make(moves.end, cheap, by=sam) == 1
    assert pays(acme, mini) == LISTED


@pytest.mark.usefixtures("used")
def test_a_group_that_is_dear_soon_is_one_that_is_dear(sam, acme, mini):
    with service():
        soon = booking.open_group(code="soon", name="Soon", by=None)
    book = open_book("soon", mini, CHEAP, group=soon)
    dear = {"model": "per_unit", "unit_amount": DEAR}
    with service():
        version = booking.draft(book, by=None)
        booking.put(version, mini, {("input", "standard"): dear})
        booking.publish(version, by=None, effective_from=timezone.now() + 5 * DAY)

    assert isinstance(make(moves.join, acme, soon, by=sam), PriceMove)


@pytest.mark.usefixtures("used")
def test_what_is_taken_back_never_comes_and_is_not_announced(sam, acme, mini, cheap):
    move = make(moves.end, cheap, by=sam)
    with pytest.raises(MovePlanned):
        make(moves.end, cheap, by=sam)

    make(moves.take_back, move, by=sam)

    assert told(acme) == []
    come(move)
    assert due.make_moves() == 0
    assert pays(acme, mini) == CHEAP
    with pytest.raises(Conflict):
        make(moves.take_back, move, by=sam)


@pytest.mark.usefixtures("used")
def test_the_desk_plans_shows_and_takes_back(staff_client, acme, mini, cheap, group):
    page = staff_client.post(f"/staff/books/{cheap.pk}/retire/", follow=True)
    assert "Customers would pay more" in page.content.decode()
    staff_client.post(f"/staff/groups/{group.pk}/leave/", {"customer": "acme"})
    assert pays(acme, mini) == CHEAP

    page = staff_client.get("/staff/price-moves/").content.decode()
    assert "The book ends" in page
    assert "No group" in page

    with service():
        first, second = PriceMove.objects.all()
    for move in (first, second, first):
        staff_client.post(f"/staff/price-moves/{move.pk}/take-back/")
    assert "Nothing is planned" in staff_client.get("/staff/price-moves/").content.decode()


@pytest.mark.usefixtures("used", "cheap", "group")
def test_the_api_tells_that_it_is_planned(staff_client, acme, mini):
    answer = staff_client.delete("/api/v1/staff/customer-groups/public/customers/acme")

    assert answer.status_code == 202
    assert answer.json()["takes_effect_at"]
    assert pays(acme, mini) == CHEAP


def test_strangers_and_members_take_nothing_back(alice_client):
    assert alice_client.get("/staff/price-moves/").status_code in (302, 403, 404)
