"""Nobody comes to pay more by another book or group before the notice is over, and all are told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from billing.models import Contract
from common.database import service
from common.errors import Conflict
from marketplace import announced, books, due, mails, queries
from marketplace.errors import ModelLost, MovePlanned, NoticeTooShort
from marketplace.models import Notice, Offer, PriceBook, PriceMove
from marketplace.services import books as booking
from marketplace.services import moves, notices, viewers
from marketplace.viewers import Audience
from metering.models import UsageDay
from tenants.models import AuditEntry
from tenants.services import organizations

DAY = timedelta(days=1)
NOTICE = 30 * DAY
LISTED, CHEAP, DEAR = "0.00000015", "0.0000001", "0.0000009"


@pytest.fixture(autouse=True)
def _thirty_days(settings, catalogue):
    settings.PRICE_NOTICE = NOTICE


@pytest.fixture
def used(acme, mini):
    """Acme has used the model yesterday."""
    use(acme, mini)


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
def ministry(charlie):
    """Another customer."""
    return organizations.found(name="Ministry", owner=charlie, country="FR")


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


def pays(organization, offer, at=None):
    with service():
        now = at or timezone.now()
        special = books.special(organization, now)
        found = queries.prices_by_tier([offer.pk], now, "EUR", special)["standard"][offer.pk]
        return found["input"].definition["unit_amount"]


def publish(book, offer, amount, *, begins, by=None):
    """Let the book say from then on what a token read costs."""
    with service():
        version = booking.draft(book, by=None)
        price = {"model": "per_unit", "unit_amount": amount}
        booking.put(version, offer, {("input", "standard"): price})
        return booking.publish(version, by=by, effective_from=begins)


def open_group(code):
    with service():
        return booking.open_group(code=code, name=code, by=None)


def use(organization, offer):
    yesterday = timezone.now().date() - DAY
    with service():
        UsageDay.objects.create(
            organization=organization, offer_name=offer.name, day=yesterday, requests=1
        )


def inputs(notice):
    """Return from what to what a token read rises."""
    [rise] = [it for it in notice.prices if (it["tier"], it["part"]) == ("standard", "input")]
    return rise["before"]["unit_amount"], rise["after"]["unit_amount"]


def told(organization):
    with service():
        return announced.to(organization)


def kept(organization):
    """Return what the organization was told and still holds, by day; also of a model told before."""
    with service():
        return list(Notice.objects.filter(organization=organization, taken_back_at=None))


def make(act, *args, **facts):
    with service():
        return act(*args, **facts)


def come(move):
    """Let the day of the move come, as it was told."""
    with service():
        now, day = timezone.now(), PriceMove.objects.get(pk=move.pk).takes_effect_at
        Notice.objects.filter(move=move, happens_at=day).update(happens_at=now)
        PriceMove.objects.filter(pk=move.pk).update(takes_effect_at=now)


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


@pytest.mark.usefixtures("used")
def test_a_move_counts_whom_the_book_is_for_now(sam, acme, mini, group):
    book = open_book("later", mini, CHEAP, group=open_group("other"))
    with service():
        read_before = PriceBook.objects.select_related("customer_group").get(pk=book.pk)
    assert read_before.customer_group.code == "other"
    make(moves.assign, book, group=group, by=sam)

    assert isinstance(make(moves.end, read_before, by=sam), PriceMove)
    assert pays(acme, mini) == CHEAP


@pytest.mark.usefixtures("used")
def test_what_is_planned_for_a_book_is_taken_back_before_another_move_of_it(sam, mini, cheap):
    make(moves.end, cheap, offer=mini, by=sam)

    for act, whom in [(moves.assign, {"group": open_group("other")}), (moves.end, {})]:
        with pytest.raises(MovePlanned):
            make(act, cheap, by=sam, **whom)


@pytest.mark.usefixtures("used")
def test_one_offer_of_a_book_ends_beside_another(sam, mini, cheap, catalogue):
    make(moves.end, cheap, offer=mini, by=sam)
    other = Offer.objects.exclude(pk=mini.pk).first()

    assert make(moves.end, cheap, offer=other, by=sam) == 0


@pytest.mark.usefixtures("used", "cheap")
def test_who_is_to_leave_a_group_joins_no_other_before_that_is_taken_back(sam, acme, mini):
    cheaper = open_group("cheaper")
    open_book("cheaper", mini, "0.00000005", group=cheaper)
    planned = make(moves.join, acme, None, by=sam)

    with pytest.raises(MovePlanned):
        make(moves.join, acme, cheaper, by=sam)

    make(moves.take_back, planned, by=sam)
    assert make(moves.join, acme, cheaper, by=sam) == 1


@pytest.mark.usefixtures("used")
def test_a_move_waits_again_for_who_was_not_told_of_it(sam, acme, mini, cheap, group, ministry):
    use(ministry, mini)
    move = make(moves.end, cheap, by=sam)
    first = move.takes_effect_at
    make(moves.join, ministry, group, by=sam)
    assert told(ministry) == []

    come(move)
    due.make_moves()

    assert (pays(acme, mini), pays(ministry, mini)) == (CHEAP, CHEAP)
    with service():
        move = PriceMove.objects.get(pk=move.pk)
    assert (move.status, move.takes_effect_at > first) == (PriceMove.Status.PLANNED, True)
    notices = [told(acme)[0], told(ministry)[0]]
    assert {it.happens_at for it in notices} == {move.takes_effect_at}

    come(move)
    due.make_moves()
    assert (pays(acme, mini), pays(ministry, mini)) == (LISTED, LISTED)


@pytest.mark.usefixtures("used")
def test_a_move_waits_again_for_a_price_that_was_set_since_and_rises_soon_after(
    sam, acme, mini, cheap
):
    move = make(moves.end, cheap, by=sam)
    standard = PriceBook.objects.get(code="standard")
    publish(standard, mini, DEAR, begins=timezone.now() + 5 * DAY)

    come(move)
    due.make_moves()

    assert pays(acme, mini) == CHEAP
    [notice] = told(acme)
    assert inputs(notice) == (CHEAP, DEAR)


@pytest.mark.usefixtures("used")
def test_who_joins_a_group_whose_price_rises_later_is_told(sam, acme, mini):
    later = open_group("later")
    book = open_book("later", mini, CHEAP, group=later)
    rises_at = timezone.now() + 60 * DAY
    publish(book, mini, DEAR, begins=rises_at)

    assert make(moves.join, acme, later, by=sam) == 1

    [notice] = told(acme)
    assert (notice.happens_at, inputs(notice)) == (rises_at, (CHEAP, DEAR))


@pytest.mark.usefixtures("used")
def test_what_rises_after_a_planned_move_is_told_with_it_and_taken_back_with_it(
    sam, acme, mini, cheap
):
    standard = PriceBook.objects.get(code="standard")
    rises_at = timezone.now() + 60 * DAY
    publish(standard, mini, DEAR, begins=rises_at)
    assert told(acme) == []

    move = make(moves.end, cheap, by=sam)

    with service():
        found = {it.happens_at: inputs(it) for it in Notice.objects.filter(organization=acme)}
    assert found == {move.takes_effect_at: (CHEAP, LISTED), rises_at: (LISTED, DEAR)}
    make(moves.take_back, move, by=sam)
    assert told(acme) == []


@pytest.mark.usefixtures("used")
def test_who_leaves_a_list_that_rises_is_told_of_it_no_more(sam, acme, mini, group, cheap):
    make(booking.join, acme, None, by=None)
    standard = PriceBook.objects.get(code="standard")
    publish(standard, mini, DEAR, begins=timezone.now() + 60 * DAY)
    assert len(told(acme)) == 1

    assert make(moves.join, acme, group, by=sam) == 1

    assert told(acme) == []


@pytest.mark.usefixtures("used")
def test_a_move_waits_again_where_it_comes_to_more_than_was_told(sam, acme, mini, cheap):
    move = make(moves.end, cheap, by=sam)
    standard = PriceBook.objects.get(code="standard")
    publish(standard, mini, DEAR, begins=None)

    come(move)
    due.make_moves()

    assert pays(acme, mini) == CHEAP
    assert inputs(told(acme)[0]) == (CHEAP, DEAR)
    come(move)
    due.make_moves()
    assert pays(acme, mini) == DEAR


@pytest.mark.usefixtures("used")
def test_a_move_comes_about_where_it_comes_to_less_than_was_told(sam, acme, mini, cheap):
    move = make(moves.end, cheap, by=sam)
    standard = PriceBook.objects.get(code="standard")
    publish(standard, mini, "0.00000012", begins=None)

    come(move)
    due.make_moves()

    assert pays(acme, mini) == "0.00000012"


@pytest.mark.usefixtures("used")
def test_a_book_that_is_to_be_a_customers_is_raised_with_notice_alone(sam, acme, mini):
    book = open_book("dear", mini, "0.0000002")
    make(moves.assign, book, organization=acme, by=sam)

    for begins in (None, timezone.now() + NOTICE - DAY):
        with pytest.raises(NoticeTooShort):
            publish(book, mini, DEAR, begins=begins, by=sam)


@pytest.mark.usefixtures("used")
def test_another_move_leaves_what_a_planned_one_lets_begin_told(sam, acme, mini, cheap):
    standard = PriceBook.objects.get(code="standard")
    rises_at = timezone.now() + 45 * DAY
    publish(standard, mini, DEAR, begins=rises_at)
    move = make(moves.end, cheap, by=sam)
    with service():
        empty = booking.create(code="empty", name="Empty", currency="EUR", by=None)

    assert make(moves.assign, empty, organization=acme, by=sam) == 1

    assert [it.happens_at for it in kept(acme)] == [move.takes_effect_at, rises_at]
    come(move)
    due.make_moves()
    assert pays(acme, mini) == LISTED
    assert inputs(kept(acme)[-1]) == (LISTED, DEAR)


@pytest.mark.usefixtures("used")
def test_a_price_that_begins_no_more_is_told_with_no_move(sam, acme, mini, cheap):
    standard = PriceBook.objects.get(code="standard")
    version = publish(standard, mini, DEAR, begins=timezone.now() + 45 * DAY)
    move = make(moves.end, cheap, by=sam)

    make(booking.withdraw, version, by=sam)

    assert [it.happens_at for it in kept(acme)] == [move.takes_effect_at]


@pytest.mark.usefixtures("used")
def test_who_is_told_of_a_price_stays_told_where_a_move_is_taken_back(sam, acme, mini, cheap):
    standard, rises_at = PriceBook.objects.get(code="standard"), timezone.now() + 45 * DAY
    publish(cheap, mini, "0.00000012", begins=rises_at)
    publish(standard, mini, DEAR, begins=rises_at)
    move = make(moves.join, acme, None, by=sam)
    assert inputs(kept(acme)[-1]) == (LISTED, DEAR)

    make(moves.take_back, move, by=sam)

    [notice] = kept(acme)
    assert (notice.happens_at, inputs(notice)) == (rises_at, (CHEAP, "0.00000012"))


@pytest.mark.usefixtures("used", "cheap")
def test_many_customers_prices_are_read_with_as_few_questions(
    acme, mini, ministry, group, django_assert_max_num_queries
):
    own = open_book("own", mini, DEAR, organization=ministry)
    make(booking.join, ministry, group, by=None)
    with service():
        now = timezone.now()
        assert books.special_of([acme, ministry], now) == {
            it.pk: books.special(it, now) for it in (acme, ministry)
        }
        assert books.special(ministry, now)[0] == own.pk
        with django_assert_max_num_queries(3, connection=connections["service"]):
            books.special_of([acme, ministry], now)


@pytest.mark.usefixtures("used", "cheap")
def test_strangers_and_members_take_nothing_back(sam, acme, alice_client, client):
    move = make(moves.join, acme, None, by=sam)

    for browser in (alice_client, client):
        for answer in (
            browser.get("/staff/price-moves/"),
            browser.post(f"/staff/price-moves/{move.pk}/take-back/"),
            browser.post(f"/api/v1/staff/price-moves/{move.pk}/withdraw"),
        ):
            is_sent_to_sign_in = answer.status_code == 302 and "/login/" in answer["Location"]
            assert is_sent_to_sign_in or answer.status_code in (401, 403, 404)

    with service():
        assert PriceMove.objects.get().status == PriceMove.Status.PLANNED
    assert len(told(acme)) == 1


def show(offer, *groups, organizations=()):
    """Show the offer's model to these alone, as two people agreed."""
    audience = Audience(frozenset(it.pk for it in groups), frozenset(it.pk for it in organizations))
    with service():
        viewers.show_to(offer.model_version.model, audience, by=None)


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_nobody_alone_takes_a_model_away_by_a_group(sam, acme, mini, group, is_elsewhere):
    show(mini, group)
    elsewhere = open_group("elsewhere") if is_elsewhere else None

    with pytest.raises(ModelLost, match=mini.model_version.model.name):
        make(moves.join, acme, elsewhere, by=sam)

    show(mini, group, organizations=[acme])
    assert make(moves.join, acme, elsewhere, by=sam) == 1


