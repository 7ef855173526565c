"""Sign-ups, trials and amounts over the staff's API: the same services, the same four eyes as pages."""

import uuid

import pytest

from billing.models import SpendAlarm, TrialTerms
from billing.services import trials
from common.database import service
from tenants.models import Membership, Organization, SignUp, SignUpPolicy, User
from tenants.services import organizations

API = "/api/v1/staff"
JSON = {"content_type": "application/json"}
POLICY = {
    "after": 0,
    "way": "approval",
    "welcome": ["@Gov.KZ", "ann@firm.example"],
    "blocked": ["trash.example"],
    "first_rpm": 6,
    "first_tpm": None,
    "first_concurrency": 2,
}
TERMS = {"currency": "EUR", "amount": "10.00", "validity_days": 30, "daily_spend": "2"}


def send(client, path, body=None, method="post", **headers):
    return getattr(client, method)(f"{API}/{path}", body or {}, headers=headers, **JSON)


def ask(client, path):
    return client.get(f"{API}/{path}")


@pytest.fixture
def waiting(staff_client, person):
    """The sign-up of an organization that waits."""
    assert send(staff_client, "sign-up-policy", POLICY).status_code == 201
    founder = person("founder@waiting.example")
    organization = organizations.found(name="Waiting", owner=founder, country="KZ", use="Letters")
    with service():
        return SignUp.objects.get(organization=organization)


def admission():
    with service():
        return Organization.objects.get(slug="waiting").admission


def test_a_policy_is_written_after_the_one_that_was_read(staff_client):
    none = ask(staff_client, "sign-up-policy").json()
    written = send(staff_client, "sign-up-policy", POLICY)
    late = send(staff_client, "sign-up-policy", POLICY | {"way": "open"})

    assert (none["number"], none["way"], none["written_by"]) == (0, "open", None)
    assert (written.status_code, late.status_code) == (201, 409)
    told = ask(staff_client, "sign-up-policy").json()
    assert told == written.json()
    assert (told["number"], told["way"], told["first_rpm"]) == (1, "approval", 6)
    assert (told["welcome"], told["blocked"]) == (
        ["gov.kz", "ann@firm.example"],
        ["trash.example"],
    )
    (listed,) = ask(staff_client, "sign-up-policies").json()["results"]
    assert listed == told


