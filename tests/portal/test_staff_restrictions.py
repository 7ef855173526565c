"""Warnings and stops: what each grade refuses, from when to when, and what the customer reads."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from billing.models import DunningStep
from billing.models.dunning import Act
from common.database import service
from common.errors import Forbidden
from marketplace import demo
from tenants import ports
from tenants.errors import EndsBeforeItStarts, InForce, NothingNew
from tenants.models import ApiKey, AuditEntry, Membership, Organization, Restriction, Role
from tenants.scope import scope
from tenants.services import api_keys, organizations, restrictions

STATUS = "/staff/customers/acme/status/"
LATER = timedelta(hours=2)


@pytest.fixture(autouse=True)
def catalogue(db):
    demo.seed()


@pytest.fixture
def sam(person):
    return person("robin@operator.example", is_staff=True)


@pytest.fixture
def hold(acme, sam):
    """Hold Acme to a grade, as Sam."""

    def impose(level="all", **facts):
        with service():
            return restrictions.impose(acme, level=level, reason="Unpaid", by=sam, **facts)

    return impose


def status_of(acme):
    with service():
        return Organization.objects.get(pk=acme.pk).status


def acts(acme):
    with service():
        found = AuditEntry.objects.filter(organization=acme).order_by("occurred_at", "id")
        return [it.action for it in found if it.action != "organization.founded"]


def make_key(acme, alice):
    with scope(acme):
        return api_keys.create(acme, name="Scripts", by=alice)


def test_a_warning_stops_nothing_and_is_told(acme, alice, alice_client, hold, mailoutbox):
    hold("warn")

    make_key(acme, alice)
    page = alice_client.get("/o/acme/").content.decode()

    assert status_of(acme) == "active"
    assert "The operator warns your organization" in page
    assert "reason: Unpaid." in page
    (mail,) = mailoutbox
    assert mail.subject == "A warning for Acme"
    assert (mail.recipients(), "Unpaid" in mail.body) == (["alice@acme.example"], True)


def test_what_is_new_is_stopped_and_what_runs_goes_on(acme, alice, alice_client, hold):
    before = make_key(acme, alice)
    hold("new")

    with pytest.raises(NothingNew):
        make_key(acme, alice)

    assert status_of(acme) == "active"
    with service():
        assert list(ApiKey.objects.all()) == [before.api_key]
    assert "Nothing new can be begun" in alice_client.get("/o/acme/").content.decode()


def test_nothing_new_is_bought(acme, alice_client, hold):
    hold("new")
    page = alice_client.get("/o/acme/billing/bundles/").content.decode()
    slug = "starter"

    response = alice_client.post(f"/o/acme/billing/bundles/{slug}/buy/", {"operation": "a" * 32})

    assert response.status_code in (403, 404)
    assert page


def test_a_stop_of_everything_suspends_and_is_told_once(acme, hold, mailoutbox):
    hold("all")
    hold("all")

    assert status_of(acme) == "suspended"
    assert acts(acme) == ["organization.suspended"]
    assert [mail.subject for mail in mailoutbox] == ["Acme is suspended"]


def join(acme, person):
    with service():
        Membership.objects.create(organization=acme, user=person, role=Role.VIEWER)


@pytest.mark.parametrize("level", ["warn", "new", "all"])
def test_staff_lift_nothing_of_a_customer_they_belong_to(acme, sam, hold, level):
    hold(level)
    join(acme, sam)

    with pytest.raises(Forbidden), service():
        restrictions.lift(acme, level=level, reason="My own", by=sam)

    with service():
        assert Restriction.objects.open().get(organization=acme).level == level


def test_nobody_makes_a_stop_of_their_own_organization_shorter(acme, sam, hold):
    hold("all")
    join(acme, sam)

    with pytest.raises(Forbidden):
        hold("all", ends_at=timezone.now() + timedelta(minutes=1))

    with service():
        assert Restriction.objects.open().get(organization=acme).ends_at is None


def test_staff_stop_their_own_organization_at_need(acme, sam, hold):
    join(acme, sam)
    hold("all")

    assert status_of(acme) == "suspended"


def test_what_lies_ahead_begins_by_itself(acme, alice, hold, clock, mailoutbox):
    hold("all", starts_at=timezone.now() + LATER)
    before = status_of(acme)
    clock.shift(LATER)

    restrictions.sweep()
    restrictions.sweep()

    assert (before, status_of(acme)) == ("active", "suspended")
    assert acts(acme) == ["restriction.planned", "organization.suspended"]
    assert len(mailoutbox) == 1


def test_a_stop_ends_by_itself(acme, alice, hold, clock):
    hold("all", ends_at=timezone.now() + LATER)
    hold("new", ends_at=timezone.now() + LATER)
    clock.shift(LATER)

    # The end of a stop of what is new waits for no sweep.
    make_key(acme, alice)
    restrictions.sweep()
    restrictions.sweep()

    assert status_of(acme) == "active"
    assert {"organization.reactivated", "restriction.ended"} <= set(acts(acme))
    assert len(acts(acme)) == 5
    with service():
        assert not Restriction.objects.open().exists()


def test_a_debt_keeps_out_whom_a_stop_lets_go(acme, hold, clock, monkeypatch):
    hold("all", ends_at=timezone.now() + LATER)
    monkeypatch.setattr("tenants.ports.debts", type("Owed", (), {"keep_out": lambda *_: True})())
    clock.shift(LATER)

    restrictions.sweep()

    assert status_of(acme) == "suspended"
    with service():
        # From now on a payment lets them in.
        assert not organizations.is_suspended_by_a_person(acme)


def test_nothing_is_begun_that_is_over(acme, hold, clock):
    start = timezone.now() + LATER
    hold("all", starts_at=start, ends_at=start + LATER)
    clock.shift(3 * LATER)

    restrictions.sweep()

    assert status_of(acme) == "active"
    assert acts(acme) == ["restriction.planned"]


def test_a_new_reason_replaces_the_one_that_stands(acme, sam, hold):
    hold("warn")
    with service():
        restrictions.impose(acme, level="warn", reason="Worse", by=sam)
        (standing,) = Restriction.objects.open()

    assert standing.reason == "Worse"


def test_what_holds_is_not_put_off(acme, hold):
    hold("all")

    with pytest.raises(InForce):
        hold("all", starts_at=timezone.now() + LATER)

    assert status_of(acme) == "suspended"


def test_an_end_before_the_start_is_refused(acme, hold):
    now = timezone.now()

    with pytest.raises(EndsBeforeItStarts):
        hold("warn", starts_at=now + LATER, ends_at=now + LATER)

    with service():
        assert not Restriction.objects.exists()


def test_the_database_refuses_two_of_a_grade(acme, sam, hold):
    hold("warn")

    with pytest.raises(IntegrityError, match="one_open_restriction"), service():
        Restriction.objects.create(
            organization=acme, level="warn", reason="x", starts_at=timezone.now(), set_by=sam
        )


def test_what_holds_is_lifted_by_staff(staff_client, acme, alice, hold, mailoutbox):
    hold("new")

    staff_client.post(STATUS, {"status": "active", "level": "new", "reason": "Paid"})

    make_key(acme, alice)
    assert acts(acme)[:2] == ["restriction.begun", "restriction.lifted"]
    assert mailoutbox[-1].subject == "Acme can begin new things again"


def test_letting_in_ends_the_stop(staff_client, acme, alice, hold, clock):
    hold("all", ends_at=timezone.now() + LATER)

    staff_client.post(STATUS, {"status": "active", "reason": "Paid"})
    clock.shift(LATER)
    restrictions.sweep()

    assert status_of(acme) == "active"
    # Once each, though time stands still and their order is chance.
    assert sorted(acts(acme)) == ["organization.reactivated", "organization.suspended"]


def test_a_preview_changes_nothing_and_shows_what_is_read(staff_client, acme, mailoutbox):
    asked = {"status": "suspended", "level": "new", "reason": "Unpaid", "preview": "yes"}

    response = staff_client.post(STATUS, asked)

    page = response.content.decode()
    assert response.status_code == 200
    assert "New keys, jobs, deployments and purchases are refused." in page
    assert (acts(acme), mailoutbox) == ([], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("level", "everything"),
        ("starts_at", "2020-01-01T00:00"),
        ("starts_at", "soon"),
        ("ends_at", "2020-01-01T00:00"),
        ("ends_at", "2199-01-01T00:00"),
        ("reason", " "),
    ],
)
def test_bad_terms_are_named(staff_client, acme, field, value):
    asked = {"status": "suspended", "level": "warn", "reason": "Unpaid", field: value}

    response = staff_client.post(STATUS, asked)

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert acts(acme) == []


def test_an_end_before_the_start_is_named_at_its_field(staff_client, acme):
    start = timezone.now() + LATER
    asked = {"starts_at": f"{start:%Y-%m-%dT%H:%M}", "ends_at": f"{start:%Y-%m-%dT%H:%M}"}

    response = staff_client.post(
        STATUS, {"status": "suspended", "level": "warn", "reason": "x", **asked}
    )

    assert "ends_at" in response.context["form"].errors


def test_a_customers_own_pages_may_not_lift_what_holds_them(acme, hold):
    hold("new")

    with pytest.raises(Exception, match="permission denied"), scope(acme):
        Restriction.objects.update(lifted_at=timezone.now())


def test_the_port_knows_a_debt(acme):
    with service():
        assert not ports.debts.keep_out(acme)
        assert not DunningStep.objects.filter(act=Act.SUSPEND).exists()
