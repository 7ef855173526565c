"""What one customer pays by a book of their own, or of their contract, is raised by nobody at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import Contract
from common.database import service
from marketplace import announced
from marketplace.errors import NoticeTooShort
from marketplace.models import Notice, Price, PriceBook, PriceBookVersion
from marketplace.services import books, drafting
from metering.models import UsageDay

DAY = timedelta(days=1)
#: Each part of the demo's model costs this or more on the list, or less.
CHEAP, SAME, DEAR = "0.00000001", "0.00000002", "0.0000009"
PARTS = ("input", "cached_input", "output")


@pytest.fixture(autouse=True)
def _thirty_days(settings, catalogue):
    settings.PRICE_NOTICE = 30 * DAY


@pytest.fixture
def own(acme):
    """Acme's own book, which says nothing yet."""
    with service():
        facts = {"code": "acme", "name": "Acme", "currency": "EUR"}
        return books.create(**facts, organization=acme, by=None)


@pytest.fixture
def named(acme):
    """A book that is for whose contract names it."""
    with service():
        return books.create(code="named", name="Named", currency="EUR", by=None)


@pytest.fixture
def contract(acme, named):
    """Put a contract that names the book on record."""

    def contract(*, begins=None, **facts):
        begins = begins or timezone.now() - DAY
        signed = {"status": "active", "effective_from": begins, "signed_at": begins}
        with service():
            return Contract.objects.create(
                organization=acme,
                number="C-1",
                price_book=named,
                starts_on=begins.date(),
                time_zone="UTC",
                **(signed | facts),
            )

    return contract


@pytest.fixture
def used(acme, mini):
    """Acme has used the model yesterday."""
    use(acme, mini)


def use(organization, offer):
    facts = {"offer_name": offer.name, "day": timezone.now().date() - DAY, "requests": 1}
    with service():
        UsageDay.objects.create(organization=organization, **facts)


def kept(organization):
    """Return what the organization was told and still holds, by day."""
    with service():
        return list(Notice.objects.filter(organization=organization, taken_back_at=None))


def told(organization):
    with service():
        return announced.to(organization)


def publish(book, offer, amount, *, by, begins=None, parts=PARTS):
    price = {"model": "per_unit", "unit_amount": amount}
    with service():
        version = books.draft(book, by=by)
        books.put(version, offer, {(part, "standard"): price for part in parts})
        return books.publish(version, by=by, effective_from=begins)


def says(book, offer):
    with service():
        held = Price.objects.standard().in_force(timezone.now()).filter(book=book, offer=offer)
        return {it.definition["unit_amount"] for it in held}


@pytest.mark.usefixtures("used")
def test_a_first_book_above_what_the_customer_pays_keeps_its_notice(sam, acme, own, mini):
    with pytest.raises(NoticeTooShort) as refused:
        publish(own, mini, DEAR, by=sam)

    assert list(refused.value.field_errors) == ["effective_from"]
    assert says(own, mini) == set()
    assert told(acme) == []

    begins = timezone.now() + 30 * DAY
    publish(own, mini, DEAR, by=sam, begins=begins)
    assert [it.happens_at for it in told(acme)] == [begins]


def test_a_first_book_is_compared_with_the_groups_where_the_customer_pays_by_that(
    sam, acme, own, mini
):
    with service():
        group = books.open_group(code="public", name="Public bodies", by=None)
        books.join(acme, group, by=None)
        grouped = books.create(code="g", name="G", currency="EUR", group=group, by=None)
    publish(grouped, mini, CHEAP, by=None)

    with pytest.raises(NoticeTooShort):
        publish(own, mini, SAME, by=sam)

    publish(own, mini, CHEAP, by=sam)
    assert says(own, mini) == {CHEAP}


