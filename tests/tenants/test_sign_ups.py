"""Who is let in: the policy that staff writes, who waits for a person, and what they may meanwhile."""

import threading

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError, connections, transaction

from common.database import service
from common.errors import Conflict, DomainError, Forbidden
from tenants.errors import (
    AddressBlocked,
    NotWaiting,
    SignUpClosed,
    SignUpRefused,
    WaitsForApproval,
)
from tenants.models import (
    ApiKey,
    AuditEntry,
    Invitation,
    Membership,
    Organization,
    SignUp,
    SignUpPolicy,
    WebhookEndpoint,
)
from tenants.scope import scope
from tenants.services import (
    api_keys,
    invitations,
    organizations,
    passes,
    restrictions,
    sign_ups,
    webhooks,
)

PLAIN = {
    "way": "open",
    "welcome": [],
    "blocked": [],
    "first_rpm": None,
    "first_tpm": None,
    "first_concurrency": None,
}


@pytest.fixture
def sam(person):
    """One of the staff."""
    return person("sam@operator.example", is_staff=True)


@pytest.fixture
def holds(sam):
    """Write a policy that differs from the open one by these facts."""

    def write(**facts):
        with service():
            after = sign_ups.policy().number
            return sign_ups.write_policy(after=after, by=sam, **{**PLAIN, **facts})

    return write


@pytest.fixture
def verified(person):
    """Make a person who has shown that the address is theirs."""

    def make(email):
        made = person(email)
        EmailAddress.objects.create(user=made, email=email, primary=True, verified=True)
        return made

    return make


@pytest.fixture
def waiting(holds, alice):
    """An organization of Alice's that waits for the operator."""
    holds(way="approval")
    return organizations.found(name="Acme", owner=alice, country="FR", use="Summaries")


def sign_up_of(organization):
    with service():
        return SignUp.objects.select_related("organization").get(organization=organization)


def approve(organization, by):
    with service():
        return sign_ups.approve(sign_up_of(organization), by=by)


def refuse(organization, by, reason="We know nothing of you"):
    with service():
        return sign_ups.refuse(sign_up_of(organization), reason=reason, by=by)


def reread(organization):
    with service():
        return Organization.objects.get(pk=organization.pk)


def test_without_a_policy_everybody_begins_at_once(acme, alice):
    sign_up = sign_up_of(acme)

    assert acme.is_admitted
    assert not acme.has_first_limits
    assert (sign_up.applicant, sign_up.email) == (alice, "alice@acme.example")
    assert sign_up.admitted_at is not None
    assert sign_up.decided_by is None


def test_where_a_person_decides_who_founds_waits(waiting):
    sign_up = sign_up_of(waiting)

    assert waiting.admission == "waiting"
    assert (sign_up.use, sign_up.admitted_at) == ("Summaries", None)
    with service():
        assert list(SignUp.objects.waiting()) == [sign_up]


def test_who_waits_begins_nothing(waiting, alice):
    with scope(waiting):
        member = waiting.memberships.get(user=alice)
        project = waiting.projects.get()
        begins = [
            lambda: api_keys.create(waiting, name="One", by=alice),
            lambda: passes.issue(member, project),
            lambda: invitations.invite(waiting, email="x@y.example", role="viewer", by=member),
            lambda: webhooks.create(waiting, url="https://acme.example/", by=alice),
            lambda: restrictions.refuse_new(waiting),
        ]
        for begin in begins:
            with pytest.raises(WaitsForApproval):
                begin()

    with service():
        assert not ApiKey.objects.exists()
        assert not Invitation.objects.exists()
        assert not WebhookEndpoint.objects.exists()