@pytest.mark.usefixtures("acme")
def test_what_nobody_used_is_taken_away_with_a_group(sam, acme, mini, group):
    show(mini, group)

    assert make(moves.join, acme, None, by=sam) == 1


@pytest.mark.usefixtures("used")
def test_a_planned_move_that_comes_to_take_a_model_away_is_not_made(sam, acme, mini, group, cheap):
    move = make(moves.join, acme, None, by=sam)
    show(mini, group)

    come(move)
    due.make_moves()

    with service():
        move = PriceMove.objects.get(pk=move.pk)
    assert (move.status, mini.model_version.model.name in move.answer) == (
        PriceMove.Status.FAILED,
        True,
    )
    assert (pays(acme, mini), told(acme)) == (CHEAP, [])


def test_the_desk_says_which_model_a_customer_would_lose(staff_client, acme, used, mini, group):
    show(mini, group)

    page = staff_client.post(
        f"/staff/groups/{group.pk}/leave/", {"customer": "acme"}, follow=True
    ).content.decode()
    answer = staff_client.delete("/api/v1/staff/customer-groups/public/customers/acme")

    assert f"The customer used {mini.model_version.model.name}" in page
    assert (answer.status_code, answer.json()["code"]) == (409, "model_lost")


@pytest.mark.usefixtures("used")
def test_a_price_rises_with_notice_for_who_does_not_see_the_model_now(
    sam, acme, mini, group, cheap
):
    show(mini, open_group("elsewhere"))

    move = make(moves.end, cheap, by=sam)

    assert (len(kept(acme)), told(acme)) == (1, [])
    show(mini, group)
    assert pays(acme, mini) == CHEAP
    assert [it.happens_at for it in told(acme)] == [move.takes_effect_at]


