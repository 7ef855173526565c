"""Staff on a customer's pages: who lets them in, what they may look at, and how it ends."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError
from django.urls import resolve
from django.utils import timezone

from billing.services import credits
from common.database import service
from common.errors import Forbidden
from marketplace import demo
from tenants import supporting
from tenants.errors import SupportAskedAlready, SupportIsOff, SupportNotOpen
from tenants.models import AuditEntry, Membership, Role, SupportAccess
from tenants.scope import scope
from tenants.services import organizations, support
from tests.architecture.test_tenancy import ROUTES, address
from tests.support.people import at_the_desk, signed_in
from tests.support.usage import used

__all__ = ["used"]

PAGES = "/o/acme/support/"
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


@pytest.fixture
def sam(person):
    return person("robin@operator.example", is_staff=True)


@pytest.fixture
def kim(person):
    return person("kim@operator.example", is_staff=True)


@pytest.fixture
def ask(acme, sam):
    """Sam asks to read Acme's pages."""

    def make(way="invited", minutes=30):
        return support.ask(
            acme, by=sam, reason="Missing invoice", ticket="T-1", minutes=minutes, way=way
        )

    return make


@pytest.fixture
def reading(ask, alice, sam):
    """A browser in which Sam reads Acme's pages."""
    access = support.grant(ask(), by=alice)
    client = at_the_desk(sam)
    client.post(f"/staff/support/{access.pk}/enter/")
    return client


def logged(acme, action):
    with service():
        return list(AuditEntry.objects.filter(organization=acme, action=action))


def state_of(access):
    with service():
        return SupportAccess.objects.get(pk=access.pk).state


def name_of(view_route):
    return resolve(address(view_route)).view_name


def test_without_being_let_in_staff_see_nothing(ask, sam):
    ask()

    assert at_the_desk(sam).get("/o/acme/").status_code == 404


def test_being_let_in_is_not_being_in(ask, alice, sam):
    support.grant(ask(), by=alice)

    assert at_the_desk(sam).get("/o/acme/").status_code == 404


def test_who_is_let_in_reads_under_a_band_with_a_way_out(reading, acme, sam):
    page = reading.get("/o/acme/").content.decode()
    desk = reading.get("/staff/customers/").content.decode()
    public = reading.get("/models/").content.decode()

    for seen in (page, desk, public):
        assert "You read the pages of Acme as the operator's support" in seen
        assert "/end/" in seen
    assert "Operator&#x27;s support, reading" in page
    (entry,) = logged(acme, "support.viewed")
    assert (entry.actor_kind, entry.actor_label) == ("staff", "robin@operator.example")
    assert entry.after == {
        "page": "GET /o/acme/",
        "subject": "alice@acme.example",
        "way": "invited",
        "ticket": "T-1",
    }


@pytest.mark.parametrize("route", [route for route, _view in ROUTES])
def test_every_page_and_method_as_a_supporter(reading, acme, route):
    page = name_of(route)
    opens = page in supporting.PAGES
    with service():
        before = Membership.objects.count()

    statuses = {method: getattr(reading, method)(address(route)).status_code for method in METHODS}

    read = {statuses.pop("get"), statuses.pop("head")}
    assert read <= ({200, 404} if opens else {403})
    assert set(statuses.values()) == {403}
    with service():
        assert Membership.objects.count() == before
        refused = AuditEntry.objects.filter(action="support.refused").count()
        viewed = AuditEntry.objects.filter(action="support.viewed").count()
    assert (viewed, refused) == ((2, 5) if opens else (0, 7))


def test_every_page_that_is_offered_exists():
    names = {name_of(route) for route, _view in ROUTES}

    assert names >= supporting.PAGES


@pytest.mark.parametrize(
    "page", sorted(supporting.PAGES - {"portal:usage-request", "tenants:support"})
)
def test_what_is_offered_can_be_read(reading, page):
    routes = [route for route, _view in ROUTES if name_of(route) == page]

    for route in routes:
        if not re.search(r"<(?!slug:org)", route):
            assert reading.get(address(route)).status_code == 200


LED_TO = re.compile(r"<[^>]*?\b(?:href|action|formaction|hx-get|hx-post)=\"(/o/acme/[^\"?#]*)")


def led_to(page):
    """Return the names of the customer's pages that a page offers, and its forms that change things."""
    places = {resolve(it).view_name for it in LED_TO.findall(page)}
    changing = re.findall(r'<form[^>]*method="post"[^>]*action="(/o/acme/[^"]*)"', page)
    return places, changing