def test_what_an_own_book_says_is_raised_with_notice_alone(sam, own, mini):
    publish(own, mini, CHEAP, by=sam)

    with pytest.raises(NoticeTooShort):
        publish(own, mini, SAME, by=sam, parts=("output",))
    with pytest.raises(NoticeTooShort):
        publish(own, mini, SAME, by=sam, begins=timezone.now() + 29 * DAY)

    assert says(own, mini) == {CHEAP}


@pytest.mark.usefixtures("used")
def test_the_customer_is_told_of_a_rise_of_their_own_book(sam, acme, own, mini):
    publish(own, mini, CHEAP, by=sam)

    begins = timezone.now() + 31 * DAY
    publish(own, mini, SAME, by=sam, begins=begins, parts=("output",))

    [notice] = told(acme)
    output = next(it for it in notice.prices if (it["tier"], it["part"]) == ("standard", "output"))
    assert (notice.happens_at, notice.organization_id) == (begins, acme.pk)
    assert (output["before"]["unit_amount"], output["after"]["unit_amount"]) == (CHEAP, SAME)


def test_the_first_version_of_a_signed_contract_holds_when_it_says(sam, named, contract, mini):
    contract()

    publish(named, mini, DEAR, by=sam)

    assert says(named, mini) == {DEAR}


def test_a_book_whose_contract_is_a_draft_is_nobodys_to_pay_by(sam, named, contract, mini):
    contract(status="draft", effective_from=None, signed_at=None)
    publish(named, mini, CHEAP, by=sam)

    publish(named, mini, DEAR, by=sam)

    assert says(named, mini) == {DEAR}


@pytest.mark.parametrize("begins", [-1, 40])
def test_a_further_version_of_a_contract_keeps_its_notice(sam, named, contract, mini, begins):
    contract(begins=timezone.now() + begins * DAY)
    publish(named, mini, CHEAP, by=sam)

    with pytest.raises(NoticeTooShort):
        publish(named, mini, SAME, by=sam, parts=("output",))

    assert says(named, mini) == {CHEAP}


def test_what_a_further_version_begins_to_price_is_compared_with_the_list(
    sam, named, contract, mini
):
    contract()
    other = _other_than(mini)
    publish(named, mini, CHEAP, by=sam)

    with pytest.raises(NoticeTooShort):
        publish(named, other, DEAR, by=sam)

    publish(named, other, CHEAP, by=sam)


def test_what_a_book_begins_to_price_before_its_contract_begins_is_compared(
    sam, acme, named, contract, mini
):
    contract(begins=timezone.now() + 2 * DAY)
    other = _other_than(mini)
    publish(named, mini, CHEAP, by=sam)

    with pytest.raises(NoticeTooShort):
        publish(named, other, DEAR, by=sam)

    publish(named, other, CHEAP, by=sam)


def test_who_pays_more_when_their_contract_begins_is_told_for_that_day(
    sam, acme, named, contract, mini
):
    begins = timezone.now() + 40 * DAY
    other = _other_than(mini)
    use(acme, other)
    contract(begins=begins)
    publish(named, mini, CHEAP, by=sam)

    publish(named, other, DEAR, by=sam)

    assert [(it.offer_id, it.happens_at) for it in kept(acme)] == [(other.pk, begins)]
    assert [(it.offer_id, it.happens_at) for it in told(acme)] == [(other.pk, begins)]


def test_what_a_contract_that_does_not_begin_was_to_raise_is_not_announced(
    sam, acme, named, contract, mini
):
    other = _other_than(mini)
    use(acme, other)
    agreed = contract(begins=timezone.now() + 40 * DAY)
    publish(named, mini, CHEAP, by=sam)
    publish(named, other, DEAR, by=sam)

    before = told(acme)
    with service():
        Contract.objects.filter(pk=agreed.pk).update(effective_until=agreed.effective_from)
    assert (len(before), told(acme)) == (1, [])


