"""Contracts and plans over the management API: staff's, and refused by field, reason and what would do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import Contract, Plan
from billing.services import plans
from common.database import service
from marketplace import demo
from marketplace.models import Offer
from marketplace.services import books

CONTRACTS = "/api/v1/staff/customers/acme/contracts"
ORDERS = "/api/v1/staff/customers/acme/purchase-orders"
PLANS = "/api/v1/staff/plans"
POSTPAID = {"overage": "credit_then_invoice", "credit_limit": "500.00"}


def day(offset=0):
    return (timezone.now().date() + timedelta(days=offset)).isoformat()


def through(client):
    """Return a function that sends JSON."""

    def send(method, path, body=None):
        return getattr(client, method)(path, body, content_type="application/json")

    return send


@pytest.fixture
def send(staff_client, acme):
    """Send JSON as staff do."""
    return through(staff_client)


@pytest.fixture
def sign(colleague_client):
    """Sign as somebody else of the staff, as it stands."""

    def sign(path):
        send = through(colleague_client)
        seen = send("get", path.removesuffix("/sign")).json()["version"]
        return send("post", path, {"seen": seen})

    return sign


@pytest.fixture
def signed(send, sign):
    """A contract that begins today."""
    drafted = send("post", CONTRACTS, {"number": "C-1", "starts_on": day(), **POSTPAID}).json()
    return sign(f"{CONTRACTS}/{drafted['id']}/sign").json()


def test_staff_draft_change_and_sign_a_contract(send, sign):
    wanted = {"number": "C-1", "starts_on": day(1), "net_days": 45, **POSTPAID}
    drafted = send("post", CONTRACTS, wanted)
    one = f"{CONTRACTS}/{drafted.json()['id']}"
    assert (drafted.status_code, drafted.json()["status"]) == (201, "draft")

    stages = [{"days": 10, "act": "mail"}]
    changed = send("patch", one, {"dunning": stages, "recipients": ["bills@acme.example"]})
    signed = sign(f"{one}/sign")

    assert (changed.status_code, signed.status_code) == (200, 200)
    told = send("get", one).json()
    assert (told["status"], told["net_days"], told["credit_limit"]) == ("active", 45, "500")
    assert (told["dunning"], told["recipients"]) == (stages, ["bills@acme.example"])
    assert [it["number"] for it in send("get", CONTRACTS).json()] == ["C-1"]
    assert send("patch", one, {"net_days": 1}).json()["code"] == "contract_signed"
    assert send("delete", one).status_code == 409


def test_who_drafted_or_changed_a_contract_last_does_not_sign_it(send, sign, colleague_client):
    drafted = send("post", CONTRACTS, {"number": "C-1", "starts_on": day(1), **POSTPAID}).json()
    one = f"{CONTRACTS}/{drafted['id']}"
    assert drafted["drafted_by"] == "sam@operator.example"

    refused = send("post", f"{one}/sign", {"seen": drafted["version"]})
    changed = through(colleague_client)("patch", one, {"net_days": 10}).json()
    refused_too = sign(f"{one}/sign")

    assert (refused.status_code, refused_too.status_code) == (403, 403)
    assert send("get", one).json()["status"] == "draft"
    signed = send("post", f"{one}/sign", {"seen": changed["version"]}).json()
    assert (signed["signed_by"], signed["version"]) == ("sam@operator.example", None)


def test_who_signs_names_what_they_have_read(send, colleague_client):
    drafted = send("post", CONTRACTS, {"number": "C-1", "starts_on": day(1), **POSTPAID}).json()
    other, one = through(colleague_client), f"{CONTRACTS}/{drafted['id']}"
    seen = other("get", one).json()["version"]
    send("patch", one, {"net_days": 90})

    for body, status, code in [
        (None, 400, "invalid_request"),
        ({"seen": ""}, 400, "invalid_request"),
        ({"seen": seen}, 409, "conflict"),
    ]:
        refused = other("post", f"{one}/sign", body)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert send("get", one).json()["status"] == "draft"


@pytest.mark.parametrize("act", ["publish", "retire"])
def test_who_signs_has_read_what_the_book_says(send, colleague_client, sign, act):
    demo.seed()
    offer = Offer.objects.get(name="atlas-mini")
    with service():
        book = books.create(code="acme", name="Acme", currency="EUR", by=None)
        for amount in ("0.1", "0.2"):
            version = books.draft(book, by=None)
            told = {"model": "per_unit", "unit_amount": amount}
            books.put(version, offer, {(it, "standard"): told for it in ("input", "output")})
            if amount == "0.1":
                books.publish(version, by=None)
    body = {"number": "C-1", "starts_on": day(1), "price_book": "acme", **POSTPAID}
    one = f"{CONTRACTS}/{send('post', CONTRACTS, body).json()['id']}"
    seen = send("get", one).json()["version"]
    with service():
        if act == "publish":
            books.publish(version, by=None)
        else:
            books.retire(book, offer, by=None)

    assert through(colleague_client)("post", f"{one}/sign", {"seen": seen}).status_code == 409
    assert sign(f"{one}/sign").status_code == 200


def test_a_contract_is_changed_from_a_day_on_by_one_like_it(send, sign, signed):
    body = {"number": "C-2", "starts_on": day(20), "like": "C-1", "net_days": 10}
    drafted = send("post", CONTRACTS, body).json()
    assert (drafted["credit_limit"], drafted["net_days"]) == ("500", 10)

    sign(f"{CONTRACTS}/{drafted['id']}/sign")

    before = send("get", f"{CONTRACTS}/{signed['id']}").json()
    assert (before["ends_on"], before["net_days"]) == (day(19), 30)


def test_a_draft_is_thrown_away(send):
    drafted = send("post", CONTRACTS, {"number": "C-1", "starts_on": day()}).json()

    assert send("delete", f"{CONTRACTS}/{drafted['id']}").status_code == 204
    assert send("get", f"{CONTRACTS}/{drafted['id']}").status_code == 404


@pytest.mark.parametrize(
    ("facts", "field", "words"),
    [
        ({"starts_on": "2020-01-01"}, "starts_on", day()),
        ({"price_book": "gone"}, "price_book", "is not one of"),
        ({"plan": "gone"}, "plan", "is not one of"),
        ({"like": "C-404"}, "like", "is not one of"),
        ({"overage": "free"}, "overage", "credit_only, credit_then_invoice"),
        ({"credit_limit": "5"}, "credit_limit", "may owe"),
        ({"credit_limit": "NaN"}, "credit_limit", "match"),
        ({"commitment": "-1"}, "commitment", "match"),
        ({"commitment": "0.001"}, "commitment", "2 decimals"),
        ({"time_zone": "Mars/Base"}, "time_zone", "no such time zone"),
        ({"ends_on": "2020-01-01"}, "ends_on", "first day or later"),
        ({"net_days": 400}, "net_days", "365"),
        ({"dunning": [{"days": 1, "act": "shout"}]}, "dunning", "mail"),
        ({"number": ""}, "number", "blank"),
        ({"discount": "5"}, "discount", "known: collection, commitment"),
    ],
)
def test_what_cannot_be_agreed_names_the_field_the_reason_and_what_would_do(
    send, facts, field, words
):
    refused = send("post", CONTRACTS, {"number": "C-1", "starts_on": day(1)} | facts)

    assert refused.status_code in (400, 422)
    assert list(refused.json()["field_errors"]) == [field]
    assert words in str(refused.json()["field_errors"])
    with service():
        assert not Contract.objects.exists()


def test_contracts_that_would_overlap_name_the_other(send, sign, signed):
    end = {"number": "C-2", "starts_on": day(5), "ends_on": day(9)}
    second = send("post", CONTRACTS, end).json()
    sign(f"{CONTRACTS}/{second['id']}/sign")
    third = send("post", CONTRACTS, {"number": "C-3", "starts_on": day(7)}).json()

    refused = sign(f"{CONTRACTS}/{third['id']}/sign")

    assert (refused.status_code, refused.json()["code"]) == (409, "contract_overlaps")
    assert "C-2" in refused.json()["field_errors"]["starts_on"][0]
    assert day(9) in refused.json()["field_errors"]["starts_on"][0]
    fourth = send("post", CONTRACTS, {"number": "C-4", "starts_on": day(2)}).json()
    refused = sign(f"{CONTRACTS}/{fourth['id']}/sign")
    assert "C-2" in refused.json()["field_errors"]["ends_on"][0]


def test_an_end_is_proposed_by_one_and_approved_by_another(send, signed, colleague_client):
    ends, other = f"{CONTRACTS}/{signed['id']}/ends", through(colleague_client)
    past = send("post", ends, {"ends_on": "2020-01-01", "words": "gone"})
    assert (past.status_code, list(past.json()["field_errors"])) == (422, ["ends_on"])
    unknown = send("post", ends, {"ends_on": day(3), "followed_by": "none", "words": "gone"})
    assert list(unknown.json()["field_errors"]) == ["followed_by"]

    end = send("post", ends, {"ends_on": day(3), "words": "they asked"}).json()
    decide = f"/api/v1/staff/contract-ends/{end['id']}"
    body = {"seen": end["version"]}
    assert send("post", f"{decide}/approve", body).status_code == 403
    assert other("post", f"{decide}/approve").status_code == 400
    assert other("post", f"{decide}/approve", {"seen": "other"}).status_code == 409
    assert other("post", f"{decide}/approve", body).json()["status"] == "approved"
    assert other("post", f"{decide}/refuse").status_code == 409

    assert send("get", f"{CONTRACTS}/{signed['id']}").json()["ends_on"] == day(3)
    assert [it["words"] for it in send("get", ends).json()] == ["they asked"]


def test_purchase_orders_are_noted_and_closed(send):
    body = {"number": "PO-7", "amount": "1000.00", "starts_on": day(), "lapses_on": day(30)}
    order = send("post", ORDERS, body)
    assert (order.status_code, order.json()["left"]) == (201, "1000")
    assert send("post", ORDERS, body).json()["code"] == "purchase_order_taken"
    wrong = send("post", ORDERS, body | {"number": "PO-8", "lapses_on": day()})
    assert list(wrong.json()["field_errors"]) == ["lapses_on"]

    assert send("post", f"{ORDERS}/{order.json()['id']}/close").json()["left"] == "0"
    assert [it["number"] for it in send("get", ORDERS).json()] == ["PO-7"]


def test_a_plan_is_made_changed_and_retired_and_contracts_keep_what_they_copied(send, sign):
    made = send("post", PLANS, {"code": "gold", "name": "Gold", "net_days": 14, **POSTPAID})
    assert (made.status_code, made.json()["customers"]) == (201, 0)
    body = {"number": "C-1", "starts_on": day(), "plan": "gold"}
    drafted = send("post", CONTRACTS, body).json()
    sign(f"{CONTRACTS}/{drafted['id']}/sign")

    changed = send("patch", f"{PLANS}/gold", {"net_days": 7, "is_offered": False}).json()

    assert (changed["net_days"], changed["is_offered"]) == (7, False)
    contract = send("get", f"{CONTRACTS}/{drafted['id']}").json()
    assert (contract["plan"], contract["net_days"]) == ("gold", 14)
    refused = send("post", CONTRACTS, body | {"number": "C-2"})
    assert list(refused.json()["field_errors"]) == ["plan"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"code": "gold"}, "code"),
        ({"code": "new"}, "code"),
        ({"credit_limit": "5"}, "credit_limit"),
        ({"currency": "XXX"}, "currency"),
        ({"price_book": "gone"}, "price_book"),
    ],
)
def test_a_plan_nobody_could_live_by_is_refused_by_field(send, facts, field):
    send("post", PLANS, {"code": "gold", "name": "Gold"})

    refused = send("post", PLANS, {"code": "silver", "name": "Silver"} | facts)

    assert list(refused.json()["field_errors"]) == [field]
    with service():
        assert list(Plan.objects.values_list("code", flat=True)) == ["gold"]


@pytest.mark.parametrize("path", [CONTRACTS, ORDERS, PLANS])
def test_nobody_else_sees_them(alice_client, acme, path):
    assert alice_client.get(path).status_code == 404


def test_staff_keep_plans_in_the_browser(staff_client, acme):
    form = {
        "name": "Gold", "code": "gold", "currency": "EUR", "commitment": "10", "credit_limit": "0",
        "overage": "credit_only", "net_days": "14", "grace_days": "0", "late_days": "90",
        "tax_treatment": "automatic", "collection": "choice", "dunning": "10 mail",
    }  # fmt: skip
    assert b"No plans yet" in staff_client.get("/staff/plans/").content
    assert staff_client.get("/staff/plans/new/").status_code == 200
    assert staff_client.post("/staff/plans/new/", form).status_code == 302
    assert staff_client.post("/staff/plans/new/", form).status_code == 422
    assert b"10 mail" in staff_client.get("/staff/plans/gold/").content

    edited = form | {"net_days": "7", "code": "other"}
    assert staff_client.post("/staff/plans/gold/", edited).status_code == 302
    draft = staff_client.get("/staff/customers/acme/contracts/new/?plan=gold")
    assert draft.context["form"].initial["net_days"] == 7
    staff_client.post("/staff/plans/gold/offer/", {"retire": ""})

    with service():
        plan = Plan.objects.get()
        assert (plan.code, plan.net_days, plan.is_offered) == ("gold", 7, False)
        assert plan.dunning == [{"days": 10, "act": "mail"}]
    gone = staff_client.get("/staff/customers/acme/contracts/new/?plan=gold")
    assert gone.status_code == 404


def test_saving_a_plan_unchanged_leaves_no_trace(person):
    sam = person("sam-of-plans@operator.example", is_staff=True)
    with service():
        plan = plans.open_plan(code="gold", name="Gold", by=sam)
        saved = plan.updated_at
        assert plans.change(plan, name="Gold", by=sam).updated_at == saved