@pytest.fixture
def busy(acme, bob, used):
    """Acme has a colleague and credit, and has called."""
    with service():
        credits.grant(acme, unit="money", quantity=Decimal(10), source_key="test")
    used(occurred_at=timezone.now(), offer_name="atlas-mini", region="eu-paris", parts={})


@pytest.mark.parametrize(
    "page", sorted(supporting.PAGES - {"portal:usage-request", "tenants:support"})
)
@pytest.mark.parametrize("state", ["new", "busy"])
def test_nothing_is_offered_that_a_supporter_is_refused(reading, request, page, state):
    if state == "busy":
        request.getfixturevalue("busy")

    for route in [route for route, _view in ROUTES if name_of(route) == page]:
        if not re.search(r"<(?!slug:org)", route):
            places, changing = led_to(reading.get(address(route)).content.decode())
            assert places <= supporting.PAGES, page
            assert changing == [], page


def test_no_key_is_shown_or_led_to(reading):
    page = reading.get("/o/acme/").content.decode()

    assert 'href="/o/acme/keys/"' not in page
    assert 'href="/o/acme/webhooks/"' not in page
    assert 'href="/o/acme/billing/automatic/"' not in page
    assert 'href="/o/acme/billing/invoices/"' in page


def test_the_api_lets_no_supporter_in(reading):
    assert reading.get("/api/v1/organizations/acme/members").status_code == 404


def test_another_customer_stays_closed(reading, alice, charlie):
    organizations.found(name="Other", owner=charlie, country="FR")

    assert reading.get("/o/other/").status_code == 404


def test_it_ends_by_itself_by_the_servers_clock(reading, ask):
    with service():
        then = timezone.now() - timedelta(minutes=31)
        SupportAccess.objects.update(decided_at=then, expires_at=then + timedelta(minutes=30))

    assert reading.get("/o/acme/").status_code == 404
    assert "You read the pages of" not in reading.get("/staff/customers/").content.decode()


def test_the_customer_ends_it_at_once(reading, alice_client, acme):
    with service():
        access = SupportAccess.objects.get()

    alice_client.post(f"{PAGES}{access.pk}/end/")

    assert reading.get("/o/acme/").status_code == 404
    assert [it.actor_label for it in logged(acme, "support.ended")] == ["alice@acme.example"]


def test_switching_it_off_ends_what_is_open_and_refuses_all(reading, alice_client, ask):
    alice_client.post(f"{PAGES}switch/", {"allowed": "no"})

    assert reading.get("/o/acme/").status_code == 404
    for way in ("invited", "emergency"):
        with pytest.raises(SupportIsOff):
            ask(way)

    alice_client.post(f"{PAGES}switch/", {"allowed": "yes"})

    assert ask().state == "asked"


def test_signing_out_ends_it(reading, sam):
    with service():
        access = SupportAccess.objects.get()

    reading.post("/accounts/logout/")

    assert state_of(access) == "ended"
    assert at_the_desk(sam).get("/o/acme/").status_code == 404


def test_leaving_ends_it(reading):
    with service():
        access = SupportAccess.objects.get()

    response = reading.post(f"/staff/support/{access.pk}/end/")

    assert response["Location"] == "/staff/customers/acme/"
    assert state_of(access) == "ended"
    assert reading.get("/o/acme/").status_code == 404
    assert "You read the pages of" not in reading.get("/staff/customers/").content.decode()


def test_another_session_of_the_same_person_reads_nothing(reading, sam):
    assert at_the_desk(sam).get("/o/acme/").status_code == 404


def test_without_a_second_factor_nothing_is_read(reading):
    session = reading.session
    session["account_authentication_methods"] = []
    session.save()

    assert reading.get("/o/acme/").status_code == 404


def test_who_is_no_longer_staff_reads_nothing(reading, sam):
    sam.is_staff = False
    sam.save()

    assert reading.get("/o/acme/").status_code == 404


def test_nobody_enters_what_is_another_ones(ask, alice, kim):
    access = support.grant(ask(), by=alice)

    assert at_the_desk(kim).post(f"/staff/support/{access.pk}/enter/").status_code == 404


def test_a_developer_of_the_customer_lets_nobody_in(ask, bob):
    access = ask()

    assert signed_in(bob).post(f"{PAGES}{access.pk}/grant/").status_code == 403
    assert state_of(access) == "asked"


def test_a_stranger_lets_nobody_in(ask, charlie):
    access = ask()

    with pytest.raises(Forbidden):
        support.grant(access, by=charlie)
    assert signed_in(charlie).post(f"{PAGES}{access.pk}/grant/").status_code == 404