@pytest.mark.usefixtures("used")
def test_who_does_not_see_a_model_now_is_told_what_the_list_will_say(sam, acme, mini, group):
    show(mini, open_group("elsewhere"))
    begins = timezone.now() + 31 * DAY

    publish(PriceBook.objects.get(code="standard"), mini, DEAR, begins=begins, by=sam)

    assert [(it.happens_at, inputs(it)) for it in kept(acme)] == [(begins, (LISTED, DEAR))]


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("whole", [True, False])
def test_a_book_that_ends_says_nothing_until_its_next_version(sam, acme, mini, cheap, whole):
    next_one = timezone.now() + 31 * DAY
    publish(cheap, mini, "0.00000009", begins=next_one, by=sam)
    standard = PriceBook.objects.get(code="standard")
    publish(standard, mini, DEAR, begins=timezone.now() + 30 * DAY, by=sam)

    move = make(moves.end, cheap, offer=None if whole else mini, by=sam)

    assert isinstance(move, PriceMove)
    assert pays(acme, mini) == CHEAP
    assert inputs(told(acme)[0]) == (CHEAP, DEAR)
    come(move)
    assert due.make_moves() == 1
    assert (pays(acme, mini), pays(acme, mini, next_one)) == (LISTED, DEAR)


def test_a_book_whose_versions_are_still_to_come_ends(sam, acme, mini, group):
    """None of it holds today, and none will."""
    with service():
        book = booking.create(code="later", name="Later", currency="EUR", by=None, group=group)
    whole = {
        (part, "standard"): {"model": "per_unit", "unit_amount": CHEAP}
        for part in ("input", "output")
    }
    begins = timezone.now() + 5 * DAY
    with service():
        version = booking.draft(book, by=None)
        booking.put(version, mini, whole)
        booking.publish(version, by=None, effective_from=begins)

    assert [make(moves.end, book, by=sam), make(moves.end, book, by=sam)] == [1, 0]
    assert pays(acme, mini, begins) == LISTED


