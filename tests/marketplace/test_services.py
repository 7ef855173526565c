"""Services beside models: written, approved, enabled with a key of their own, disabled, retired."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connections
from django.utils import timezone

from common.database import service
from common.errors import Conflict, Forbidden
from marketplace import applications as reading
from marketplace import showcase
from marketplace.application_errors import (
    ServiceAddressTaken,
    ServiceEnabled,
    ServiceInReview,
    ServiceNotEnabled,
    ServiceNotOffered,
    ServiceNotReady,
    ServiceRetiresTooSoon,
    ServiceWrongState,
)
from marketplace.errors import NothingChanges, TermsChanged
from marketplace.models import (
    AIModel,
    Application,
    ApplicationChange,
    EnabledApplication,
    Offer,
    Status,
)
from marketplace.services import applications, enabling
from marketplace.tasks import retire_services
from tenants.errors import NothingNew
from tenants.models import (
    ApiKey,
    AuditEntry,
    Membership,
    Organization,
    Region,
    Role,
)
from tenants.scope import scope
from tenants.services import api_keys, organizations, restrictions
from tests.support.people import signed_in

pytestmark = pytest.mark.usefixtures("catalogue")
API = "/api/v1/organizations/acme/services/minutes"
JSON = "application/json"
PAGE = "/o/acme/services/minutes/"


def facts(**others):
    with service():
        return {
            "name": "Minutes",
            "publisher_name": "Nova Labs",
            "kind": "application",
            "summary": "Writes the minutes of a meeting.",
            "description": "It listens, and writes.",
            "languages": ["en", "kk"],
            "documentation_url": "https://docs.example/minutes",
            "uses": list(AIModel.objects.filter(slug="atlas-mini")),
            "regions": list(Region.objects.filter(code="eu-paris")),
            "base_url": "https://minutes.operator.example",
            "clearance": "internal",
            "data_policy": "Nothing is kept.",
            "limits": "",
            "terms": "Be brief.",
            **others,
        }


def add(by, **others):
    with service():
        return applications.add(facts(**others), slug="minutes", by=by)


def submit(application, by):
    with service():
        return applications.submit(application, by=by)


def approve(change, by):
    with service():
        return applications.approve(change, by=by)


def now(application):
    with service():
        return Application.objects.get(pk=application.pk)


@pytest.fixture
def draft(sam):
    """A service that only staff sees."""
    return add(sam)


@pytest.fixture
def minutes(draft, sam, kim):
    """The same, on sale."""
    approve(submit(draft, sam), kim)
    return now(draft)


def enable(organization, application, by, terms=None):
    with scope(organization):
        terms = application.terms_version if terms is None else terms
        return enabling.enable(organization, application, terms=terms, by=by)


def disable(organization, application, by):
    with scope(organization):
        enabling.disable(organization, application, by=by)


def state_of(key):
    with service():
        return ApiKey.objects.get(pk=key.pk).state


def actions(organization):
    with service():
        found = AuditEntry.objects.filter(organization=organization)
        return list(found.order_by("occurred_at", "pk").values_list("action", flat=True))[-4:]


def test_nobody_approves_what_they_proposed(draft, sam):
    change = submit(draft, sam)

    with pytest.raises(Forbidden):
        approve(change, sam)

    assert now(draft).status == Status.IN_REVIEW


def test_the_database_compares_the_two(draft, sam):
    change = submit(draft, sam)

    with pytest.raises(IntegrityError, match="four_eyes"), service():
        ApplicationChange.objects.filter(pk=change.pk).update(status="applied", decided_by=sam)


@pytest.mark.parametrize("seen", [{"status": "published"}, {"summary": "Better."}])
def test_the_database_lets_nobody_pass_by_the_second_person(minutes, seen, draft):
    with pytest.raises(IntegrityError, match="second person"), service():
        Application.objects.update(**{"summary": "Other.", **seen})


def test_what_is_only_proposed_agrees_to_nothing(minutes, sam):
    with service():
        proposed = ApplicationChange.objects.create(
            application=minutes, kind="card", facts={}, proposed_by=sam
        )
    changed = Application.objects.filter(pk=minutes.pk)

    with pytest.raises(IntegrityError, match="second person"), service():
        changed.update(summary="Other.", agreed=proposed)


def test_a_draft_is_changed_at_once(draft, sam):
    with service():
        assert applications.edit(draft, facts(summary="Better."), by=sam) is None

    assert now(draft).summary == "Better."


def test_what_is_in_review_is_not_worked_on(draft, sam):
    submit(draft, sam)

    with pytest.raises(ServiceInReview), service():
        applications.edit(draft, facts(summary="Better."), by=sam)
    with pytest.raises(ServiceInReview):
        submit(draft, sam)


def test_a_change_of_what_is_on_sale_waits(minutes, sam, kim):
    with service():
        change = applications.edit(minutes, facts(summary="Better.", uses=[]), by=sam)
    assert now(minutes).summary == "Writes the minutes of a meeting."

    approve(change, kim)

    assert change.facts == {"summary": "Better.", "uses": []}
    assert now(minutes).summary == "Better."
    with service():
        assert not minutes.uses.exists()


@pytest.mark.parametrize("same", [{}, {"terms": "Be brief.\r\n"}])
def test_a_change_of_nothing_is_none(minutes, sam, same):
    with pytest.raises(NothingChanges), service():
        applications.edit(minutes, facts(**same), by=sam)


def test_a_refused_service_is_a_draft_again(draft, sam, kim):
    change = submit(draft, sam)
    with service():
        applications.refuse(change, by=kim, answer="Which data?")

    with pytest.raises(Conflict):
        approve(change, kim)

    assert now(draft).status == Status.DRAFT


def test_a_proposal_that_was_decided_stays(draft, sam, kim):
    change = submit(draft, sam)
    with service():
        applications.take_back(change, by=sam)

    with pytest.raises(IntegrityError, match="decided on as it was"), service():
        ApplicationChange.objects.filter(pk=change.pk).update(facts={"summary": "Other."})


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ({"uses": []}, "Choose the models"),
        ({"regions": []}, "Choose the regions"),
        ({"data_policy": " "}, "what it keeps"),
    ],
)
def test_what_lacks_something_is_not_published(sam, lacks, words):
    draft = add(sam, **lacks)

    with pytest.raises(ServiceNotReady, match=words):
        submit(draft, sam)

    assert now(draft).status == Status.DRAFT


def test_an_address_is_taken_once(draft, sam):
    with pytest.raises(ServiceAddressTaken):
        add(sam)


def test_enabling_makes_a_key_for_its_models_alone(minutes, acme, alice):
    minted = enable(acme, minutes, alice)

    key = minted.api_key
    assert (key.name, key.allowed_models, key.scopes) == ("Minutes", ["atlas-mini"], ["inference"])
    assert minted.text.startswith("tsr_live_")
    with scope(acme):
        enabled = EnabledApplication.objects.get()
    assert (enabled.api_key_id, enabled.accepted_terms) == (key.pk, "Be brief.")
    assert actions(acme)[-2:] == ["api_key.created", "service.enabled"]


def test_who_may_begin_nothing_new_enables_nothing(minutes, acme, alice, sam):
    with service():
        restrictions.impose(acme, level="new", reason="Unpaid", by=sam)

    with pytest.raises(NothingNew):
        enable(acme, minutes, alice)

    with service():
        assert (ApiKey.objects.count(), EnabledApplication.objects.count()) == (0, 0)


def test_disabling_ends_the_key(minutes, acme, alice):
    key = enable(acme, minutes, alice).api_key

    disable(acme, minutes, alice)

    assert state_of(key) == "revoked"
    assert actions(acme)[-2:] == ["api_key.revoked", "service.disabled"]
    with pytest.raises(ServiceNotEnabled):
        disable(acme, minutes, alice)


def test_the_database_ends_no_service_whose_key_lives(minutes, acme, alice):
    enable(acme, minutes, alice)

    with pytest.raises(IntegrityError, match="still opens the door"), scope(acme):
        EnabledApplication.objects.update(disabled_at=timezone.now())


def test_what_was_enabled_is_kept(minutes, acme, alice):
    enable(acme, minutes, alice)

    with pytest.raises(IntegrityError, match="ends once"), scope(acme):
        EnabledApplication.objects.all().delete()


def test_two_members_enable_it_once(minutes, acme, alice, bob):
    def try_it(person):
        try:
            return enable(acme, minutes, person).api_key
        except ServiceEnabled:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        keys = list(pool.map(try_it, (alice, bob)))

    assert keys.count(None) == 1
    with service():
        assert ApiKey.objects.filter(organization=acme).count() == 1


def test_enabled_again_it_has_another_key(minutes, acme, alice):
    first = enable(acme, minutes, alice).api_key
    with pytest.raises(ServiceEnabled):
        enable(acme, minutes, alice)
    disable(acme, minutes, alice)

    second = enable(acme, minutes, alice).api_key

    assert (state_of(first), state_of(second)) == ("revoked", "active")


def test_nobody_agrees_to_terms_they_have_not_read(minutes, acme, alice):
    with pytest.raises(TermsChanged):
        enable(acme, minutes, alice, terms="")

    with service():
        assert not ApiKey.objects.filter(organization=acme).exists()


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"allowed_jurisdictions": ["KZ"]}, "does not allow the regions"),
        ({"classification": "restricted"}, "not cleared"),
    ],
)
def test_policy_decides_what_can_be_enabled(minutes, acme, alice, policy, words):
    with service():
        Organization.objects.filter(pk=acme.pk).update(**policy)
        strict = Organization.objects.get(pk=acme.pk)

    with pytest.raises(ServiceNotOffered, match=words):
        enable(strict, minutes, alice)


def test_what_the_operator_has_not_connected_cannot_be_enabled(acme, alice):
    with service():
        described = Application.objects.get(slug="document-assistant")

    with pytest.raises(ServiceNotOffered, match="not connected"):
        enable(acme, described, alice)


def test_it_is_not_seen_without_its_models(minutes):
    assert "minutes" in {it.application.slug for it in reading.seen(showcase.offers())}

    with service():
        Offer.objects.filter(name="atlas-mini").update(status=Status.RETIRED)

    assert "minutes" not in {it.application.slug for it in reading.seen(showcase.offers())}


def retire(application, by, second):
    with service():
        change = applications.propose_retirement(application, "It leaks.", by=by)
    approve(change, second)


def test_retired_it_is_disabled_for_everybody(minutes, acme, alice, sam, kim):
    key = enable(acme, minutes, alice).api_key

    retire(minutes, sam, kim)

    assert (state_of(key), now(minutes).status) == ("revoked", Status.RETIRED)
    assert actions(acme)[-1] == "service.disabled"
    with pytest.raises(ServiceWrongState):
        submit(minutes, sam)


def test_what_was_enabled_during_retirement_is_swept(minutes, acme, alice, sam, kim):
    key = enable(acme, minutes, alice).api_key
    with service():
        change = applications.propose_retirement(minutes, "It leaks.", by=sam)
        change.status, change.decided_by = "applied", kim
        change.save()
        Application.objects.filter(pk=minutes.pk).update(status=Status.RETIRED, agreed=change)

    assert (retire_services(), retire_services()) == (1, 0)
    assert state_of(key) == "revoked"


def test_a_last_day_keeps_the_notice_and_comes(minutes, acme, alice, sam, kim, settings):
    with pytest.raises(ServiceRetiresTooSoon), service():
        applications.propose_last_day(minutes, timezone.now() + timedelta(days=5), by=sam)
    settings.RETIREMENT_NOTICE = timedelta(0)
    key = enable(acme, minutes, alice).api_key
    with service():
        soon = timezone.now() + timedelta(seconds=0.3)
        change = applications.propose_last_day(minutes, soon, by=sam)
    approve(change, kim)
    assert state_of(key) == "active"
    disable(acme, minutes, alice)
    with pytest.raises(ServiceNotOffered, match="about to be retired"):
        enable(acme, minutes, alice)


def test_after_its_last_day_it_is_gone(minutes, acme, alice, sam, kim, settings):
    settings.RETIREMENT_NOTICE = timedelta(days=-1)
    key = enable(acme, minutes, alice).api_key
    with service():
        change = applications.propose_last_day(
            minutes, timezone.now() - timedelta(seconds=1), by=sam
        )
    approve(change, kim)

    assert (retire_services(), retire_services()) == (1, 0)

    assert (now(minutes).status, state_of(key)) == (Status.RETIRED, "revoked")


def test_customers_cannot_write_services(minutes, acme):
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        Application.objects.update(summary="Mine now.")
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        ApplicationChange.objects.count()


def test_another_organization_sees_nothing_of_it(minutes, acme, alice, charlie, charlie_client):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    enable(acme, minutes, alice)

    with scope(other):
        assert reading.enabled_by(other) == []
        assert EnabledApplication.objects.count() == 0

    assert charlie_client.get(API).status_code == 404
    assert charlie_client.post(f"{PAGE}disable/").status_code == 404


def test_a_key_of_another_organization_is_refused(minutes, acme, alice, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with scope(other):
        theirs = api_keys.create(other, name="theirs", by=charlie).api_key
    crossing = EnabledApplication(
        organization=acme, application=minutes, api_key=theirs, enabled_by=alice
    )

    with pytest.raises(IntegrityError, match="same_organization"), service():
        crossing.save()


def test_the_list_is_filtered_in_the_address(minutes, client):
    everything = client.get("/services/").content.decode()
    kazakh = client.get("/services/?language=kk&q=minut").content.decode()
    nothing = client.get("/services/?region=nowhere&q=zebra").content.decode()

    assert "Minutes" in everything
    assert "Contact-centre summariser" in everything
    assert "Minutes" in kazakh
    assert "Contact-centre summariser" not in kazakh
    assert "No service fits all of these" in nothing


def test_the_catalogue_finds_services_too(minutes, client):
    assert "/services/minutes/" in client.get("/models/?q=meeting").content.decode()
    assert "/services/minutes/" not in client.get("/models/").content.decode()


def test_a_page_names_price_terms_and_data(minutes, client):
    page = client.get("/services/minutes/").content.decode()

    for words in ("Nothing is kept.", "Be brief.", "Atlas Mini", "Paris"):
        assert words in page
    assert "minutes.operator.example" not in page


@pytest.mark.parametrize("slug", ["nothing", "minutes"])
def test_what_is_not_on_sale_has_no_page(draft, client, slug):
    assert client.get(f"/services/{slug}/").status_code == 404


def test_a_description_says_that_it_is_one(client):
    page = client.get("/services/document-assistant/").content.decode()

    assert "The operator has not connected this service yet" in page


def test_a_member_enables_it_and_sees_the_key_once(minutes, acme, bob_client):
    form = {"terms": minutes.terms_version}

    shown = bob_client.post(f"{PAGE}enable/", form)

    with service():
        key = ApiKey.objects.get(organization=acme)
    assert shown.status_code == 201
    assert "no-store" in shown["Cache-Control"]
    assert key.prefix in shown.content.decode()
    page = bob_client.get(PAGE).content.decode()
    assert "https://minutes.operator.example" in page
    assert "Minutes" in bob_client.get("/o/acme/services/").content.decode()
    bob_client.post(f"{PAGE}disable/")
    assert state_of(key) == "revoked"


def test_enabling_twice_tells_so(minutes, acme, bob_client):
    form = {"terms": minutes.terms_version}
    bob_client.post(f"{PAGE}enable/", form)

    again = bob_client.post(f"{PAGE}enable/", form, follow=True)

    assert "enabled already" in again.content.decode()


def test_a_viewer_reads_and_enables_nothing(minutes, acme, person):
    viewer = person("vera@acme.example")
    with service():
        Membership.objects.create(organization=acme, user=viewer, role=Role.VIEWER)
    browser = signed_in(viewer)

    assert "An owner, admin or developer can enable it" in browser.get(PAGE).content.decode()
    assert browser.post(f"{PAGE}enable/", {"terms": minutes.terms_version}).status_code == 403
    assert browser.post(API, {"terms": minutes.terms_version}, JSON).status_code == 403


def test_the_api_enables_and_disables(minutes, acme, bob_client):
    listed = bob_client.get("/api/v1/organizations/acme/services").json()
    (mine,) = (it for it in listed if it["slug"] == "minutes")
    assert (mine["can_enable"], mine["is_enabled"], mine["base_url"]) == (True, False, None)

    headers, terms = {"Idempotency-Key": "once"}, {"terms": mine["terms_version"]}
    made = bob_client.post(API, terms, JSON, headers=headers)
    again = bob_client.post(API, terms, JSON, headers=headers)

    assert (made.status_code, again.status_code) == (201, 201)
    assert made.json()["key"].startswith("tsr_live_")
    assert made.json()["base_url"] == "https://minutes.operator.example"
    assert again.json() == {**made.json(), "key": None}
    assert bob_client.delete(API).status_code == 204
    assert bob_client.delete(API).json()["code"] == "service_not_enabled"
    assert bob_client.get(API).json()["is_enabled"] is False


def test_the_api_names_what_stands_in_the_way(acme, bob_client):
    address = "/api/v1/organizations/acme/services/document-assistant"

    refused = bob_client.post(address, {"terms": ""}, JSON)

    assert (refused.status_code, refused.json()["code"]) == (422, "service_not_available")
    assert bob_client.get(address).json()["hindrances"] == [refused.json()["detail"]]
    assert bob_client.get("/api/v1/organizations/acme/services/nothing").status_code == 404


def posted(**others):
    with service():
        mini = AIModel.objects.get(slug="atlas-mini")
    return {**facts(), "uses": [str(mini.pk)], "regions": ["eu-paris"], "slug": "", **others}


def test_staff_writes_a_service_and_a_colleague_publishes_it(
    staff_client, colleague_client, client
):
    made = staff_client.post("/staff/services/new/", posted(), follow=True)
    page = made.redirect_chain[-1][0]
    change = staff_client.post(f"{page}submit/", {"words": "Look."}, follow=True).redirect_chain[
        -1
    ][0]
    assert staff_client.post(f"{change}approve/").status_code == 403
    assert "Atlas Mini" in colleague_client.get(change).content.decode()

    colleague_client.post(f"{change}approve/")

    assert client.get("/services/minutes/").status_code == 200
    edit = staff_client.post(f"{page}edit/", posted(terms="Be kind.\n"), follow=True)
    assert "Be kind." in edit.content.decode()
    assert "Be brief." in client.get("/services/minutes/").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("base_url", "file:///etc/passwd", "Write an address such as"),
        ("base_url", "https://a:b@host/", "would be shown"),
        ("documentation_url", "javascript:alert(1)", "Enter a valid URL"),
        ("summary", "", "This field is required"),
        ("uses", ["nothing"], "is not a valid"),
        ("name", "\u4f1a\u8bae", "Write the address in Latin letters"),
    ],
)
def test_what_cannot_be_a_service_is_named(staff_client, field, value, words):
    refused = staff_client.post("/staff/services/new/", posted(**{field: value}))

    assert refused.status_code == 422
    assert words in refused.content.decode()
    with service():
        assert not Application.objects.filter(name="Minutes").exists()


def test_the_desk_proposes_ends(minutes, staff_client, colleague_client):
    page = f"/staff/services/{minutes.pk}/"
    early = staff_client.post(f"{page}last-day/", {"retires_on": timezone.now().date()})
    silent = staff_client.post(f"{page}retire/", {"reason": ""})
    proposed = staff_client.post(f"{page}retire/", {"reason": "It leaks."}, follow=True)
    change = proposed.redirect_chain[-1][0]
    refused = colleague_client.post(f"{change}refuse/", {"answer": ""})
    colleague_client.post(f"{change}refuse/", {"answer": "It does not."})

    assert (early.status_code, silent.status_code, refused.status_code) == (422, 422, 422)
    assert "promised more notice" in early.content.decode()
    assert now(minutes).status == Status.PUBLISHED
    assert "It does not." in staff_client.get(change).content.decode()


def test_a_taken_back_change_cannot_be_approved(minutes, staff_client, colleague_client):
    page = f"/staff/services/{minutes.pk}/"
    proposed = staff_client.post(f"{page}retire/", {"reason": "It leaks."}, follow=True)
    change = proposed.redirect_chain[-1][0]
    staff_client.post(f"{change}take-back/")

    assert colleague_client.post(f"{change}approve/").status_code == 409
    assert now(minutes).status == Status.PUBLISHED


@pytest.mark.parametrize(
    ("address", "most"),
    [("/services/", 16), ("/services/minutes/", 16), ("/staff/services/", 16)],
)
def test_pages_ask_few_questions(
    minutes, staff_client, django_assert_max_num_queries, address, most
):
    assert staff_client.get(address).status_code == 200
    with (
        django_assert_max_num_queries(most, using="service"),
        django_assert_max_num_queries(most),
    ):
        assert staff_client.get(address).status_code == 200