def test_who_is_approved_begins_and_is_told(waiting, alice, sam):
    approved = approve(waiting, sam)

    fresh = reread(waiting)
    assert fresh.is_admitted
    assert (approved.decided_by, approved.admitted_at is not None) == (sam, True)
    assert [it.to for it in mail.outbox] == [["alice@acme.example"]]
    assert "Acme is approved" in mail.outbox[0].subject
    with scope(waiting):
        assert api_keys.create(fresh, name="One", by=alice).text.startswith("tsr_")
        entry = AuditEntry.objects.get(action="organization.admitted")
    assert (entry.actor_label, entry.before) == ("sam@operator.example", {"admission": "waiting"})


def test_who_is_refused_reads_why(waiting, sam):
    refuse(waiting, sam)

    assert reread(waiting).admission == "refused"
    assert "We know nothing of you" in mail.outbox[0].body
    with pytest.raises(SignUpRefused):
        restrictions.refuse_new(reread(waiting))
    with scope(waiting):
        assert SignUp.objects.get().answer == "We know nothing of you"


def test_who_was_refused_may_still_be_approved_and_no_other_way_round(waiting, sam):
    refuse(waiting, sam)
    approve(waiting, sam)

    assert reread(waiting).is_admitted
    assert sign_up_of(waiting).answer == ""
    with pytest.raises(NotWaiting):
        refuse(waiting, sam)
    with pytest.raises(NotWaiting):
        approve(waiting, sam)
    assert reread(waiting).is_admitted


def test_a_refusal_says_why(waiting, sam):
    with pytest.raises(DomainError) as refused:
        refuse(waiting, sam, reason="  ")

    assert list(refused.value.field_errors) == ["reason"]
    assert reread(waiting).admission == "waiting"


def test_nobody_decides_about_an_organization_of_their_own(holds, sam, person):
    kim = person("kim@operator.example", is_staff=True)
    holds(way="approval")
    own = organizations.found(name="Own", owner=sam, country="FR")
    with service():
        Membership.objects.create(organization=own, user=kim, role="viewer")

    for by in (sam, kim):
        with pytest.raises(Forbidden):
            approve(own, by)

    assert reread(own).admission == "waiting"


def test_the_database_knows_that_nobody_lets_themselves_in(waiting, alice):
    sign_up = sign_up_of(waiting)

    with pytest.raises(IntegrityError, match="nobody_lets_themselves_in"), service():
        SignUp.objects.filter(pk=sign_up.pk).update(decided_by=alice, decided_at=sign_up.created_at)


