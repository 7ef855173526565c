"""A price that rises, however it does, keeps its notice, and whoever pays it is told."""

import threading
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import OperationalError, connections
from django.db.models import F
from django.utils import timezone

from billing.services import contracts
from common.database import atomic, rows, service
from marketplace import announced, mails, raised
from marketplace.errors import NoticeTooShort
from marketplace.models import Notice, Offer, Price, PriceBook
from marketplace.models.notices import LEASE
from marketplace.services import books, notices, pricing
from metering.models import UsageDay
from tenants.services import organizations
from tests.support import mail_server

DAY = timedelta(days=1)
INPUT, OUTPUT = "0.00000015", "0.0000006"
PLAIN = {"model": "per_unit", "unit_amount": INPUT}
TIERS = {
    "model": "graduated",
    "tiers": [{"up_to": "1000", "unit_amount": INPUT}, {"up_to": None, "unit_amount": "0.0000001"}],
}


@pytest.fixture(autouse=True)
def _thirty_days(settings, catalogue):
    settings.PRICE_NOTICE = 30 * DAY


@pytest.fixture
def standard(catalogue):
    return PriceBook.objects.get(code="standard")


@pytest.fixture
def used(acme, mini):
    """Acme has used the model yesterday."""
    yesterday = timezone.now().date() - DAY
    with service():
        UsageDay.objects.create(organization=acme, offer_name=mini.name, day=yesterday, requests=1)


def publish(book, offer, prices, *, by, begins=None):
    with service():
        version = books.draft(book, by=by)
        books.put(version, offer, prices)
        return books.publish(version, by=by, effective_from=begins)


def told(organization):
    with service():
        return announced.to(organization)


def send():
    """Send what is to be told, as if nothing of it had changed for a while."""
    with service():
        Notice.objects.update(updated_at=timezone.now() - notices.SETTLES)
    return mails.send_notices()


@pytest.mark.parametrize(
    "dearer",
    [
        PLAIN | {"minimum_amount": "100"},
        TIERS | {"minimum_amount": "0.01"},
        TIERS | {"tiers": [TIERS["tiers"][0] | {"flat_amount": "5"}, TIERS["tiers"][1]]},
        TIERS | {"tiers": [TIERS["tiers"][0] | {"up_to": "2000"}, TIERS["tiers"][1]]},
        PLAIN,
        {"model": "package", "package_size": "1000000", "package_amount": "0.1"},
        TIERS | {"time_of_day": {"time_zone": "UTC", "windows": [
            {"from": "08:00", "until": "18:00", "multiplier": "2"}]}},
    ],
)  # fmt: skip
def test_a_rise_by_shape_keeps_its_notice(sam, standard, mini, dearer):
    publish(standard, mini, {("input", "standard"): TIERS}, by=sam)

    with pytest.raises(NoticeTooShort):
        publish(standard, mini, {("input", "standard"): dearer}, by=sam)

    with service():
        held = Price.objects.standard().in_force(timezone.now()).filter(offer=mini, book=standard)
        assert held.get(token_part="input").definition == TIERS
    publish(
        standard, mini, {("input", "standard"): dearer}, by=sam, begins=timezone.now() + 31 * DAY
    )


def test_a_lower_price_holds_at_once_in_any_shape(sam, standard, mini):
    publish(standard, mini, {("input", "standard"): TIERS | {"discount_percent": "5"}}, by=sam)

    with service():
        assert not Notice.objects.exists()


def test_what_was_free_before_is_a_rise(sam, standard, mini):
    per_request = {"model": "per_unit", "unit_amount": "0.001"}

    with pytest.raises(NoticeTooShort):
        publish(standard, mini, {("requests", "standard"): per_request}, by=sam)


def test_a_part_of_its_own_is_a_rise_where_it_is_above_its_twin(sam, standard, mini):
    publish(standard, mini, {("image_input", "standard"): PLAIN}, by=sam)

    dearer = PLAIN | {"unit_amount": "0.00000016"}
    with pytest.raises(NoticeTooShort):
        publish(standard, mini, {("audio_input", "standard"): dearer}, by=sam)