@pytest.fixture
def own(acme, mini):
    """Acme's own book, as cheap as their contract's."""
    return open_book("own", mini, CHEAP, organization=acme)


def agree(acme, book, *, ends):
    """Let a contract name the book until then."""
    began = timezone.now() - DAY
    with service():
        Contract.objects.create(
            organization=acme, number="C-1", price_book=book, status="active", time_zone="UTC",
            starts_on=began.date(), effective_from=began, signed_at=began, effective_until=ends,
        )  # fmt: skip


@pytest.mark.usefixtures("used")
def test_a_book_does_not_end_at_once_where_the_next_is_a_contracts_that_ends_soon(
    sam, acme, mini, own
):
    ends = timezone.now() + 5 * DAY
    agree(acme, open_book("named", mini, CHEAP), ends=ends)

    assert isinstance(make(moves.end, own, by=sam), PriceMove)
    assert pays(acme, mini, ends) == CHEAP


@pytest.mark.usefixtures("used")
def test_who_comes_to_pay_more_when_a_contract_ends_later_is_told(sam, acme, mini, own):
    ends = timezone.now() + 60 * DAY
    agree(acme, open_book("named", mini, CHEAP), ends=ends)

    assert make(moves.end, own, by=sam) == 1

    assert [(it.happens_at, inputs(it)) for it in kept(acme)] == [(ends, (CHEAP, LISTED))]