@pytest.mark.parametrize("column", ["admission", "first_rpm"])
def test_pages_cannot_let_an_organization_in(waiting, column):
    with (
        scope(waiting),
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(f"UPDATE tenants_organization SET {column} = DEFAULT")  # noqa: S608


def test_two_who_decide_at_once_decide_once(waiting, person):
    staff = [person(f"{name}@operator.example", is_staff=True) for name in ("kim", "lou")]
    together, outcomes = threading.Barrier(2), []

    def decide(act, by):
        together.wait()
        try:
            act(waiting, by)
            outcomes.append("done")
        except NotWaiting:
            outcomes.append("late")
        finally:
            connections.close_all()

    # Both approve: a refusal first would leave the way open.
    threads = [threading.Thread(target=decide, args=(approve, by)) for by in staff]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done", "late"]
    assert reread(waiting).is_admitted
    with service():
        assert AuditEntry.objects.filter(action="organization.admitted").count() == 1


@pytest.mark.parametrize(
    ("email", "admission"),
    [
        ("a@gov.kz", "admitted"),
        ("a@finance.gov.kz", "admitted"),
        ("jane@firm.example", "admitted"),
        ("A@GOV.KZ", "admitted"),
        ("joe@firm.example", "waiting"),
        ("a@mygov.kz", "waiting"),
        ("a@gov.kz.evil.example", "waiting"),
    ],
)
def test_who_is_on_the_list_waits_for_nobody(holds, verified, email, admission):
    holds(way="approval", welcome=["gov.kz", "jane@firm.example"])

    made = organizations.found(name="One", owner=verified(email), country="FR")

    assert made.admission == admission


def test_of_the_list_profits_who_has_shown_that_the_address_is_theirs(holds, person):
    holds(way="approval", welcome=["gov.kz"])

    with pytest.raises(Forbidden):
        organizations.found(name="One", owner=person("a@gov.kz"), country="FR")

    with service():
        assert not Organization.objects.exists()


@pytest.mark.parametrize("way", ["open", "approval", "invited"])
def test_blocked_domains_found_nothing(holds, verified, way):
    holds(way=way, welcome=["good@trash.example"], blocked=["trash.example"])

    for email in ("a@trash.example", "a@x.trash.example"):
        with pytest.raises(AddressBlocked):
            organizations.found(name="One", owner=verified(email), country="FR")
    welcome = organizations.found(name="One", owner=verified("good@trash.example"), country="FR")

    assert welcome.is_admitted
    with service():
        assert Organization.objects.count() == 1


def test_by_invitation_only_who_is_on_the_list_founds(holds, verified):
    holds(way="invited", welcome=["gov.kz"])

    with pytest.raises(SignUpClosed):
        organizations.found(name="One", owner=verified("a@firm.example"), country="FR")
    assert organizations.found(name="One", owner=verified("a@gov.kz"), country="FR").is_admitted


def test_first_limits_are_those_of_the_policy_it_was_founded_under(holds, alice, charlie):
    holds(first_rpm=5, first_tpm=700, first_concurrency=2)
    acme = organizations.found(name="Acme", owner=alice, country="FR")
    holds()
    other = organizations.found(name="Other", owner=charlie, country="FR")

    acme = reread(acme)
    assert (acme.first_rpm, acme.first_tpm, acme.first_concurrency) == (5, 700, 2)
    assert not other.has_first_limits


def test_first_limits_are_lifted_once(holds, alice, sam):
    holds(first_rpm=5)
    acme = organizations.found(name="Acme", owner=alice, country="FR")

    for _time in range(2):
        with service():
            sign_ups.lift_first_limits(acme, by=sam, reason="A pilot")

    assert not reread(acme).has_first_limits
    with scope(acme):
        entry = AuditEntry.objects.get(action="first_limits.lifted")
    assert (entry.before["first_rpm"], entry.after) == (5, {"reason": "A pilot"})


def test_each_policy_is_kept_and_the_newest_holds(holds, sam):
    first, second = holds(way="approval"), holds(way="invited")
    again = holds(way="invited")

    assert [first.number, second.number] == [1, 2]
    assert again == second
    with service():
        assert SignUpPolicy.objects.count() == 2
        entry = AuditEntry.objects.filter(action="sign_up_policy.written").latest("occurred_at")
    assert (entry.before["way"], entry.after["way"]) == ("approval", "invited")
    assert sign_ups.policy() == second


def test_who_read_an_older_policy_does_not_write_over_the_newer(holds, sam):
    holds(way="approval")

    with pytest.raises(Conflict), service():
        sign_ups.write_policy(after=0, by=sam, **PLAIN)

    assert sign_ups.policy().way == "approval"


def test_two_who_write_a_policy_at_once_write_one(sam):
    together, outcomes = threading.Barrier(2), []

    def write(way):
        together.wait()
        try:
            with service():
                sign_ups.write_policy(after=0, by=sam, **{**PLAIN, "way": way})
            outcomes.append("done")
        except Conflict:
            outcomes.append("late")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(way,)) for way in ("approval", "invited")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done", "late"]


def test_what_was_written_stays(holds):
    written = holds(way="approval")

    with pytest.raises(Exception, match=r"permission denied|never changed"), service():
        SignUpPolicy.objects.filter(pk=written.pk).update(way="open")


def test_typed_lines_become_plain_names():
    assert sign_ups.normalized([" @Gov.KZ. ", "", "gov.kz", "Jane@Firm.example"]) == [
        "gov.kz",
        "jane@firm.example",
    ]