def test_a_dearer_batch_alone_keeps_its_notice(sam, standard, mini):
    batch = {"model": "per_unit", "unit_amount": INPUT}

    with pytest.raises(NoticeTooShort):
        publish(standard, mini, {("input", "batch"): batch}, by=sam)


def test_a_first_price_of_what_nobody_could_use_is_no_rise(sam, mini):
    with service():
        book = PriceBook.objects.create(code="usd", name="USD", currency="USD")
    prices = {(part, "standard"): PLAIN for part in ("input", "output")}

    publish(book, mini, prices, by=sam)

    with service():
        assert Price.objects.filter(book=book, token_part="input").exists()


@pytest.mark.usefixtures("used")
def test_a_group_whose_own_book_is_above_the_list_is_told(sam, acme, mini):
    with service():
        group = books.open_group(code="public", name="Public bodies", by=sam)
        books.join(acme, group, by=sam)
        facts = {"code": "public", "name": "Public", "currency": "EUR"}
        book = books.create(**facts, group=group, by=sam)
    dearer = {
        (part, "standard"): {"model": "per_unit", "unit_amount": OUTPUT}
        for part in ("input", "output")
    }
    with pytest.raises(NoticeTooShort):
        publish(book, mini, dearer, by=sam)

    begins = timezone.now() + 31 * DAY
    publish(book, mini, dearer, by=sam, begins=begins)

    [notice] = told(acme)
    rises = {(it["tier"], it["part"]): it for it in notice.prices}
    assert rises["standard", "input"]["before"]["unit_amount"] == INPUT
    assert rises["standard", "input"]["after"]["unit_amount"] == OUTPUT
    assert ("standard", "output") not in rises
    assert (notice.happens_at, notice.currency) == (begins, "EUR")


@contextmanager
def somebody_moving():
    """Let another connection move customers between prices, and whoever waits for it not wait long."""
    moves, ends = threading.Event(), threading.Event()

    def move():
        with service(), atomic():
            notices.one_at_a_time()
            moves.set()
            ends.wait(60)
        connections.close_all()

    other = threading.Thread(target=move)
    other.start()
    moves.wait(60)
    try:
        with service(), atomic():
            rows("SELECT set_config('lock_timeout', '300ms', true)")
            yield
    finally:
        ends.set()
        other.join()


def test_who_sets_prices_waits_for_who_moves_customers_between_them(sam, standard, mini):
    begins = timezone.now() + 40 * DAY
    scheduled = publish(standard, mini, {("input", "standard"): PLAIN}, by=sam, begins=begins)
    with service():
        draft = books.draft(standard, by=sam)
        books.put(draft, mini, {("input", "standard"): TIERS})

    for act in (
        lambda: pricing.change(mini, {"input": Decimal(9)}, by=sam, effective_from=begins),
        lambda: books.publish(draft, by=sam, effective_from=begins),
        lambda: books.withdraw(scheduled, by=sam),
    ):
        with pytest.raises(OperationalError, match="lock timeout"), somebody_moving():
            act()


def test_who_signs_a_contract_waits_for_them_too(acme, sam, person):
    kim = person("kim-who-signs@operator.example", is_staff=True)
    begins = timezone.now().date() + DAY
    with service():
        facts = {"number": "C-1", "starts_on": begins, "time_zone": "UTC"}
        draft = contracts.draft(acme, by=sam, facts=facts)

    with pytest.raises(OperationalError, match="lock timeout"), somebody_moving():
        contracts.sign(draft, by=kim, seen=draft.version)


@pytest.mark.usefixtures("used")
def test_who_pays_by_another_book_is_not_told(sam, acme, mini):
    with service():
        facts = {"code": "acme", "name": "Acme", "currency": "EUR"}
        own = books.create(**facts, organization=acme, by=sam)
    cheap = PLAIN | {"unit_amount": "0.00000001"}
    publish(own, mini, {(part, "standard"): cheap for part in ("input", "output")}, by=sam)

    with service():
        pricing.change(
            mini, {"input": Decimal(9)}, by=sam, effective_from=timezone.now() + 31 * DAY
        )

    assert told(acme) == []