@pytest.mark.usefixtures("used")
def test_a_book_does_not_end_at_once_where_the_next_says_nothing_soon(sam, acme, mini, group, own):
    soon = timezone.now() + 5 * DAY
    groups = open_book("public", mini, CHEAP, group=group)
    with service():
        booking.retire(groups, mini, by=None, at=soon)

    assert isinstance(make(moves.end, own, by=sam), PriceMove)


@pytest.mark.usefixtures("used")
def test_who_comes_to_pay_more_when_a_book_says_nothing_later_is_told(sam, acme, mini, group, own):
    later = timezone.now() + 60 * DAY
    groups = open_book("public", mini, CHEAP, group=group)
    with service():
        booking.retire(groups, mini, by=None, at=later)

    assert make(moves.end, own, by=sam) == 1

    assert [(it.happens_at, inputs(it)) for it in told(acme)] == [(later, (CHEAP, LISTED))]


@pytest.mark.usefixtures("used")
def test_what_was_told_of_a_book_that_ends_holds_no_more(sam, acme, mini):
    book, rises_at = open_book("own", mini, CHEAP, organization=acme), timezone.now() + 45 * DAY
    publish(book, mini, DEAR, begins=rises_at, by=sam)
    move = make(moves.end, book, by=sam)
    assert rises_at in [it.happens_at for it in kept(acme)]

    come(move)
    due.make_moves()

    assert pays(acme, mini, rises_at) == LISTED
    assert rises_at not in [it.happens_at for it in kept(acme)]


def at_once(*acts):
    """Do each by a connection of its own, at the same time; answers the errors, None without."""
    ready = Barrier(len(acts))

    def run(act):
        ready.wait(60)
        try:
            with service():
                act()
        except (Conflict, MovePlanned) as error:
            return type(error)
        finally:
            connections.close_all()
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def statuses():
    with service():
        return list(PriceMove.objects.values_list("status", flat=True))


@pytest.mark.usefixtures("used")
def test_two_who_plan_the_same_at_once_plan_it_once(sam, kim, acme, cheap):
    found = at_once(*(partial(moves.end, cheap, by=person) for person in (sam, kim)))

    assert sorted(map(str, found)) == sorted(map(str, [None, MovePlanned]))
    assert statuses() == ["planned"]
    assert len(kept(acme)) == 1


@pytest.mark.usefixtures("used")
def test_a_move_that_two_take_back_at_once_is_taken_back_once(sam, kim, acme, mini, cheap):
    move = make(moves.end, cheap, by=sam)

    found = at_once(*(partial(moves.take_back, move, by=person) for person in (sam, kim)))

    assert sorted(map(str, found)) == sorted(map(str, [None, Conflict]))
    assert (statuses(), kept(acme), pays(acme, mini)) == (["withdrawn"], [], CHEAP)
    with service():
        entries = AuditEntry.objects.filter(action="price_move.withdrawn")
        assert entries.count() == 1


@pytest.mark.usefixtures("used")
def test_a_move_that_two_sweeps_do_at_once_is_done_once(sam, acme, mini, cheap):
    move = make(moves.end, cheap, by=sam)
    come(move)

    found = at_once(*(partial(moves.do_due, move) for _sweep in range(2)))

    assert sorted(map(str, found)) == sorted(map(str, [None, Conflict]))
    assert (statuses(), pays(acme, mini)) == (["done"], LISTED)


@pytest.mark.usefixtures("used")
def test_a_sweep_beside_a_withdrawal_does_it_or_leaves_it(sam, kim, acme, mini, cheap):
    move = make(moves.end, cheap, by=sam)
    come(move)

    swept, withdrawn = at_once(partial(moves.do_due, move), partial(moves.take_back, move, by=kim))

    assert {swept, withdrawn} == {None, Conflict}
    wanted = (["done"], LISTED) if swept is None else (["withdrawn"], CHEAP)
    assert (statuses(), pays(acme, mini)) == wanted
