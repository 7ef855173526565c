"""Price books and their rehearsals over the management API: staff's, and nobody else's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import periods
from common.database import service
from marketplace import demo
from marketplace.models import PriceBookVersion
from tenants.models import ApiKey
from tenants.scope import scope
from tenants.services import api_keys

BOOKS = "/api/v1/staff/price-books"
PLAIN = {"model": "per_unit", "unit_amount": "0.000001"}


@pytest.fixture
def send(staff_client, db):
    """Send JSON as staff do."""
    demo.seed()

    def send(method, path, body=None):
        call = getattr(staff_client, method)
        return call(f"{BOOKS}{path}", body, content_type="application/json")

    return send


def test_a_version_is_drafted_priced_rehearsed_and_published(staff_client, send, acme):
    drafted = send("post", "/standard/versions", {"note": "spring"})
    assert (drafted.status_code, drafted.json()["number"]) == (201, 1)
    line = {"model": "atlas-mini", "part": "input", "definition": PLAIN}
    assert send("put", "/standard/versions/1", {"prices": [line]}).status_code == 200

    found = send("get", "/standard/versions/1").json()["prices"]
    changed = [(it["model"], it["part"], it["tier"]) for it in found if it["before"] != it["after"]]
    assert changed == [("atlas-mini", "input", "standard"), ("atlas-mini", "input", "batch")]

    month = periods.containing(timezone.now(), "UTC").label
    months = {"first_month": month, "last_month": month}
    asked = send("post", "/standard/versions/1/rehearsals", months)
    told = staff_client.get(f"/api/v1/staff/rehearsals/{asked.json()['id']}").json()
    assert (asked.status_code, told["customers_done"]) == (202, 1)
    assert told["total"] == {"tokens": "0", "before": "0", "after": "0", "difference": "0"}

    later = (timezone.now() + timedelta(days=3)).isoformat()
    published = send("post", "/standard/versions/1/publish", {"effective_from": later})
    assert published.json()["status"] == "published"
    assert send("put", "/standard/versions/1", {"prices": [line]}).status_code == 409
    assert send("post", "/standard/versions/1/withdraw").json()["status"] == "withdrawn"


def test_what_is_refused_names_the_field(send):
    send("post", "/standard/versions", {})
    bad = {"model": "atlas-mini", "part": "input", "definition": {"model": "per_unit"}}

    priced = send("put", "/standard/versions/1", {"prices": [bad]})
    past = send("post", "/standard/versions/1/publish", {"effective_from": "2020-01-01T00:00:00Z"})
    months = send(
        "post", "/standard/versions/1/rehearsals", {"first_month": "x", "last_month": "x"}
    )

    assert [it.status_code for it in (priced, past, months)] == [422, 422, 422]
    assert list(priced.json()["field_errors"]) == ["input"]
    assert past.json()["code"] == "price_in_the_past"
    assert list(months.json()["field_errors"]) == ["first_month", "last_month"]
    assert send("delete", "/standard/versions/1").status_code == 204
    assert send("get", "/standard/versions/1").status_code == 404


def test_books_are_listed(send):
    assert [it["code"] for it in send("get", "").json()] == ["standard"]
    assert send("get", "/standard").json()["is_default"]
    assert send("get", "/nobody").status_code == 404
    assert send("get", f"/standard/versions/{10**30}").status_code == 404


def test_nobody_else_finds_it(acme, alice, alice_client, client, send):
    with scope(acme):
        minted = api_keys.create(acme, name="robot", by=alice)
        ApiKey.objects.update(scopes=["management"])
    alice.is_staff = True
    alice.save()

    by_key = client.get(BOOKS, headers={"authorization": f"Bearer {minted.text}"})

    # Staff without a second factor are nobody here either, and a key never is.
    assert [client.get(BOOKS).status_code, alice_client.get(BOOKS).status_code] == [404, 404]
    assert by_key.status_code == 404
    with service():
        assert not PriceBookVersion.objects.exists()
