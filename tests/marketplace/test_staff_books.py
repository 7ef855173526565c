"""The operator's desk over price books."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from common.database import service
from marketplace import queries
from marketplace.models import CustomerGroup, Price, PriceBook, PriceBookVersion
from marketplace.services import books, drafting, pricing
from tenants.models import AuditEntry

pytestmark = pytest.mark.usefixtures("catalogue")
HEADER = "model,part,tier,amount,per,definition\n"


@pytest.fixture
def draft(catalogue):
    """A copy of the list for everybody."""
    with service():
        return drafting.begin(pricing.default_book("EUR"), by=None, note="spring")


@pytest.fixture
def address(draft):
    return f"/staff/versions/{draft.pk}/"


@pytest.fixture
def partners(acme):
    """A group with Acme in it, and its book."""
    with service():
        group = books.open_group(code="partners", name="Partners", by=None)
        books.join(acme, group, by=None)
        return books.create(code="partners", name="Partners", currency="EUR", by=None, group=group)


def in_days(number):
    return (timezone.now() + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M")


def price_now(offer, part="input"):
    return queries.price_in_force(offer, part, timezone.now()).per_million


def test_the_desk_does_not_exist_for_customers(alice_client, address):
    assert alice_client.get("/staff/books/").status_code == 404
    assert alice_client.post(f"{address}publish/").status_code == 404


def test_the_shelf_says_who_pays_by_what(staff_client, draft, partners):
    page = staff_client.get("/staff/books/")

    found = {it.book.code: (it.customers, it.offers, it.drafts) for it in page.context["shelf"]}
    assert found == {"standard": (0, 5, 1), "partners": (1, 0, 0)}


def test_the_shelf_asks_as_often_however_many_books_there_are(
    staff_client, draft, partners, django_assert_num_queries
):
    with service():
        for number in range(5):
            books.create(code=f"b{number}", name=f"B{number}", currency="EUR", by=None)

    # What every page shows of the operator is known by then.
    staff_client.get("/staff/books/")
    with django_assert_num_queries(7, using="service"):
        staff_client.get("/staff/books/")


def test_a_book_is_opened_drafted_priced_and_published(staff_client, acme, mini):
    facts = {"name": "Acme", "code": "acme", "currency": "EUR", "audience": "customer"}
    staff_client.post("/staff/books/new/", {**facts, "organization": "acme"})
    with service():
        book = PriceBook.objects.get(code="acme")
    staff_client.post(f"/staff/books/{book.pk}/draft/", {"note": "first"})
    with service():
        version = PriceBookVersion.objects.get(book=book)
    for part, amount in (("input", "0.1"), ("output", "0.4")):
        line = {"offer": mini.pk, "part": part, "tier": "standard", "amount": amount}
        staff_client.post(f"/staff/versions/{version.pk}/price/", line)

    sent = staff_client.post(f"/staff/versions/{version.pk}/publish/", {"effective_from": ""})

    assert sent.status_code == 302
    with service():
        held = Price.objects.in_force(timezone.now()).filter(book=book).order_by("token_part")
        assert [it.per_million for it in held.standard()] == [Decimal("0.1"), Decimal("0.4")]
    page = staff_client.get(f"/staff/books/{book.pk}/")
    assert [it.state for it in page.context["editions"]] == ["current"]
    assert page.context["book"].organization == acme


def test_a_draft_is_compared_with_what_holds(staff_client, address, draft):
    staff_client.post(f"{address}adjust/", {"percent": "20", "part": "input"})

    page = staff_client.get(address)

    assert (page.context["changed"], page.context["total"]) == (10, 22)
    line = page.context["lines"][0]
    assert (line.part, line.share) == ("input", Decimal("0.2"))
    assert len(staff_client.get(f"{address}?all").context["lines"]) == 22


def test_a_draft_is_published_later_or_not_at_all(staff_client, address, draft, mini):
    staff_client.post(f"{address}adjust/", {"percent": "100"})

    past = staff_client.post(f"{address}publish/", {"effective_from": in_days(-1)})
    assert past.status_code == 422
    assert b"never in the past" in past.content
    staff_client.post(f"{address}publish/", {"effective_from": in_days(3)})

    assert price_now(mini) == Decimal("0.15")
    assert staff_client.get(address).context["state"] == "scheduled"

    staff_client.post(f"{address}withdraw/")

    assert staff_client.get(address).context["state"] == "withdrawn"
    assert price_now(mini) == Decimal("0.15")


def test_what_would_overlap_is_refused_in_words(staff_client, address, draft, mini):
    with service():
        begins = timezone.now() + timedelta(days=5)
        pricing.change(mini, {"input": Decimal("0.3")}, by=None, effective_from=begins)

    refused = staff_client.post(f"{address}publish/", {"effective_from": in_days(3)})

    assert refused.status_code == 422
    assert b"already scheduled" in refused.content
    assert staff_client.get(address).context["state"] == "draft"


def test_a_file_with_a_mistake_changes_nothing(staff_client, address, draft):
    def sent(text):
        file = SimpleUploadedFile("prices.csv", text.encode(), "text/csv")
        return staff_client.post(f"{address}import/", {"file": file})

    refused = sent(HEADER + "nova,input,standard,1,1000000,\n")

    assert refused.status_code == 422
    assert b"Line 2, model" in refused.content
    with service():
        assert draft.drafts.count() == 11

    sent(HEADER + "atlas-mini,input,standard,0.2,1000000,\n")

    with service():
        assert draft.drafts.count() == 1


def test_the_file_is_downloaded_by_the_books_name(staff_client, address):
    reply = staff_client.get(f"{address}prices.csv")

    assert reply["Content-Disposition"] == 'attachment; filename="standard-1.csv"'
    assert reply.content.decode().startswith("model,part,tier,amount,per,definition\r\n")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"amount": "1", "definition": '{"model": "per_unit", "unit_amount": "1"}'},
        {"definition": "[]"},
        {"definition": "{"},
        {"amount": "-1"},
        {"amount": "0"},
        {"amount": "NaN"},
    ],
)
def test_a_price_that_cannot_be_is_shown_again(staff_client, address, draft, mini, given):
    line = {"offer": mini.pk, "part": "input", "tier": "standard", **given}

    assert staff_client.post(f"{address}price/", line).status_code == 422
    assert staff_client.get(address).context["changed"] == 0


def test_a_price_form_begins_with_what_the_draft_says(staff_client, address, mini):
    asked = f"{address}price/?offer={mini.pk}&part=input&tier=standard"

    assert staff_client.get(asked).context["form"]["amount"].initial == "0.15"


def test_a_price_form_of_no_price_yet_is_empty(staff_client, address):
    page = staff_client.get(f"{address}price/")

    assert page.context["form"]["amount"].value() is None
    assert page.context["form"]["definition"].value() is None


def test_a_price_in_tiers_is_opened_and_saved_again(staff_client, address, draft, mini):
    tiers = [{"up_to": "1000", "unit_amount": "0.2"}, {"up_to": None, "unit_amount": "0.1"}]
    given = {"model": "graduated", "tiers": tiers}
    place = {"offer": mini.pk, "part": "input", "tier": "standard"}
    staff_client.post(f"{address}price/", {**place, "definition": json.dumps(given)})

    page = staff_client.get(f"{address}price/", place)
    written = page.context["form"]["definition"].value()
    reply = staff_client.post(f"{address}price/", {**place, "definition": written})

    assert json.loads(written) == given
    assert reply.status_code == 302
    line = next(it for it in staff_client.get(address).context["lines"] if it.is_changed)
    assert line.new == given


def test_what_is_no_definition_stays_as_it_was_typed(staff_client, address, mini):
    line = {"offer": mini.pk, "part": "input", "tier": "standard", "definition": '{"model": '}

    page = staff_client.post(f"{address}price/", line)

    assert page.context["form"]["definition"].value() == '{"model": '


def test_a_draft_is_thrown_away(staff_client, address, draft):
    assert staff_client.post(f"{address}discard/").status_code == 302
    assert staff_client.get(address).status_code == 404


def test_a_customer_joins_a_group_and_leaves_it(staff_client, partners, acme):
    with service():
        group = CustomerGroup.objects.get()
    page = f"/staff/groups/{group.pk}/"

    staff_client.post(f"{page}leave/", {"customer": "acme"})
    assert list(staff_client.get(page).context["members"]) == []
    assert staff_client.post(page, {"organization": "nobody"}).status_code == 422
    staff_client.post(page, {"organization": "acme"})

    assert [it.organization for it in staff_client.get(page).context["members"]] == [acme]


def test_a_book_changes_hands_and_is_retired(staff_client, partners, acme, mini):
    page = f"/staff/books/{partners.pk}/"
    staff_client.post(f"{page}audience/", {"audience": "customer", "organization": "acme"})
    staff_client.post(f"{page}audience/", {"audience": "group"})

    with service():
        assert PriceBook.objects.get(pk=partners.pk).organization == acme
        version = drafting.begin(partners, by=None)
        books.put(version, mini, {(part, "standard"): CHEAP for part in ("input", "output")})
        books.publish(version, by=None)
    assert len(staff_client.get(page).context["lines"]) == 4

    staff_client.post(f"{page}retire/", {"offer": "atlas-mini"})

    assert staff_client.get(page).context["lines"] == []
    with service():
        assert AuditEntry.objects.filter(action="prices.retired").count() == 1


CHEAP = {"model": "per_unit", "unit_amount": "0.0000001"}


def test_the_list_for_everybody_cannot_be_retired(staff_client, draft):
    page = f"/staff/books/{draft.book_id}/"

    assert not staff_client.get(page).context["can_retire"]
    staff_client.post(f"{page}retire/")
    staff_client.post(f"{page}retire/", {"offer": "atlas-mini"})

    assert len(staff_client.get(page).context["lines"]) == 22