def test_a_policy_is_written_once_a_key(staff_client):
    key = {"Idempotency-Key": "policy-1"}
    first = send(staff_client, "sign-up-policy", POLICY, **key)
    again = send(staff_client, "sign-up-policy", POLICY, **key)

    assert (first.json(), again.headers["Idempotent-Replayed"]) == (again.json(), "true")


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"way": "maybe"}, "way"),
        ({"welcome": ["com"]}, "welcome"),
        ({"welcome": "gov.kz"}, "welcome"),
        ({"blocked": ["ann@firm.example"]}, "blocked"),
        ({"blocked": ["\0"]}, "blocked"),
        ({"blocked": [{"a": 1}]}, "blocked"),
        ({"first_rpm": 0}, "first_rpm"),
        ({"first_tpm": 2**31}, "first_tpm"),
        ({"after": -1}, "after"),
        ({"smell": "sweet"}, "smell"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_its_field(staff_client, facts, field):
    answer = send(staff_client, "sign-up-policy", POLICY | facts)

    assert answer.status_code == 400, answer.json()
    assert field in answer.json()["field_errors"]
    with service():
        assert not SignUpPolicy.objects.exists()


def test_a_policy_is_said_whole(staff_client):
    partly = {name: it for name, it in POLICY.items() if name != "blocked"}

    answer = send(staff_client, "sign-up-policy", partly)

    assert list(answer.json()["field_errors"]) == ["blocked"]


def test_who_waits_is_listed_and_let_in_once(staff_client, colleague_client, waiting):
    (row,) = ask(staff_client, "sign-ups").json()["results"]
    one = ask(staff_client, f"sign-ups/{waiting.pk}").json()

    assert (row["organization"], row["use"], row["country"]) == ("waiting", "Letters", "KZ")
    assert (row["admission"], one["is_verified"]) == ("waiting", False)
    told = send(staff_client, f"sign-ups/{waiting.pk}/approve").json()
    assert (told["admission"], told["decided_by"]) == ("admitted", "sam@operator.example")
    again = send(colleague_client, f"sign-ups/{waiting.pk}/refuse", {"reason": "No"})
    assert (again.status_code, admission()) == (409, "admitted")
    assert ask(staff_client, "sign-ups").json()["results"] == []
    (decided,) = ask(staff_client, "sign-ups?state=decided").json()["results"]
    assert decided["id"] == str(waiting.pk)


def test_a_refusal_has_a_reason(staff_client, waiting):
    for body in ({}, {"reason": " "}, {"reason": "x" * 501}, {"why": "x"}):
        assert send(staff_client, f"sign-ups/{waiting.pk}/refuse", body).status_code == 400
    assert admission() == "waiting"

    told = send(staff_client, f"sign-ups/{waiting.pk}/refuse", {"reason": "Not in the register"})

    assert (told.json()["admission"], told.json()["answer"]) == ("refused", "Not in the register")


def test_nobody_decides_on_their_own(staff_client, waiting):
    with service():
        sam = User.objects.get(email="sam@operator.example")
        Membership.objects.create(organization=waiting.organization, user=sam, role="member")

    answers = [
        send(staff_client, f"sign-ups/{waiting.pk}/approve"),
        send(staff_client, f"sign-ups/{waiting.pk}/refuse", {"reason": "x"}),
    ]

    assert [it.status_code for it in answers] == [403, 403]
    assert admission() == "waiting"


def test_terms_of_trials_hold_once_a_colleague_approves(staff_client, colleague_client):
    made = send(staff_client, "trial-terms", TERMS)
    assert made.status_code == 201, made.json()
    terms = made.json()
    assert (terms["status"], terms["amount"], terms["daily_spend"]) == ("proposed", "10.00", "2.00")
    path = f"trial-terms/{terms['id']}"

    own = send(staff_client, f"{path}/approve")
    told = send(colleague_client, f"{path}/approve").json()

    assert (own.status_code, told["status"], told["is_in_force"]) == (403, "approved", True)
    assert send(colleague_client, f"{path}/refuse", {"answer": "x"}).status_code == 409
    assert send(staff_client, "trial-terms", TERMS).status_code == 400
    (row,) = ask(staff_client, "trial-terms?currency=EUR&status=approved").json()["results"]
    assert row == ask(staff_client, path).json() == told
    assert ask(staff_client, "trial-terms?currency=%00").json()["results"] == []


def test_terms_are_refused_or_taken_back(staff_client, colleague_client):
    first = send(staff_client, "trial-terms", TERMS).json()
    second = send(colleague_client, "trial-terms", TERMS | {"amount": "20"})
    assert second.status_code == 409
    path = f"trial-terms/{first['id']}"
    assert send(colleague_client, f"{path}/refuse", {}).status_code == 400

    told = send(colleague_client, f"{path}/refuse", {"answer": "Too much"}).json()
    third = send(staff_client, "trial-terms", TERMS).json()
    back = send(staff_client, f"trial-terms/{third['id']}/withdraw").json()

    assert (told["status"], told["answer"], back["status"]) == ("refused", "Too much", "withdrawn")
    with service():
        assert trials.in_force("EUR") is None


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"currency": "euro"}, "currency"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "1000001"}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"validity_days": 0}, "validity_days"),
        ({"daily_spend": "0"}, "daily_spend"),
        ({"words": "x" * 501}, "words"),
        ({"smell": "sweet"}, "smell"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_their_field(staff_client, facts, field):
    answer = send(staff_client, "trial-terms", TERMS | facts)

    assert answer.status_code == 400, answer.json()
    assert field in answer.json()["field_errors"]
    with service():
        assert not TrialTerms.objects.exists()


def test_first_limits_are_told_and_lifted(staff_client, colleague_client, waiting):
    terms = send(staff_client, "trial-terms", TERMS).json()
    send(colleague_client, f"trial-terms/{terms['id']}/approve")
    send(staff_client, f"sign-ups/{waiting.pk}/approve")
    trials.begin(waiting.organization_id)
    path = "customers/waiting/first-limits"

    held = ask(staff_client, path).json()
    lifted = send(staff_client, f"{path}/lift").json()

    assert held == {
        "first_rpm": 6,
        "first_tpm": None,
        "first_concurrency": 2,
        "daily_spend": "2.00",
        "currency": "EUR",
    }
    assert lifted == {**dict.fromkeys(held), "currency": "EUR"}
    assert ask(staff_client, "customers/nobody/first-limits").status_code == 404


def test_amounts_are_read_and_set(staff_client):
    (before,) = ask(staff_client, "signals/amounts").json()
    body = {"hour": "10", "day": "20.50", "new_account": "5"}

    told = send(staff_client, "signals/amounts/EUR", body, method="put").json()

    assert (before["hour"], before["is_set"]) == ("50.00", False)
    assert told == ask(staff_client, "signals/amounts/EUR").json()
    assert (told["day"], told["is_set"]) == ("20.50", True)


@pytest.mark.parametrize(
    ("facts", "status", "field"),
    [
        ({"hour": "21"}, 422, "hour"),
        ({"day": "0"}, 422, "day"),
        ({"day": "99999999999"}, 422, "day"),
        ({"new_account": "-1"}, 400, "new_account"),
        ({"new_account": None}, 400, "new_account"),
        ({"smell": "sweet"}, 400, "smell"),
    ],
)
def test_amounts_nobody_means_are_refused_by_their_field(staff_client, facts, status, field):
    body = {"hour": "10", "day": "20", "new_account": "5"} | facts

    answer = send(staff_client, "signals/amounts/EUR", body, method="put")

    assert (answer.status_code, list(answer.json()["field_errors"])) == (status, [field])
    with service():
        assert not SpendAlarm.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "sign-up-policy"),
        ("post", "sign-up-policy"),
        ("get", "sign-up-policies"),
        ("get", "sign-ups"),
        ("get", f"sign-ups/{uuid.UUID(int=1)}"),
        ("post", f"sign-ups/{uuid.UUID(int=1)}/approve"),
        ("post", f"sign-ups/{uuid.UUID(int=1)}/refuse"),
        ("get", "trial-terms"),
        ("post", "trial-terms"),
        ("get", f"trial-terms/{uuid.UUID(int=1)}"),
        ("post", f"trial-terms/{uuid.UUID(int=1)}/approve"),
        ("post", f"trial-terms/{uuid.UUID(int=1)}/refuse"),
        ("post", f"trial-terms/{uuid.UUID(int=1)}/withdraw"),
        ("get", "customers/acme/first-limits"),
        ("post", "customers/acme/first-limits/lift"),
        ("get", "signals/amounts"),
        ("get", "signals/amounts/EUR"),
        ("put", "signals/amounts/EUR"),
    ],
)
def test_to_everybody_else_it_does_not_exist(alice_client, client, acme, method, path):
    assert {
        getattr(it, method)(f"{API}/{path}", **JSON).status_code for it in (alice_client, client)
    } == {404}


def test_a_page_of_another_number_is_not_found(staff_client, waiting):
    assert ask(staff_client, "sign-ups?cursor=x").status_code == 404
    assert ask(staff_client, "sign-ups?state=maybe").status_code == 400
    assert ask(staff_client, "sign-ups?limit=1").json()["results"][0]["organization"] == "waiting"
    assert ask(staff_client, "sign-up-policies?cursor=x").status_code == 404