def test_in_an_emergency_a_colleague_lets_them_in(ask, sam, kim, acme):
    access = ask("emergency")

    for_themselves = at_the_desk(sam).post(f"/staff/support/{access.pk}/grant/")
    at_the_desk(kim).post(f"/staff/support/{access.pk}/grant/")

    assert for_themselves.status_code == 403
    assert state_of(access) == "granted"
    assert [it.actor_label for it in logged(acme, "support.granted")] == ["kim@operator.example"]


def test_what_the_customer_decides_no_colleague_decides(ask, kim, alice):
    invited = ask()

    with pytest.raises(Forbidden):
        support.grant(invited, by=kim)
    with service():
        SupportAccess.objects.update(way="emergency")
    with pytest.raises(Forbidden):
        support.grant(invited, by=alice)


def test_a_colleague_who_belongs_to_the_customer_decides_no_emergency(ask, kim, acme):
    access = ask("emergency")
    with service():
        Membership.objects.create(organization=acme, user=kim, role=Role.OWNER)

    with pytest.raises(Forbidden):
        support.grant(access, by=kim)


def test_the_database_refuses_who_lets_themselves_in(ask, sam):
    access = ask("emergency")
    now = timezone.now()

    with pytest.raises(IntegrityError, match="nobody_lets_themselves"), service():
        SupportAccess.objects.filter(pk=access.pk).update(
            state="granted",
            decided_by=sam,
            decided_at=now,
            expires_at=now + timedelta(minutes=5),
        )


def test_the_database_refuses_more_than_half_an_hour(ask, alice):
    access = support.grant(ask(), by=alice)
    late = access.decided_at + timedelta(minutes=31)

    with pytest.raises(IntegrityError, match="half_an_hour"), service():
        SupportAccess.objects.filter(pk=access.pk).update(expires_at=late)


def test_the_customers_role_writes_no_access(ask, acme):
    ask()

    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        SupportAccess.objects.update(state="granted")


def test_one_question_at_a_time(ask):
    ask()

    with pytest.raises(SupportAskedAlready):
        ask()


def test_an_old_question_is_neither_answered_nor_in_the_way(ask, alice):
    access = ask()
    with service():
        SupportAccess.objects.update(lapses_at=timezone.now())

    with pytest.raises(SupportNotOpen):
        support.grant(access, by=alice)
    assert ask().state == "asked"


def test_what_was_decided_is_not_decided_again(ask, alice):
    access = support.refuse(ask(), by=alice)

    with pytest.raises(SupportNotOpen):
        support.grant(access, by=alice)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minutes", "31"),
        ("minutes", "0"),
        ("minutes", "soon"),
        ("reason", ""),
        ("ticket", ""),
        ("way", "force"),
    ],
)
def test_a_question_without_sense_is_named(staff_client, acme, field, value):
    asked = {"reason": "x", "ticket": "T-1", "minutes": "10", "way": "invited", field: value}

    response = staff_client.post("/staff/customers/acme/support/", asked)

    assert response.status_code == 422
    assert field in response.context["form"].errors
    with service():
        assert not SupportAccess.objects.exists()


def test_owners_are_told_and_decide_on_their_page(staff_client, alice_client, acme, mailoutbox):
    asked = {"reason": "Missing invoice", "ticket": "T-1", "minutes": "10", "way": "invited"}
    staff_client.post("/staff/customers/acme/support/", asked)
    page = alice_client.get(PAGES).content.decode()
    with service():
        access = SupportAccess.objects.get()

    alice_client.post(f"{PAGES}{access.pk}/grant/")

    assert "sam@operator.example asks to read your pages" in page
    assert state_of(access) == "granted"
    assert [mail.subject for mail in mailoutbox] == [
        "The operator's support asks to read the pages of Acme",
        "The operator's support reads the pages of Acme",
    ]
    assert mailoutbox[0].recipients() == ["alice@acme.example"]


def test_a_question_of_another_customer_is_not_found(ask, charlie):
    organizations.found(name="Other", owner=charlie, country="FR")

    for act in ("grant", "refuse", "end"):
        assert (
            signed_in(charlie).post(f"/o/other/support/{ask_once(ask).pk}/{act}/").status_code
            == 404
        )


def ask_once(ask):
    with service():
        found = SupportAccess.objects.first()
    return found or ask()


def test_an_emergency_waits_on_the_overview(staff_client, ask):
    ask("emergency")

    page = staff_client.get("/staff/").content.decode()

    assert "Readings of customers&#x27; pages to approve: 1" in page


def test_a_stale_id_in_the_session_opens_nothing(sam):
    client = at_the_desk(sam)
    session = client.session
    session[supporting.SESSION] = {"id": str(uuid.uuid4())}
    session.save()

    assert client.get("/o/acme/").status_code == 404
