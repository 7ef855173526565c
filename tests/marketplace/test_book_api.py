"""Books opened, given to others and ended over the staff's API: planned where somebody pays more."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from common.database import service
from marketplace.models import GroupMember, PriceBook, PriceMove
from marketplace.services import books as booking
from metering.models import UsageDay
from tests.marketplace.test_moves import CHEAP, LISTED, open_book, pays

API = "/api/v1/staff"
BOOKS, MOVES = f"{API}/price-books", f"{API}/price-moves"
OPEN = {"code": "public", "name": "Public bodies", "currency": "EUR"}


@pytest.fixture(autouse=True)
def _thirty_days(settings, catalogue):
    settings.PRICE_NOTICE = timedelta(days=30)


@pytest.fixture
def send(staff_client):
    """Send JSON as staff do."""

    def send(path, body=None, method="post", **headers):
        call = getattr(staff_client, method)
        return call(path, body or {}, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def group(acme, mini):
    """Acme's group; Acme has used the model of late."""
    yesterday = timezone.now().date() - timedelta(days=1)
    with service():
        UsageDay.objects.create(organization=acme, offer_name=mini.name, day=yesterday, requests=1)
        group = booking.open_group(code="public", name="Public bodies", by=None)
        booking.join(acme, group, by=None)
    return group


@pytest.fixture
def cheap(group, mini):
    """The book of Acme's group, below the list."""
    return open_book("public", mini, CHEAP, group=group)


def test_a_book_is_opened_for_a_group_a_customer_or_a_contract(send, acme, group):
    opened = [
        send(BOOKS, OPEN | {"group": "public"}),
        send(BOOKS, OPEN | {"code": "own", "customer": "acme"}),
        send(BOOKS, OPEN | {"code": "signed"}),
    ]

    assert [it.status_code for it in opened] == [201, 201, 201]
    whom = [(it.json()["code"], it.json()["group"], it.json()["customer"]) for it in opened]
    assert whom == [("public", "public", None), ("own", None, "acme"), ("signed", None, None)]
    assert send(BOOKS, OPEN).json()["code"] == "price_book_taken"


def test_a_book_is_opened_once_a_key(send):
    first, again = (send(BOOKS, OPEN, **{"Idempotency-Key": "one"}) for _ in "12")

    assert (first.status_code, first.json()) == (201, again.json())
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("facts", "status", "field"),
    [
        ({"currency": "eur"}, 400, "currency"),
        ({"code": "no code"}, 400, "code"),
        ({"customer": "nobody"}, 400, "customer"),
        ({"group": "nobody"}, 400, "group"),
        ({"customer": "acme", "group": "public"}, 400, "group"),
        ({"customer": "acme", "currency": "USD"}, 422, "currency"),
        ({"is_default": True}, 400, "is_default"),
    ],
)
def test_a_book_that_cannot_be_is_refused_by_name(send, group, facts, status, field):
    answer = send(BOOKS, OPEN | facts)

    assert (answer.status_code, list(answer.json()["field_errors"])) == (status, [field])
    with service():
        assert not PriceBook.objects.filter(code="public").exists()


def test_an_end_by_which_somebody_pays_more_is_planned_and_taken_back(send, acme, mini, cheap):
    planned = send(f"{BOOKS}/public/end", {"model": mini.name})
    twice = send(f"{BOOKS}/public/end", {"model": mini.name})

    assert (planned.status_code, twice.json()["code"]) == (202, "price_move_planned")
    told = planned.json()
    assert (told["kind"], told["book"], told["model"], told["status"]) == (
        "end", "public", mini.name, "planned",
    )  # fmt: skip
    assert pays(acme, mini) == CHEAP
    assert [it["id"] for it in send(f"{MOVES}?status=planned", method="get").json()["results"]] == [
        told["id"]
    ]

    back = send(f"{MOVES}/{told['id']}/withdraw")
    assert (back.status_code, back.json()["status"]) == (200, "withdrawn")
    assert send(f"{MOVES}/{told['id']}/withdraw").status_code == 409


def test_an_end_by_which_nobody_pays_more_is_done(send, acme, mini, cheap):
    with service():
        GroupMember.objects.all().delete()

    ended = send(f"{BOOKS}/public/end")

    assert (ended.status_code, ended.json()) == (200, {"ended": 1})
    with service():
        assert not PriceMove.objects.planned().exists()


def test_a_book_is_given_to_others(send, acme, mini, cheap):
    with service():
        GroupMember.objects.all().delete()
    assert pays(acme, mini) == LISTED

    given = send(f"{BOOKS}/public/audience", {"customer": "acme"}, "put")
    both = send(f"{BOOKS}/public/audience", {"customer": "acme", "group": "public"}, "put")

    assert (given.status_code, given.json()["customer"], given.json()["group"]) == (
        200, "acme", None,
    )  # fmt: skip
    assert pays(acme, mini) == CHEAP
    assert both.status_code == 400


def test_a_book_that_is_taken_from_who_then_pays_more_is_planned(send, acme, mini, cheap):
    planned = send(f"{BOOKS}/public/audience", {}, "put")

    assert (planned.status_code, planned.json()["kind"]) == (202, "audience")
    assert pays(acme, mini) == CHEAP


def test_the_list_for_everybody_neither_ends_nor_is_given_away(send, mini):
    assert send(f"{BOOKS}/standard/end").status_code >= 400
    assert send(f"{BOOKS}/standard/audience", {"customer": None}, "put").status_code >= 400
    with service():
        assert PriceBook.objects.get(code="standard").is_default


def test_what_is_not_there_is_not_found(send, alice_client, client):
    assert send(f"{BOOKS}/nobody/end").status_code == 404
    assert send(f"{BOOKS}/nobody/audience", {}, "put").status_code == 404
    assert send(f"{MOVES}/{uuid.uuid4()}/withdraw").status_code == 404
    assert list(send(f"{BOOKS}/standard/end", {"model": "none"}).json()["field_errors"]) == [
        "model"
    ]
    for stranger in (alice_client, client):
        assert stranger.get(MOVES).status_code == 404
        assert stranger.post(BOOKS, OPEN, content_type="application/json").status_code == 404
        assert stranger.post(f"{BOOKS}/standard/end").status_code == 404


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("price-books/public/end", "model"),
        ("bundles", "token_class"),
        ("vouchers", "token_class"),
    ],
)
@pytest.mark.usefixtures("cheap")
def test_a_name_that_holds_a_nul_is_nobodys(send, path, field):
    refused = send(f"{API}/{path}", {field: "x\0"}, **{"Idempotency-Key": "nul"})

    assert refused.status_code in {400, 422}
    assert field in refused.json()["field_errors"]