@pytest.mark.usefixtures("used")
def test_who_a_version_keeps_from_a_rise_has_it_until_they_are_told(sam, acme, own, mini):
    now = timezone.now()
    version = publish(own, mini, CHEAP, by=sam, begins=now + DAY)
    publish(_standard(), mini, DEAR, by=None, begins=now + 2 * DAY)
    assert kept(acme) == []

    with service(), pytest.raises(NoticeTooShort) as refused:
        books.withdraw(version, by=sam)

    assert list(refused.value.field_errors) == ["effective_from"]
    with service():
        assert PriceBookVersion.objects.get(pk=version.pk).is_scheduled


@pytest.mark.usefixtures("used")
def test_who_a_withdrawn_version_kept_from_a_later_rise_is_told_of_it(sam, acme, own, mini):
    now = timezone.now()
    version = publish(own, mini, CHEAP, by=sam, begins=now + 40 * DAY)
    publish(_standard(), mini, DEAR, by=sam, begins=now + 41 * DAY)
    assert kept(acme) == []

    with service():
        books.withdraw(version, by=sam)

    assert [it.happens_at for it in kept(acme)] == [now + 41 * DAY]


@pytest.mark.usefixtures("used")
def test_a_version_that_keeps_nobody_from_a_rise_is_withdrawn_at_any_time(sam, acme, own, mini):
    now = timezone.now()
    publish(_standard(), mini, DEAR, by=None, begins=now + 2 * DAY)
    version = publish(own, mini, CHEAP, by=sam, begins=now + 3 * DAY)

    with service():
        assert not books.withdraw(version, by=sam).is_scheduled

    assert [it.happens_at for it in kept(acme)] == [now + 2 * DAY]


@pytest.mark.usefixtures("used")
def test_a_rise_that_an_own_book_keeps_away_is_told_no_more(sam, acme, own, mini):
    now = timezone.now()
    publish(_standard(), mini, DEAR, by=sam, begins=now + 41 * DAY)
    assert [it.happens_at for it in kept(acme)] == [now + 41 * DAY]

    publish(own, mini, CHEAP, by=sam, begins=now + 40 * DAY)

    assert kept(acme) == []


def _standard():
    with service():
        return PriceBook.objects.get(code="standard")


def _other_than(offer):
    with service():
        standard = PriceBook.objects.get(code="standard")
        found = Price.objects.filter(book=standard).exclude(offer=offer).select_related("offer")
        return found.get(
            offer__name="atlas-large", token_part="input", service_tier="standard"
        ).offer


def test_a_withdrawn_first_version_is_not_replaced_by_a_dearer_one(sam, named, contract, mini):
    contract()
    first = publish(named, mini, CHEAP, by=sam, begins=timezone.now() + DAY)
    with service():
        books.withdraw(first, by=sam)

    with pytest.raises(NoticeTooShort):
        publish(named, mini, DEAR, by=sam)


def test_the_page_says_why_and_publishes_nothing(staff_client, own, mini):
    with service():
        version = drafting.begin(own, by=None, note="")
        price = {"model": "per_unit", "unit_amount": DEAR}
        books.put(version, mini, {(part, "standard"): price for part in PARTS})

    page = staff_client.post(f"/staff/versions/{version.pk}/publish/", {"effective_from": ""})

    assert page.status_code == 422
    assert "effective_from" in page.context["publish_form"].errors
    with service():
        assert PriceBookVersion.objects.get(pk=version.pk).is_draft


def test_the_api_refuses_it_by_field(staff_client, own, mini):
    with service():
        version = drafting.begin(own, by=None, note="")
        price = {"model": "per_unit", "unit_amount": DEAR}
        books.put(version, mini, {(part, "standard"): price for part in PARTS})

    path = f"/api/v1/staff/price-books/{own.code}/versions/{version.number}/publish"
    refused = staff_client.post(path, {}, content_type="application/json")

    assert refused.status_code == 422
    assert refused.json()["code"] == "notice_too_short"
    assert list(refused.json()["field_errors"]) == ["effective_from"]
    assert says(own, mini) == set()
