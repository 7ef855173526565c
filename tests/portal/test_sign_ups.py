"""The pages of sign-ups: the staff's queue and policy, trial credit, and what the customer sees."""

from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import Budget, CreditGrant, TrialTerms
from billing.services import trials
from common.database import service
from tenants.models import ApiKey, Invitation, Organization, SignUp, SignUpPolicy, User
from tenants.scope import scope
from tenants.services import api_keys, invitations, organizations, sign_ups

QUEUE, POLICY, TRIALS = "/staff/sign-ups/", "/staff/sign-ups/policy/", "/staff/trials/"
PASSWORD = "correct horse battery"
PLAIN = {
    "way": "open",
    "welcome": [],
    "blocked": [],
    "first_rpm": None,
    "first_tpm": None,
    "first_concurrency": None,
}


@pytest.fixture
def holds(person):
    """Write a policy that differs from the open one by these facts."""
    writer = person("writer@operator.example", is_staff=True)

    def write(**facts):
        with service():
            after = sign_ups.policy().number
            sign_ups.write_policy(after=after, by=writer, **{**PLAIN, **facts})

    return write


@pytest.fixture
def waiting(holds, alice):
    """An organization of Alice's that waits for the operator."""
    holds(way="approval")
    return organizations.found(name="Acme", owner=alice, country="KZ", use="Call summaries")


