"""Incidents and planned work: told once, for ever, to everybody who wants to know."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connections
from django.db.utils import OperationalError, ProgrammingError

from common.database import service
from common.errors import Conflict, DomainError
from front import status
from front.models import Impact, Incident, IncidentUpdate, State
from front.services import incidents, telling
from marketplace import demo
from marketplace.models import AIModel, Offer
from tenants.models import AuditEntry, WebhookEvent
from tenants.services import webhooks
from tests.support.receivers import receiving

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def staff(person):
    return person("kim@operator.example", is_staff=True)


@pytest.fixture
def receiver(settings):
    settings.OUTSIDE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    with receiving() as server:
        yield server


def opened(by, **facts):
    told = {
        "titles": {"en": "Calls fail", "fr": "Les appels échouent"},
        "texts": {"en": "We look into it."},
        "parts": ["api"],
        "impact": Impact.OUTAGE,
        **facts,
    }
    with service():
        return incidents.open_(by=by, **told)


def planned(by, start, hours=2, **facts):
    told = {"titles": {"en": "New racks"}, "texts": {"en": "Some calls wait."}, "parts": ["api"]}
    with service():
        return incidents.plan(
            starts_at=start, ends_at=start + timedelta(hours=hours), by=by, **{**told, **facts}
        )


def updated(incident, by, state, text="More.", **facts):
    with service():
        return incidents.update(incident, state=state, texts={"en": text}, by=by, **facts)


def test_what_staff_tell_stands_on_the_status_page(staff, client):
    incident = opened(staff)

    page = client.get("/status/").content.decode()
    own = client.get(f"/status/incidents/{incident.pk}/").content.decode()

    assert "Calls fail" in page
    assert "We look into it." in page
    assert "Does not work" in page
    assert "What the operator reports stands below" in page
    assert "Calls fail" in own


def test_readers_read_their_own_language_or_the_first(staff, client):
    opened(staff)
    client.cookies["django_language"] = "fr"

    page = client.get("/status/").content.decode()

    assert "Les appels échouent" in page
    assert "We look into it." in page


def test_what_was_said_stays(staff, client):
    incident = opened(staff)
    updated(incident, staff, State.IDENTIFIED, "A cable.", impact=Impact.DEGRADED)
    updated(incident, staff, State.RESOLVED, "Plugged in.")

    page = client.get(f"/status/incidents/{incident.pk}/").content.decode()

    assert page.index("Plugged in.") < page.index("A cable.") < page.index("We look into it.")
    with service():
        incident.refresh_from_db()
        found = list(incident.updates.values_list("impact", flat=True))
    assert (incident.state, incident.ended_at is None) == ("resolved", False)
    assert found == ["degraded", "degraded", "outage"]


def test_no_update_is_changed_or_deleted(staff):
    incident = opened(staff)

    for change in ({"texts": {}}, {"state": "resolved"}):
        with pytest.raises((IntegrityError, ProgrammingError, OperationalError)), service():
            IncidentUpdate.objects.filter(incident=incident).update(**change)


def test_what_is_over_is_not_told_of_again(staff):
    incident = opened(staff)
    updated(incident, staff, State.RESOLVED)

    with pytest.raises(Conflict):
        updated(incident, staff, State.MONITORING)

    with service():
        assert incident.updates.count() == 2


@pytest.mark.parametrize("state", [State.SCHEDULED, State.COMPLETED, State.CANCELLED])
def test_an_incident_takes_no_state_of_planned_work(staff, state):
    with pytest.raises(Conflict):
        updated(opened(staff), staff, state)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "scheduled"},
        {"ended_at": NOON},
        {"state": "resolved"},
        {"impact": "maintenance"},
        {"parts": []},
        {"planned_until": NOON},
    ],
)
def test_the_database_takes_no_incident_that_cannot_be(staff, change):
    incident = opened(staff)

    with pytest.raises(IntegrityError), service():
        Incident.objects.filter(pk=incident.pk).update(**change)


def test_work_is_announced_before_it_begins(staff, clock):
    with pytest.raises(DomainError) as late:
        planned(staff, NOON)
    with pytest.raises(DomainError) as backwards:
        planned(staff, NOON + timedelta(hours=1), hours=-1)
    with pytest.raises(DomainError) as early:
        opened(staff, started_at=NOON + timedelta(hours=1))

    assert [list(it.value.field_errors) for it in (late, backwards, early)] == [
        ["starts_at"],
        ["ends_at"],
        ["started_at"],
    ]


def test_planned_work_is_coming_then_under_way(staff, client, clock):
    planned(staff, NOON + timedelta(hours=1))

    before = status.parts()[0].impact, [it.heading for it in status.board().coming()]
    clock.shift(3601)
    during = status.parts()[0].impact, status.board().coming()

    assert before == (None, ["New racks"])
    assert during == (Impact.MAINTENANCE, [])
    assert "New racks" in client.get("/status/").content.decode()


def test_a_day_has_the_worst_of_it(staff, clock):
    opened(staff, impact=Impact.DEGRADED)
    worse = opened(staff, started_at=NOON - timedelta(days=2))
    updated(worse, staff, State.RESOLVED)

    days = status.days()

    assert [day.impact for day in days[:4]] == ["outage", "outage", "outage", None]
    assert len(days) == 90
    assert status.days()[0].day == NOON.date()


def test_only_models_that_everybody_may_see_are_named(staff, client):
    demo.seed()
    with service():
        mini, large = AIModel.objects.filter(slug__in=("atlas-mini", "atlas-large")).order_by(
            "-slug"
        )
        AIModel.objects.filter(pk=large.pk).update(status="draft")
    incident = opened(staff, models=[mini, large])

    page = client.get(f"/status/incidents/{incident.pk}/").content.decode()
    told = client.get("/api/v1/status").json()["open"][0]

    assert (mini.name in page, large.name in page) == (True, False)
    assert told["models"] == [mini.name]


def windows(since=NOON, hours=24, **of):
    with service():
        found = status.maintenance_windows(since, since + timedelta(hours=hours), **of)
    return [(it.starts_at, it.ends_at) for it in found]


def test_windows_are_cut_to_the_interval(staff, clock):
    planned(staff, NOON + timedelta(hours=1), hours=4)

    assert windows(hours=2) == [(NOON + timedelta(hours=1), NOON + timedelta(hours=2))]
    assert windows(since=NOON + timedelta(hours=5)) == []


def test_windows_are_those_of_the_offer_and_its_region(staff, clock):
    demo.seed()
    with service():
        mini, large = (Offer.objects.get(name=it) for it in ("atlas-mini", "atlas-large"))
        its_model = mini.model_version.model
    planned(staff, NOON + timedelta(hours=1), models=[its_model], regions=[mini.region])
    planned(staff, NOON + timedelta(hours=8), parts=["portal"])

    assert len(windows(offer=mini)) == 1
    assert windows(offer=large) == []
    assert len(windows(region=mini.region)) == 1


def test_work_that_was_called_off_or_was_over_sooner_counts_so(staff, clock):
    called_off = planned(staff, NOON + timedelta(hours=1))
    sooner = planned(staff, NOON + timedelta(hours=4), hours=4)
    updated(called_off, staff, State.CANCELLED)
    clock.shift(5 * 3600)
    updated(sooner, staff, State.COMPLETED)

    assert windows() == [(NOON + timedelta(hours=4), NOON + timedelta(hours=5))]


def test_the_desk_is_told_of_the_gravest_first_and_of_no_planned_work(staff, clock):
    planned(staff, NOON + timedelta(hours=1))
    opened(staff, impact=Impact.DEGRADED, titles={"en": "Slow"})
    opened(staff)
    updated(opened(staff), staff, State.RESOLVED)

    with service():
        assert [it.heading for it in status.open_incidents()] == ["Calls fail", "Slow"]


def test_programs_are_told_without_a_key(staff, client):
    incident = opened(staff)

    response = client.get("/api/v1/status")

    told = response.json()
    assert response.headers["Cache-Control"] == "public, max-age=15"
    assert told["parts"][0] == {"part": "api", "impact": "outage"}
    assert told["open"][0]["id"] == str(incident.pk)
    assert told["open"][0]["updates"][0]["text"] == "We look into it."


def test_the_feed_has_an_entry_for_each_update(staff, client):
    incident = opened(staff)
    updated(incident, staff, State.RESOLVED, "Plugged in.")

    feed = client.get("/status/feed.atom").content.decode()

    assert feed.count("<entry>") == 2
    assert f"/status/incidents/{incident.pk}/" in feed
    assert "Plugged in." in feed


def test_a_warm_status_page_asks_nothing_for_incidents(
    staff, client, django_assert_max_num_queries
):
    for _incident in range(3):
        opened(staff)
    client.get("/status/")

    with django_assert_max_num_queries(1, connection=connections["service"]):
        client.get("/status/")


def test_customers_who_asked_for_it_are_told_once(staff, acme, alice, receiver):
    with service():
        webhooks.create(acme, url=receiver.url, by=alice, events=["incident.opened"])
    incident = opened(staff)
    updated(incident, staff, State.RESOLVED)

    first, again = telling.tell(), telling.tell()

    with service():
        events = list(WebhookEvent.objects.filter(organization=acme))
    assert (first, again) == (1, 0)
    assert [(it.type, it.data["id"]) for it in events] == [("incident.opened", str(incident.pk))]
    assert events[0].data["texts"] == {"en": "We look into it."}


def test_who_asked_for_everything_is_told_everything(staff, acme, alice, receiver, clock):
    with service():
        webhooks.create(acme, url=receiver.url, by=alice)
    clock.shift(1)
    updated(opened(staff), staff, State.RESOLVED)
    updated(planned(staff, NOON + timedelta(hours=1)), staff, State.CANCELLED)

    telling.tell()

    with service():
        types = sorted(WebhookEvent.objects.values_list("type", flat=True))
    assert types == [
        "incident.opened",
        "incident.resolved",
        "maintenance.planned",
        "maintenance.updated",
    ]


def sent(**facts):
    return {
        "parts": "api",
        "impact": "outage",
        "state": "investigating",
        "title_en": "Calls fail",
        "text_en": "We look into it.",
        **facts,
    }


def test_staff_tell_and_go_on_in_the_browser(staff_client, client):
    detail = staff_client.post("/staff/incidents/new/", sent())["Location"]
    news = {"state": "resolved", "impact": "outage", "text_en": "Plugged in."}
    staff_client.post(detail, news)
    again = staff_client.post(detail, news)

    page = client.get("/status/").content.decode()

    assert again.status_code == 422
    assert "All parts answer" in page
    assert "Calls fail" in page
    with service():
        acts = list(AuditEntry.objects.values_list("action", flat=True).order_by("occurred_at"))
    assert acts == ["incident.opened", "incident.updated"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"parts": []}, "parts"),
        ({"parts": "moon"}, "parts"),
        ({"impact": "maintenance"}, "impact"),
        ({"title_en": ""}, "title_en"),
        ({"text_en": ""}, "text_en"),
        ({"started_at": "2999-01-01T00:00"}, "started_at"),
        ({"models": "x"}, "models"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_told(staff_client, facts, field):
    response = staff_client.post("/staff/incidents/new/", sent(**facts))

    assert response.status_code == 422
    assert field in response.context["form"].errors
    with service():
        assert not Incident.objects.exists()


def test_staff_plan_work_in_the_browser(staff_client):
    facts = sent(starts_at="2999-01-01T10:00", ends_at="2999-01-01T12:00")

    staff_client.post("/staff/incidents/maintenance/", facts)

    with service():
        incident = Incident.objects.get()
    assert incident.started_at == datetime(2999, 1, 1, 10, tzinfo=UTC)
    assert (incident.state, incident.impact) == ("scheduled", "maintenance")
