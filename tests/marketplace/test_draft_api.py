"""Drafts of price books over the staff's API: by the file, by per cent and price by price."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from common.database import service
from marketplace.models import DraftPrice, PriceBookVersion
from tenants.models import AuditEntry

BOOK = "/api/v1/staff/price-books/standard/versions"
DRAFT = f"{BOOK}/1"
JSON = "application/json"
HEADER = "model,part,tier,amount,per,definition\n"


@pytest.fixture
def draft(staff_client, catalogue):
    assert staff_client.post(BOOK, {"note": "spring"}, JSON).json()["number"] == 1
    with service():
        return PriceBookVersion.objects.get(number=1)


def prices():
    with service():
        return {
            (it.offer.name, it.token_part, it.service_tier): it.definition
            for it in DraftPrice.objects.select_related("offer")
        }


def put(client, text, path=f"{DRAFT}/prices.csv"):
    file = SimpleUploadedFile("prices.csv", text.encode())
    body = encode_multipart(BOUNDARY, {"file": file})
    return client.put(path, body, content_type=MULTIPART_CONTENT)


def adjust(client, body, **headers):
    return client.post(f"{DRAFT}/adjust", body, JSON, headers=headers)


def test_the_file_is_the_pages_and_is_taken_back(staff_client, draft):
    by_api = staff_client.get(f"{DRAFT}/prices.csv")
    by_page = staff_client.get(f"/staff/versions/{draft.pk}/prices.csv")
    before = prices()
    staff_client.patch(
        f"{DRAFT}/prices",
        {"prices": [{"model": "atlas-mini", "part": "input", "definition": None}]},
        JSON,
    )

    again = put(staff_client, by_api.content.decode())

    assert (by_api.content, by_api["Content-Type"]) == (by_page.content, by_page["Content-Type"])
    assert by_api["Content-Disposition"] == by_page["Content-Disposition"]
    assert (again.status_code, again.json()["number"]) == (200, 1)
    assert prices() == before != {}


@pytest.mark.parametrize(
    "text",
    [
        "model,price\n",
        HEADER,
        HEADER + "atlas-mini,input,standard,0,1000000,\n",
        HEADER + "nothing,input,standard,1,1000000,\n",
        HEADER + "atlas-mini,\0,standard,1,1000000,\n",
        HEADER + "atlas-mini,input,standard,1,1000000,\n" * 2,
        "",
    ],
)
def test_a_file_that_cannot_be_is_refused_whole(staff_client, draft, text):
    before = prices()

    refused = put(staff_client, text)

    assert refused.status_code in {400, 422}
    assert list(refused.json()["field_errors"]) == ["file"]
    assert prices() == before


def test_single_prices_are_set_and_taken_out_all_or_none(staff_client, draft):
    dear = {"model": "per_unit", "unit_amount": "0.000009"}
    bad = {"model": "per_unit"}
    one = {"model": "atlas-mini", "part": "input", "definition": dear}
    other = {"model": "atlas-mini", "part": "output"}
    before = prices()

    half = staff_client.patch(
        f"{DRAFT}/prices", {"prices": [one, {**other, "definition": bad}]}, JSON
    )
    unchanged = prices()
    done = staff_client.patch(
        f"{DRAFT}/prices", {"prices": [one, {**other, "definition": None}]}, JSON
    )

    assert (half.status_code, unchanged) == (422, before)
    assert done.status_code == 200
    expected = before | {("atlas-mini", "input", "standard"): dear}
    expected.pop(("atlas-mini", "output", "standard"))
    assert prices() == expected


def test_prices_are_changed_by_per_cent_once_a_key(staff_client, draft):
    before = prices()
    key = {"Idempotency-Key": "one"}
    body = {"percent": "-10", "model": "atlas-mini", "part": "input"}

    first, again = (adjust(staff_client, body, **key) for _ in "12")
    after = prices()

    assert (first.status_code, first.json(), again.json()) == (200, {"changed": 1}, {"changed": 1})
    place = ("atlas-mini", "input", "standard")
    (changed,) = (it for it in before if before[it] != after[it])
    assert changed == place
    assert float(after[place]["unit_amount"]) == float(before[place]["unit_amount"]) * 0.9
    assert adjust(staff_client, {"percent": "5"}).json() == {"changed": len(before)}
    with service():
        assert AuditEntry.objects.filter(action="draft_prices.adjusted").count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "percent"),
        ({"percent": "0"}, "percent"),
        ({"percent": "-100"}, "percent"),
        ({"percent": "1e2"}, "percent"),
        ({"percent": "1001"}, "percent"),
        ({"percent": "\u0665"}, "percent"),
        ({"percent": "5", "model": "nothing"}, "model"),
        ({"percent": "5", "model": "a\0"}, "model"),
        ({"percent": "5", "part": "soul"}, "part"),
        ({"percent": "5", "tier": "now"}, "tier"),
        ({"percent": "5", "offer": "atlas-mini"}, "offer"),
    ],
)
def test_a_change_that_cannot_be_is_named(staff_client, draft, body, field):
    before = prices()

    refused = adjust(staff_client, body)

    assert refused.status_code in {400, 422}
    assert list(refused.json()["field_errors"]) == [field]
    assert prices() == before


def test_what_is_published_is_not_worked_on(staff_client, draft):
    text = staff_client.get(f"{DRAFT}/prices.csv").content.decode()
    assert staff_client.post(f"{DRAFT}/publish", {}, JSON).status_code == 200

    line = {"model": "atlas-mini", "part": "input", "definition": None}
    answers = [
        put(staff_client, text),
        staff_client.patch(f"{DRAFT}/prices", {"prices": [line]}, JSON),
        adjust(staff_client, {"percent": "5"}),
    ]

    assert [it.status_code for it in answers] == [409, 409, 409]
    assert staff_client.get(f"{DRAFT}/prices.csv").status_code == 200


def test_others_find_none_of_it(staff_client, alice_client, client, draft):
    before = prices()
    for stranger in (alice_client, client):
        assert stranger.get(f"{DRAFT}/prices.csv").status_code == 404
        assert put(stranger, HEADER).status_code == 404
        assert adjust(stranger, {"percent": "5"}).status_code == 404
        assert stranger.patch(f"{DRAFT}/prices", {}, JSON).status_code == 404
    for number in (2, 10**30):
        assert staff_client.get(f"{BOOK}/{number}/prices.csv").status_code == 404
    assert prices() == before