@pytest.fixture
def browser(alice, waiting):
    """A browser in which Alice, who waits, is signed in."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def sign_up(waiting):
    """What she asked for."""
    with service():
        return SignUp.objects.get(organization=waiting)


def text(response, status=200):
    assert response.status_code == status
    return response.content.decode()


def admission():
    with service():
        return Organization.objects.get(slug="acme").admission


def test_an_empty_queue_says_what_will_be_here(staff_client):
    page = text(staff_client.get(QUEUE))

    assert "Nobody waits" in page
    assert "Open: everybody may" in page
    assert "Nothing was decided yet" in text(staff_client.get(QUEUE + "?show=decided"))


def test_who_waits_is_told_to_staff_on_every_overview(staff_client, waiting):
    page = text(staff_client.get("/staff/"))

    assert "Organizations that wait to be let in: 1" in page


def test_staff_reads_who_waits_and_what_for(staff_client, sign_up):
    queue = text(staff_client.get(QUEUE))
    page = text(staff_client.get(f"{QUEUE}{sign_up.pk}/"))

    assert "alice@acme.example" in queue
    for words in ("acme.example", "Kazakhstan", "Call summaries", "Address not confirmed"):
        assert words in page


def test_the_queue_asks_as_many_queries_however_long_it_is(staff_client, holds, person):
    holds(way="approval")
    found(person, range(2))
    staff_client.get(QUEUE)
    few = queries(staff_client)
    found(person, range(2, 8))

    assert queries(staff_client) == few


def queries(client):
    with CaptureQueriesContext(connections["service"]) as captured:
        assert client.get(QUEUE).status_code == 200
    return len(captured)


def found(person, numbers):
    for number in numbers:
        owner = person(f"p{number}@firm{number}.example")
        organizations.found(name=f"Firm {number}", owner=owner, country="FR")


def test_an_approval_lets_in_and_is_kept(staff_client, sign_up):
    response = staff_client.post(f"{QUEUE}{sign_up.pk}/approve/", follow=True)

    assert "The organization is let in" in text(response)
    assert admission() == "admitted"
    assert "Acme is approved" in mail.outbox[-1].subject
    assert "sam@operator.example" in text(staff_client.get(QUEUE + "?show=decided"))


def test_a_refusal_needs_a_reason(staff_client, sign_up):
    page = text(staff_client.post(f"{QUEUE}{sign_up.pk}/refuse/", {"reason": " "}), 422)

    assert 'class="error-summary"' in page
    assert admission() == "waiting"


def test_a_refusal_is_read_by_who_asked(staff_client, sign_up, browser):
    staff_client.post(f"{QUEUE}{sign_up.pk}/refuse/", {"reason": "No such company"})

    page = text(browser.get("/o/acme/"))
    assert "Not approved" in page
    assert "No such company" in page
    assert "No such company" in mail.outbox[-1].body


def test_what_was_decided_is_not_decided_again(staff_client, colleague_client, sign_up):
    staff_client.post(f"{QUEUE}{sign_up.pk}/approve/")

    response = colleague_client.post(f"{QUEUE}{sign_up.pk}/refuse/", {"reason": "No"})

    assert response.status_code == 409
    assert admission() == "admitted"


@pytest.mark.parametrize("address", [QUEUE, POLICY, TRIALS, "/staff/trials/new/"])
def test_customers_find_no_such_page(alice_client, address):
    assert alice_client.get(address).status_code == 404


def test_customers_decide_nothing(browser, sign_up):
    assert browser.post(f"{QUEUE}{sign_up.pk}/approve/").status_code == 404
    assert admission() == "waiting"


@pytest.mark.parametrize("address", ["/o/acme/", "/o/acme/onboarding/"])
def test_who_waits_sees_that_they_wait(browser, address):
    page = text(browser.get(address))

    assert "Waiting for approval" in page
    assert "Call summaries" in page
    assert "/models/" in page


def test_who_waits_looks_and_begins_nothing(browser, waiting):
    assert browser.get("/models/").status_code == 200
    assert browser.get("/o/acme/keys/").status_code == 200

    refused = browser.post("/o/acme/keys/new/", key_form(waiting))

    assert refused.status_code == 403
    assert "waits for the operator" in refused.content.decode()
    with service():
        assert not ApiKey.objects.exists()


def key_form(organization):
    with scope(organization):
        project = organization.projects.get()
    return {"name": "One", "project": project.pk, "scopes": ["inference"]}


def test_the_api_says_why_it_refuses(browser, waiting):
    answer = browser.post(
        "/api/v1/organizations/acme/keys", {"name": "One"}, content_type="application/json"
    )

    assert answer.status_code == 403
    assert answer.json()["code"] == "organization_waiting"


def test_a_key_of_who_is_not_let_in_opens_no_api(client, acme, alice):
    with scope(acme):
        minted = api_keys.create(acme, name="One", by=alice, scopes=["management"])
    with service():
        Organization.objects.update(admission="waiting")

    for address in ("/api/v1/organizations/acme/keys", "/v1/files"):
        answer = client.get(address, headers={"authorization": f"Bearer {minted.text}"})
        assert answer.status_code == 403
        assert "organization_waiting" in answer.content.decode()


def typed(**facts):
    plain = {"after": "0", "way": "open", "welcome": "", "blocked": ""}
    limits = {"first_rpm": "", "first_tpm": "", "first_concurrency": ""}
    return {**plain, **limits, **facts}


def test_staff_writes_the_policy(staff_client):
    facts = typed(
        way="approval", welcome="Gov.KZ\n@edu.kz\njane@firm.example\n", blocked="trash.example",
        first_rpm="60", first_tpm="20000",
    )  # fmt: skip

    response = staff_client.post(POLICY, facts, follow=True)

    assert "By approval" in text(response)
    policy = sign_ups.policy()
    assert policy.welcome == ["gov.kz", "edu.kz", "jane@firm.example"]
    assert (policy.blocked, policy.first_rpm, policy.first_tpm) == (["trash.example"], 60, 20000)
    page = text(staff_client.get(POLICY))
    assert "60 requests per minute" in page
    assert "gov.kz\nedu.kz" in page


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"welcome": "not a domain"}, "is neither a domain nor an e-mail address"),
        ({"welcome": "com"}, "is neither a domain nor an e-mail address"),
        ({"welcome": "a@b@c.example"}, "is neither a domain nor an e-mail address"),
        ({"blocked": "jane@firm.example"}, "is no domain"),
        ({"blocked": "a.example\n-.example"}, "“-.example” is no domain"),
        ({"way": "closed"}, "closed"),
        ({"first_rpm": "0"}, "At least 1"),
        ({"first_tpm": "many"}, "whole number"),
        ({"first_concurrency": "99999999999"}, "less than or equal"),
        ({"after": "-1"}, "greater than or equal"),
    ],
)
def test_a_wrong_policy_is_refused_at_its_field(staff_client, facts, sentence):
    assert sentence in text(staff_client.post(POLICY, typed(**facts)), 422)
    with service():
        assert not SignUpPolicy.objects.exists()


def test_a_policy_that_was_not_read_is_not_written_over(staff_client, holds):
    holds(way="invited")

    page = text(staff_client.post(POLICY, typed(way="approval")), 422)

    assert "A colleague wrote another policy meanwhile" in page
    assert sign_ups.policy().way == "invited"


def sign_in(email):
    user = User.objects.create_user(email, PASSWORD)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    client = Client()
    client.force_login(user)
    return client


NEW = {"name": "Acme", "kind": "startup", "country": "FR"}


def test_where_a_person_decides_the_use_is_asked_for(db, holds):
    holds(way="approval", welcome=["gov.kz"])
    client = sign_in("ann@firm.example")

    page = text(client.post("/organizations/new/", NEW), 422)
    response = client.post("/organizations/new/", {**NEW, "use": "Summaries"}, follow=True)

    assert "What will you use it for?" in page
    assert "Waiting for approval" in text(response)
    assert admission() == "waiting"


def test_who_is_welcome_is_asked_nothing(db, holds):
    holds(way="approval", welcome=["gov.kz"])
    client = sign_in("ann@gov.kz")

    assert "What will you use" not in text(client.get("/organizations/new/"))
    client.post("/organizations/new/", NEW)

    assert admission() == "admitted"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"way": "invited"}, "founded by invitation only"),
        ({"blocked": ["firm.example"]}, "Addresses of this domain are not accepted"),
    ],
)
def test_who_may_not_found_reads_why(db, holds, facts, words):
    holds(**facts)
    client = sign_in("ann@firm.example")

    assert words in text(client.get("/organizations/new/"), 403)
    assert words in text(client.post("/organizations/new/", NEW), 403)
    with service():
        assert not Organization.objects.exists()


@pytest.mark.parametrize("address", ["/accounts/signup/", "/accounts/signup/passkey/"])
def test_addresses_that_are_not_taken_are_refused_at_the_door(db, client, holds, person, address):
    holds(blocked=["trash.example"])
    person("known@trash.example")

    pages = [
        client.post(address, {"email": f"{name}@trash.example", "password1": PASSWORD})
        for name in ("known", "never")
    ]

    for page in pages:
        assert "Addresses of this domain are not accepted" in text(page, 422)
    assert not mail.outbox
    assert not User.objects.filter(email="never@trash.example").exists()


def test_by_invitation_only_the_invited_make_accounts(db, client, holds, acme, alice):
    with scope(acme):
        owner = acme.memberships.get(user=alice)
        token = invitations.invite(acme, email="new@x.example", role="viewer", by=owner).token
    holds(way="invited", welcome=["gov.kz"])
    mail.outbox.clear()
    facts = {"email": "new@x.example", "password1": PASSWORD}

    assert "Accounts are for who was invited" in text(client.get("/accounts/signup/"))
    for onward in ("", "/invitations/no-such-token/", "/invitations/"):
        refused = client.post("/accounts/signup/", {**facts, "next": onward})
        assert "by invitation only" in text(refused, 422)
    assert not mail.outbox

    invited = client.post("/accounts/signup/", {**facts, "next": f"/invitations/{token}/"})

    assert invited.status_code == 302
    assert mail.outbox[-1].to == ["new@x.example"]
    with service():
        assert Invitation.objects.pending().exists()


def test_who_is_on_the_list_makes_an_account(db, client, holds):
    holds(way="invited", welcome=["gov.kz"])

    response = client.post("/accounts/signup/", {"email": "ann@gov.kz", "password1": PASSWORD})

    assert response.status_code == 302


TERMS = {"currency": "EUR", "amount": "10", "validity_days": "14", "daily_spend": "2.50"}


def test_trial_credit_is_agreed_to_by_two(staff_client, colleague_client):
    assert "Nothing is given" in text(staff_client.get(TRIALS))
    staff_client.post("/staff/trials/new/", TERMS)
    with service():
        terms = TrialTerms.objects.get()
    page = f"{TRIALS}{terms.pk}/"

    own = staff_client.post(page + "approve/")
    assert own.status_code == 403
    assert "A colleague decides" in text(staff_client.get(page))
    assert "Trial credit to approve: 1" in text(staff_client.get("/staff/"))
    approved = colleague_client.post(page + "approve/", follow=True)

    assert "It holds for every organization" in text(approved)
    with service():
        held = trials.in_force("EUR")
    assert (held.amount, held.validity_days, held.daily_spend) == (10, 14, Decimal("2.50"))


def test_trial_credit_is_refused_with_a_reason_or_taken_back(staff_client, colleague_client):
    staff_client.post("/staff/trials/new/", TERMS)
    with service():
        first = TrialTerms.objects.get()
    assert text(colleague_client.post(f"{TRIALS}{first.pk}/refuse/", {"answer": ""}), 422)
    refused = colleague_client.post(
        f"{TRIALS}{first.pk}/refuse/", {"answer": "Too much"}, follow=True
    )
    staff_client.post("/staff/trials/new/", TERMS)
    with service():
        second = TrialTerms.objects.waiting().get()
    staff_client.post(f"{TRIALS}{second.pk}/take-back/")

    assert "Too much" in text(refused)
    with service():
        assert sorted(TrialTerms.objects.values_list("status", flat=True)) == [
            "refused",
            "withdrawn",
        ]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"currency": "euro"}, "Three letters"),
        ({"amount": "-1"}, "greater than or equal"),
        ({"amount": "1.001"}, "2 decimals at most"),
        ({"amount": "1e9"}, "Write a number"),
        ({"validity_days": "0"}, "greater than or equal"),
        ({"validity_days": "٣٠"}, "whole number"),
        ({"daily_spend": "0"}, "greater than or equal"),
    ],
)
def test_wrong_terms_are_refused_at_their_field(staff_client, facts, sentence):
    assert sentence in text(staff_client.post("/staff/trials/new/", {**TERMS, **facts}), 422)
    with service():
        assert not TrialTerms.objects.exists()


@pytest.fixture
def tried(person, holds):
    """An organization of somebody new, with trial credit and first limits."""
    sam, kim = (person(f"{it}-agrees@operator.example", is_staff=True) for it in ("sam", "kim"))
    holds(first_rpm=60)
    with service():
        terms = trials.propose(
            currency="EUR", amount=Decimal(10), validity_days=30, daily_spend=Decimal(2), by=sam
        )
        trials.approve(terms, by=kim)
    client = sign_in("ann@firm.example")
    client.post("/organizations/new/", NEW)
    return client


def test_a_new_customer_sees_what_they_got_and_to_what_they_are_held(tried):
    page = text(tried.get("/o/acme/"))

    assert "Trial credit: 10.00 EUR left" in page
    assert "what is left then is not paid out" in page
    assert "60 requests per minute" in page
    assert "lifted after your first purchase, or with a contract" in page
    assert "lifted after your first purchase, or with a contract" in text(
        tried.get("/o/acme/settings/")
    )


def test_the_operators_budget_is_shown_and_not_changed(tried):
    with service():
        budget = Budget.objects.get()

    page = text(tried.get("/o/acme/billing/budgets/"))
    closed = tried.post(f"/o/acme/billing/budgets/{budget.pk}/delete/")
    api = tried.delete(f"/api/v1/organizations/acme/budgets/{budget.pk}")

    assert "First spending limit" in page
    assert f"/budgets/{budget.pk}/" not in page
    assert (closed.status_code, api.status_code) == (403, 403)
    with service():
        assert Budget.objects.open().count() == 1


def test_staff_lifts_first_limits(tried, staff_client):
    assert "First limits" in text(staff_client.get("/staff/customers/acme/limits/"))

    staff_client.post("/staff/customers/acme/first-limits/lift/")

    assert "First limits" not in text(staff_client.get("/staff/customers/acme/limits/"))
    assert "First limits" not in text(tried.get("/o/acme/"))
    with service():
        assert not Budget.objects.open().exists()
        assert CreditGrant.objects.get().remaining == 10