@pytest.mark.usefixtures("used")
def test_what_is_replaced_at_the_same_instant_is_told_as_it_is_now(sam, acme, mini):
    begins = timezone.now() + 31 * DAY
    with service():
        pricing.change(mini, {"output": Decimal(9)}, by=sam, effective_from=begins)
    assert send() == 1
    with service():
        pricing.change(mini, {"output": Decimal(8)}, by=sam, effective_from=begins)

    [notice] = told(acme)
    output = next(it for it in notice.prices if (it["tier"], it["part"]) == ("standard", "output"))
    assert (output["before"]["unit_amount"], output["after"]["unit_amount"]) == (OUTPUT, "0.000008")
    assert send() == 1

    with service():
        pricing.change(mini, {"output": Decimal("0.1")}, by=sam, effective_from=begins)
    assert told(acme) == []


@pytest.mark.usefixtures("used")
def test_a_version_that_is_withdrawn_is_not_announced(sam, acme, standard, mini):
    begins = timezone.now() + 31 * DAY
    dearer = PLAIN | {"minimum_amount": "1"}
    version = publish(standard, mini, {("input", "standard"): dearer}, by=sam, begins=begins)
    assert len(told(acme)) == 1

    with service():
        books.withdraw(version, by=sam)
    assert told(acme) == []


@pytest.fixture
def other(catalogue, acme):
    """Another model that Acme has used."""
    offer = Offer.objects.exclude(name="atlas-mini").filter(prices__book__code="standard").first()
    yesterday = timezone.now().date() - DAY
    with service():
        UsageDay.objects.create(organization=acme, offer_name=offer.name, day=yesterday, requests=1)
    return offer


@pytest.mark.usefixtures("used")
def test_what_rises_on_a_day_is_one_mail_with_amounts(sam, mini, other):
    begins = (timezone.now() + 40 * DAY).replace(hour=10)
    later, another_day = begins + timedelta(hours=2), begins + 2 * DAY
    with service():
        pricing.change(mini, {"output": Decimal(9)}, by=sam, effective_from=begins)
        pricing.change(other, {"input": Decimal(99)}, by=sam, effective_from=later)
        pricing.change(mini, {"output": Decimal(10)}, by=sam, effective_from=another_day)
    assert mails.send_notices() == 0

    assert send() == 2
    assert send() == 0

    first, second = sorted(mail.outbox, key=lambda it: other.name not in it.body)
    assert "Prices of models that you use rise on" in first.subject
    assert "Output: 0.60 EUR → 9.00 EUR" in first.body.replace("\u202f", " ").replace("\xa0", " ")
    assert (mini.name in first.body, other.name in first.body) == (True, True)
    assert other.name not in second.body
    [html] = [it.content for it in first.alternatives]
    assert "9.00" in html


@pytest.mark.usefixtures("used")
def test_two_who_send_at_once_write_one_mail(sam, mini):
    with service():
        begins = timezone.now() + 40 * DAY
        pricing.change(mini, {"output": Decimal(9)}, by=sam, effective_from=begins)
        [notice] = Notice.objects.all()

    claimed = notices.claim(notice.pk)
    assert (len(claimed), notices.claim(notice.pk)) == (1, [])
    notices.give_back(claimed)
    assert len(notices.claim(notice.pk)) == 1
    with service():
        Notice.objects.all().delete()
    assert notices.claim(notice.pk) == []


@pytest.fixture
def rise(used, mini):
    """A notice of a price that rises, which is to be sent."""
    with service():
        begins = timezone.now() + 40 * DAY
        pricing.change(mini, {"output": Decimal(9)}, by=None, effective_from=begins)
    with service():
        Notice.objects.update(updated_at=timezone.now() - notices.SETTLES)
        return Notice.objects.get()


def test_a_notice_whose_sender_died_is_sent_by_another(rise):
    notices.claim(rise.pk)
    assert (mails.send_notices(), len(mail.outbox)) == (0, 0)

    with service():
        Notice.objects.update(claimed_at=timezone.now() - LEASE)

    assert [mails.send_notices(), mails.send_notices(), len(mail.outbox)] == [1, 0, 1]


