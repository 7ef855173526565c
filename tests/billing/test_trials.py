"""New customers get something to try: on terms two agreed to, once each, until they buy."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from billing import queries
from billing.errors import OperatorsBudget, TrialNotWaiting
from billing.models import Budget, CreditGrant, LedgerEntry, TrialCredit, TrialTerms
from billing.services import budgeting, contracts, credits, trials
from common.database import service
from common.errors import Conflict, DomainError, Forbidden
from tenants.models import AuditEntry, Membership, Organization, Role, SignUp
from tenants.scope import scope
from tenants.services import organizations, sign_ups


@pytest.fixture
def propose(sam):
    """Propose terms of ten euros for thirty days."""

    def make(**facts):
        with service():
            terms = {"currency": "EUR", "amount": Decimal(10), "validity_days": 30}
            return trials.propose(by=sam, **(terms | facts))

    return make


@pytest.fixture
def agree(propose, kim):
    """Let such terms hold."""

    def make(**facts):
        terms = propose(**facts)
        with service():
            return trials.approve(terms, by=kim)

    return make


@pytest.fixture
def verified(person):
    """Make a person who has shown that the address is theirs."""

    def make(email):
        made = person(email)
        EmailAddress.objects.create(user=made, email=email, primary=True, verified=True)
        return made

    return make


def found(owner, name="One", **facts):
    return organizations.found(name=name, owner=owner, country="FR", **facts)


def grants(organization):
    with service():
        return list(CreditGrant.objects.filter(organization=organization))


def test_who_is_let_in_gets_the_credit_once(agree, verified, books):
    agree()
    before = timezone.now()

    one = found(verified("ann@firm.example"))
    for _time in range(2):
        trials.begin(one.pk)
    trials.sweep()

    (given,) = grants(one)
    assert (given.kind, given.granted, given.cost_basis) == ("promotional", Decimal(10), 0)
    assert given.source_key == "trial"
    assert before + timedelta(days=30) <= given.expires_at <= timezone.now() + timedelta(days=30)
    assert given in CreditGrant.objects.using("service").gifts()
    with scope(one):
        assert queries.balance(one).live.amount == Decimal(10)
        kinds = set(LedgerEntry.objects.values_list("account__kind", flat=True))
    assert "revenue" not in kinds
    assert "deferred_revenue" not in kinds


def test_without_terms_nobody_gets_anything(propose, verified):
    propose()

    one = found(verified("ann@firm.example"))

    assert grants(one) == []
    with service():
        assert not TrialCredit.objects.exists()


def test_terms_of_another_currency_give_nothing(agree, verified):
    agree(currency="USD")

    assert grants(found(verified("ann@firm.example"))) == []


def test_who_was_let_in_before_the_terms_gets_nothing(agree, verified):
    one = found(verified("ann@firm.example"))
    agree()

    trials.sweep()

    assert grants(one) == []


def test_terms_that_hold_when_somebody_is_let_in_stay_theirs(agree, person):
    agree()
    ann = person("ann@firm.example")
    one = found(ann)
    agree(amount=Decimal(99))
    EmailAddress.objects.create(user=ann, email=ann.email, primary=True, verified=True)

    trials.sweep()

    assert [it.granted for it in grants(one)] == [Decimal(10)]


def test_before_the_address_is_confirmed_nothing_is_given(agree, person):
    agree()
    ann = person("ann@firm.example")
    one = found(ann)
    trials.sweep()
    assert grants(one) == []

    EmailAddress.objects.create(user=ann, email=ann.email, primary=True, verified=True)
    trials.sweep()

    assert len(grants(one)) == 1


def test_another_address_of_the_person_does_not_confirm_it(agree, person):
    agree()
    ann = person("ann@firm.example")
    EmailAddress.objects.create(user=ann, email="ann@other.example", verified=True)

    assert grants(found(ann)) == []


def test_who_waits_gets_it_when_they_are_let_in(agree, verified, sam, kim):
    agree()
    with service():
        sign_ups.write_policy(
            after=0, by=sam, way="approval", welcome=[], blocked=[],
            first_rpm=None, first_tpm=None, first_concurrency=None,
        )  # fmt: skip
    one = found(verified("ann@firm.example"))
    trials.begin(one.pk)
    trials.sweep()
    assert grants(one) == []

    with service():
        sign_ups.approve(SignUp.objects.get(organization=one), by=kim)

    assert len(grants(one)) == 1


def test_a_person_with_ten_organizations_gets_it_once(agree, verified):
    agree()
    ann = verified("ann@firm.example")

    made = [found(ann, name=f"Firm {number}") for number in range(10)]

    assert [len(grants(it)) for it in made] == [1] + [0] * 9
    with service():
        assert TrialCredit.objects.count() == 10


@pytest.mark.parametrize("email", ["ann+two@firm.example", "Ann+x@FIRM.example"])
def test_a_mailbox_gets_it_once_whatever_is_added_to_its_name(agree, verified, email):
    agree()
    found(verified("ann@firm.example"))

    assert grants(found(verified(email), name="Two")) == []
    assert len(grants(found(verified("anne@firm.example"), name="Three"))) == 1


def test_two_organizations_of_a_person_that_begin_at_once_get_it_once(agree, person, books):
    agree()
    ann = person("ann@firm.example")
    pair = [found(ann, name=name) for name in ("One", "Two")]
    EmailAddress.objects.create(user=ann, email=ann.email, primary=True, verified=True)
    at_once([lambda pk=it.pk: trials.begin(pk) for it in pair])

    assert sorted(len(grants(it)) for it in pair) == [0, 1]
    with service():
        assert TrialCredit.objects.filter(grant__isnull=False).count() == 1


def test_one_organization_begun_at_once_by_two_gets_it_once(agree, person, books):
    agree()
    ann = person("ann@firm.example")
    one = found(ann)
    EmailAddress.objects.create(user=ann, email=ann.email, primary=True, verified=True)
    at_once([lambda: trials.begin(one.pk)] * 2)

    assert len(grants(one)) == 1


def at_once(works):
    together, troubles = threading.Barrier(len(works)), []

    def run(work):
        together.wait()
        try:
            work()
        except Exception as trouble:  # noqa: BLE001 - told below
            troubles.append(trouble)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


def test_what_expires_is_no_revenue(agree, verified, books):
    agree()
    one = found(verified("ann@firm.example"))
    (given,) = grants(one)
    with service():
        CreditGrant.objects.filter(pk=given.pk).update(expires_at=timezone.now())
        assert credits.expire(given) == 0

    with scope(one):
        assert queries.balance(one).live.amount == 0
        kinds = set(LedgerEntry.objects.values_list("account__kind", flat=True))
    assert kinds & {"revenue", "breakage"} == set()


def test_spending_is_held_until_the_first_purchase(agree, verified, sam):
    agree(daily_spend=Decimal(2))
    one = found(verified("ann@firm.example"))
    with service():
        (limit,) = Budget.objects.filter(organization=one)
    assert (limit.amount, limit.window, limit.is_hard) == (Decimal(2), "day", True)

    trials.lift_for_known(one.pk)
    assert limit_is_open(one)
    trials.lift(one, by=sam, reason="A pilot")
    trials.begin(one.pk)
    trials.sweep()

    assert not limit_is_open(one)


@pytest.fixture
def sign(sam, kim):
    """Sign a contract with an organization that begins in a month."""

    def make(organization):
        starts = timezone.localdate() + timedelta(days=30)
        facts = {"number": "C-1", "starts_on": starts, "time_zone": "UTC"}
        with service():
            contract = contracts.draft(organization, by=sam, facts=facts)
            return contracts.sign(contract, by=kim, seen=contract.version)

    return make


def test_a_signed_contract_lifts_what_holds_new_customers(agree, verified, first_rpm, sign, kim):
    agree(daily_spend=Decimal(2))
    one = found(verified("ann@firm.example"))
    with service():
        assert Organization.objects.get(pk=one.pk).first_rpm == 6

    sign(one)

    assert not limit_is_open(one)
    with service():
        assert not Organization.objects.get(pk=one.pk).has_first_limits
        entry = AuditEntry.objects.get(action="first_limits.lifted")
    assert (entry.actor_kind, entry.after["reason"]) == ("system", "A signed contract")


def test_a_draft_of_a_contract_lifts_nothing(agree, verified, sam):
    agree(daily_spend=Decimal(2))
    one = found(verified("ann@firm.example"))
    facts = {"number": "C-1", "starts_on": timezone.localdate(), "time_zone": "UTC"}
    with service():
        contracts.draft(one, by=sam, facts=facts)

    trials.lift_for_known(one.pk)
    trials.sweep()

    assert limit_is_open(one)


def test_who_has_a_contract_before_they_begin_is_held_to_no_spending(agree, verified, sign):
    one = found(verified("ann@firm.example"))
    sign(one)
    agree(daily_spend=Decimal(2))
    with service():
        SignUp.objects.filter(organization=one).update(admitted_at=timezone.now())

    assert trials.begin(one.pk).grant.granted == Decimal(10)

    assert not limit_is_open(one)


def test_a_round_lifts_what_a_lost_bell_did_not(agree, verified, sign, sam):
    one = found(verified("ann@firm.example"))
    sign(one)
    with service():
        Organization.objects.filter(pk=one.pk).update(first_tpm=1000)
        budgeting.create(one, name="x", amount=Decimal(2), window="day", is_operators=True, by=None)

    trials.sweep()

    assert not limit_is_open(one)
    with service():
        assert not Organization.objects.get(pk=one.pk).has_first_limits


@pytest.fixture
def first_rpm(sam):
    """Let whoever founds from now on call six times a minute."""
    facts = {"way": "open", "welcome": [], "blocked": [], "first_rpm": 6}
    with service():
        sign_ups.write_policy(after=0, by=sam, first_tpm=None, first_concurrency=None, **facts)


def limit_is_open(organization):
    with service():
        return Budget.objects.open().filter(organization=organization).exists()


def test_a_spending_limit_without_credit_needs_no_address(agree, person):
    agree(amount=Decimal(0), daily_spend=Decimal(2))

    one = found(person("ann@firm.example"))

    assert limit_is_open(one)
    assert grants(one) == []


def test_the_operators_limit_is_not_the_customers_to_change(agree, verified):
    agree(daily_spend=Decimal(2))
    ann = verified("ann@firm.example")
    one = found(ann)
    with scope(one):
        limit = Budget.objects.get(organization=one)
        with pytest.raises(OperatorsBudget):
            budgeting.change(limit, by=ann, amount=Decimal(1000))
        with pytest.raises(OperatorsBudget):
            budgeting.close(limit, by=ann)

    assert limit_is_open(one)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE billing_budget SET amount = 1000",
        "UPDATE billing_budget SET is_operators = false",
    ],
)
def test_the_database_keeps_pages_from_the_operators_limit(agree, verified, change):
    agree(daily_spend=Decimal(2))
    one = found(verified("ann@firm.example"))

    with scope(one), connections["default"].cursor() as cursor:
        cursor.execute(change)
        assert cursor.rowcount == 0

    with service():
        limit = Budget.objects.get(organization=one)
    assert (limit.amount, limit.is_operators) == (Decimal(2), True)


def test_pages_make_no_limit_in_the_operators_name(acme, alice):
    with scope(acme):
        budget = budgeting.create(acme, name="Ours", amount=Decimal(5), by=alice)
        with pytest.raises(Exception, match="row-level security"), transaction.atomic():
            Budget.objects.filter(pk=budget.pk).update(is_operators=True)


def test_terms_wait_for_a_second_person(propose, sam, kim):
    terms = propose()
    with service():
        with pytest.raises(Forbidden):
            trials.approve(terms, by=sam)
        assert trials.in_force("EUR") is None
        trials.approve(terms, by=kim)
        assert trials.in_force("EUR") == terms
        with pytest.raises(TrialNotWaiting):
            trials.approve(terms, by=kim)
        actions = AuditEntry.objects.filter(action__startswith="trial_terms.")
        found = list(actions.order_by("occurred_at").values_list("action", "actor_label"))
    assert found == [
        ("trial_terms.proposed", sam.email),
        ("trial_terms.approved", kim.email),
    ]


def test_the_database_knows_that_two_agree(propose, sam):
    terms = propose()

    with pytest.raises(IntegrityError, match="trial_terms_under_four_eyes"), service():
        TrialTerms.objects.filter(pk=terms.pk).update(
            status="approved", decided_by=sam, decided_at=timezone.now()
        )


def test_what_was_approved_is_what_was_proposed(propose, kim, agree):
    terms = propose()

    with pytest.raises(IntegrityError, match="decided on as they were proposed"), service():
        TrialTerms.objects.filter(pk=terms.pk).update(
            amount=1000, status="approved", decided_by=kim, decided_at=timezone.now()
        )


def test_one_proposal_of_a_currency_waits_at_a_time(propose, agree, sam):
    first = propose()

    with pytest.raises(Conflict):
        propose(amount=Decimal(20))
    propose(currency="USD")
    with service():
        trials.take_back(first, by=sam)
    assert propose(amount=Decimal(20)).is_proposed


def test_what_holds_already_is_not_proposed(agree, propose):
    agree()

    with pytest.raises(DomainError):
        propose()


def test_who_refuses_says_why_and_nothing_changes(propose, kim, verified):
    terms = propose()
    with service():
        trials.refuse(terms, answer="Too much", by=kim)
        terms.refresh_from_db()

    assert (terms.status, terms.answer) == ("refused", "Too much")
    assert grants(found(verified("ann@firm.example"))) == []


def test_an_end_of_trials_is_agreed_to_as_well(agree, verified):
    agree()
    agree(amount=Decimal(0))

    assert grants(found(verified("ann@firm.example"))) == []


@pytest.mark.usefixtures("first_rpm")
def test_staff_lift_no_limits_of_a_customer_they_belong_to(agree, verified, sam):
    agree(daily_spend=Decimal(2))
    one = found(verified("ann@firm.example"))
    with service():
        Membership.objects.create(organization=one, user=sam, role=Role.VIEWER)

    with pytest.raises(Forbidden):
        trials.lift(one, by=sam, reason="")

    with service():
        assert Organization.objects.get(pk=one.pk).first_rpm == 6
    assert limit_is_open(one)


def test_the_first_limits_of_calls_are_lifted_with_it(sam, alice):
    with service():
        sign_ups.write_policy(
            after=0, by=sam, way="open", welcome=[], blocked=[],
            first_rpm=3, first_tpm=None, first_concurrency=None,
        )  # fmt: skip
    acme = found(alice, name="Acme")

    trials.lift(acme, by=sam, reason="A pilot")

    with service():
        assert not Organization.objects.get(pk=acme.pk).has_first_limits