def test_an_address_that_no_mail_can_have_leaves_others_theirs(rise, alice, mini, charlie):
    begins = rise.happens_at + timedelta(hours=1)
    other = organizations.found(name="Ministry", owner=charlie, country="FR")
    alice.email = f"alice@{'ü' * 70}.example"
    alice.save()
    with service():
        Notice.objects.create(
            organization=other, model=rise.model, offer=mini, kind=rise.kind,
            happens_at=begins, prices=rise.prices, currency="EUR",
        )  # fmt: skip

    assert send() == 1
    assert [it.to for it in mail.outbox] == [["charlie@elsewhere.example"]]
    assert send() == 0


def test_who_takes_no_mail_now_gets_the_notice_later_and_others_once(rise, alice, bob, settings):
    with mail_server.run(settings) as server:
        server.refused[alice.email] = 450
        at_first = mails.send_notices()
        server.refused.clear()
        at_once = mails.send_notices()
        with service():
            Notice.objects.update(claimed_at=timezone.now() - LEASE)
        later = [mails.send_notices(), mails.send_notices()]

    assert (at_first, at_once, later) == (0, 0, [1, 0])
    assert server.taken == [bob.email, alice.email]


def test_who_was_told_otherwise_meanwhile_is_told_the_same_again(rise, alice, bob, settings):
    with mail_server.run(settings) as server:
        server.refused[alice.email] = 450
        mails.send_notices()
        server.refused.clear()
        with service():
            # As it is where the rise was taken back meanwhile, and is to come again.
            again = timezone.now() - notices.SETTLES
            Notice.objects.update(claimed_at=None, updated_at=again)
        mails.send_notices()

    assert sorted(server.taken) == sorted([bob.email, bob.email, alice.email])


@pytest.mark.parametrize("words", [b"no such user", b"5.7.1 client host blocked"])
def test_what_nobody_takes_is_sent_again_the_next_day(rise, alice, settings, words):
    with mail_server.run(settings) as server:
        server.words, server.refused[alice.email] = words, 550
        sent = [mails.send_notices(), mails.send_notices()]
        asked = server.asked[alice.email]
        pass_a_day()
        server.refused.clear()
        later = [mails.send_notices(), mails.send_notices()]

    assert (sent, asked) == ([0, 0], 1)
    assert (later, server.taken) == ([1, 0], [alice.email])


def test_who_takes_no_mail_is_not_asked_for_ever(rise, alice, settings):
    with mail_server.run(settings) as server:
        server.refused[alice.email] = 550
        mails.send_notices()
        with service():
            Notice.objects.update(updated_at=timezone.now() - notices.GIVEN_UP - DAY)
        for _each in range(3):
            pass_a_day()
            mails.send_notices()

    assert server.asked[alice.email] == 2


def pass_a_day():
    with service():
        Notice.objects.update(claimed_at=F("claimed_at") - DAY)


def test_figures_that_change_while_a_mail_is_sent_are_told(rise, mini):
    claimed = notices.claim(rise.pk)
    with service():
        at = rise.happens_at
        pricing.change(mini, {"output": Decimal(8)}, by=None, effective_from=at)
    notices.sent(claimed)

    assert send() == 1


def test_what_is_taken_back_while_its_sender_dies_is_sent_by_nobody(rise, mini):
    notices.claim(rise.pk)
    with service():
        at = rise.happens_at
        pricing.change(mini, {"output": Decimal("0.1")}, by=None, effective_from=at)
        Notice.objects.update(claimed_at=timezone.now() - LEASE)

    assert send() == 0


@pytest.mark.usefixtures("used")
def test_the_dashboard_says_the_same_figures(sam, acme, mini, alice_client):
    with service():
        begins = timezone.now() + 40 * DAY
        pricing.change(mini, {"output": Decimal(9)}, by=sam, effective_from=begins)

    [notice] = told(acme)
    figures = [str(it) for it in raised.lines(notice)]
    warnings = alice_client.get("/o/acme/").context["dashboard"].attention

    assert len(figures) == 2
    assert any("; ".join(figures) in it.text for it in warnings)
