"""Staff make the portal their own: prepared, looked at, published, and kept."""

import json
import threading

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError
from django.utils import translation

from common.database import service
from front import face
from front.errors import NothingToPublish
from front.models import SiteVersion
from front.remembered import Remembered
from front.services import site
from tenants import mails
from tenants.models import AuditEntry
from tests.front.test_pictures import DRAWN

FACTS = {"name": "Steppe Telecom", "accent": "#00aa55", "words": {}}


@pytest.fixture
def staff(person):
    return person("kim@operator.example", is_staff=True)


@pytest.fixture
def draft(staff):
    with service():
        return site.draft(FACTS, by=staff)


@pytest.fixture
def live(draft, staff):
    with service():
        return site.publish(draft, by=staff)


def test_a_draft_changes_nothing_for_customers(draft, client):
    assert "Steppe Telecom" not in client.get("/").content.decode()


def test_staff_see_the_draft_before_anybody_else(draft, staff_client, client):
    page = staff_client.get(f"/staff/site/{draft.pk}/preview/")

    assert "Steppe Telecom" in page.content.decode()
    assert "/theme.css?accent=00aa55" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert "Steppe Telecom" not in client.get("/").content.decode()


@pytest.mark.parametrize("address", ["/", "/models/", "/pricing/", "/accounts/login/", "/nothing/"])
def test_what_is_published_stands_on_every_page(live, client, address):
    page = client.get(address).content.decode()

    assert "Steppe Telecom" in page
    assert 'content="#00aa55"' in page


def test_the_manifest_and_the_apis_title_name_the_operator(live, client):
    manifest = json.loads(client.get("/site.webmanifest").content)
    schema = client.get("/api/schema/?format=json").json()

    assert (manifest["name"], manifest["theme_color"]) == ("Steppe Telecom", "#00aa55")
    assert schema["info"]["title"] == "Steppe Telecom API"


def test_what_is_remembered_is_asked_for_again_after_five_seconds(monkeypatch):
    monkeypatch.setattr("front.remembered.SECONDS", 5.0)
    now, told = [100.0], ["first", "second"]
    remembered = Remembered(lambda: told.pop(0), "nothing", clock=lambda: now[0])

    first = remembered()
    now[0] += 4.9
    still = remembered()
    now[0] += 0.1
    later = remembered()

    assert (first, still, later) == ("first", "first", "second")


def test_what_is_known_costs_no_query(live, client, django_assert_num_queries):
    client.get("/docs/")
    with django_assert_num_queries(0, using="service"):
        client.get("/docs/")


def test_when_the_database_is_away_the_last_face_stays(live, monkeypatch):
    face.current()
    face.live.forget()

    def away():
        raise DatabaseError

    monkeypatch.setattr(face.live, "_ask", away)

    assert face.current().name == "Steppe Telecom"


def test_texts_come_in_the_readers_language_or_the_first(staff, client):
    words = {"tagline": {"en": "Made here", "ar": "صنع هنا"}, "legal_lines": {"en": "Reg. 7"}}
    with service():
        site.draft({**FACTS, "words": words}, by=staff)
        site.publish(SiteVersion.objects.drafts().get(), by=staff)

    english = client.get("/").content.decode()
    client.cookies["django_language"] = "ar"
    arabic = client.get("/").content.decode()

    assert "Made here" in english
    assert "صنع هنا" in arabic
    assert "Reg. 7" in arabic


def test_messages_come_from_the_operator_and_carry_its_words(staff):
    words = {"mail_intro": {"en": "Good day"}, "mail_footer": {"en": "Steppe JSC <Astana>"}}
    facts = {"sender_name": "Help, Steppe", "sender_address": "ai@steppe.example", "words": words}
    with service():
        site.draft({**FACTS, **facts}, by=staff)
        site.publish(SiteVersion.objects.drafts().get(), by=staff)

    with translation.override("en"):
        mails.write(
            ["a@b.example"],
            "Hello",
            "status",
            {"organization": "Acme", "reason": "x"},
            occasion="x",
        )

    (message,) = mail.outbox
    html = message.alternatives[0].content
    assert message.from_email == '"Help, Steppe" <ai@steppe.example>'
    assert message.body.startswith("Good day\n")
    assert "Steppe Telecom\nSteppe JSC <Astana>\n" in message.body
    assert "Steppe JSC &lt;Astana&gt;" in html


def test_a_sign_in_code_comes_from_the_operator(live, alice, client):
    client.post("/accounts/login/code/", {"email": alice.email})

    assert mail.outbox[-1].from_email.startswith("Steppe Telecom <")


def test_publishing_is_recorded_and_keeps_what_was_live(live, staff):
    with service():
        site.draft({**FACTS, "name": "Nomad Telecom"}, by=staff)
        site.publish(SiteVersion.objects.drafts().get(), by=staff)
        states = dict(SiteVersion.objects.values_list("name", "status"))
        entry = AuditEntry.objects.filter(action="site.published").first()

    assert states == {"Steppe Telecom": "past", "Nomad Telecom": "live"}
    assert (entry.before["name"], entry.after["name"]) == ("Steppe Telecom", "Nomad Telecom")
    assert face.current().name == "Nomad Telecom"


@pytest.mark.parametrize("change", [{"name": "Other"}, {"status": "draft"}, {"words": {"a": 1}}])
def test_the_database_keeps_what_was_published(live, change):
    with pytest.raises(IntegrityError), service():
        SiteVersion.objects.filter(pk=live.pk).update(**change)
    with pytest.raises(IntegrityError), service():
        live.delete()


def test_a_version_of_the_past_becomes_the_draft_again(live, staff, staff_client):
    staff_client.post(f"/staff/site/{live.pk}/restore/")

    with service():
        draft = SiteVersion.objects.drafts().get()
    assert (draft.name, draft.accent) == ("Steppe Telecom", "#00aa55")


def test_two_who_publish_at_once_publish_once(draft, staff):
    outcomes = []

    def publish():
        try:
            with service():
                site.publish(draft, by=staff)
            outcomes.append("published")
        except NothingToPublish:
            outcomes.append("nothing")

    both = [threading.Thread(target=publish) for _person in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()

    assert sorted(outcomes) == ["nothing", "published"]


def sent(**facts):
    return {"name": "Steppe", "accent": "#00aa55", **facts}


def test_staff_make_the_portal_their_own_in_the_browser(staff_client, client):
    logo = SimpleUploadedFile("logo.svg", DRAWN)
    staff_client.post(
        "/staff/site/", sent(logo=logo, links_en="Our company https://steppe.example")
    )
    with service():
        draft = SiteVersion.objects.drafts().get()
    staff_client.post(f"/staff/site/{draft.pk}/publish/")

    page = client.get("/").content.decode()

    assert '<img class="brand-logo" src="/pictures/' in page
    assert '<a href="https://steppe.example">Our company</a>' in page


def test_a_picture_stays_until_it_is_taken_away(staff_client):
    staff_client.post("/staff/site/", sent(logo=SimpleUploadedFile("logo.svg", DRAWN)))
    staff_client.post("/staff/site/", sent())
    with service():
        kept = SiteVersion.objects.drafts().get().logo
    staff_client.post("/staff/site/", sent(no_logo="on"))
    with service():
        gone = SiteVersion.objects.drafts().get().logo

    assert (kept is None, gone) == (False, None)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"accent": "red"}, "accent"),
        ({"contact": "call us"}, "contact"),
        ({"links_en": "Run javascript:alert(1)"}, "links_en"),
        ({"links_en": "https://only.example"}, "links_en"),
        ({"links_en": "Elsewhere //evil.example"}, "links_en"),
        ({"sender_address": "nobody"}, "sender_address"),
        ({"name": "x" * 61}, "name"),
        ({"logo": SimpleUploadedFile("logo.png", b"<script>")}, "logo"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(staff_client, facts, field):
    response = staff_client.post("/staff/site/", sent(**facts))

    assert response.status_code == 422
    assert field in response.context["form"].errors
    with service():
        assert not SiteVersion.objects.exists()


def test_a_thrown_away_draft_is_gone(draft, staff_client):
    first = staff_client.post(f"/staff/site/{draft.pk}/discard/")
    again = staff_client.post(f"/staff/site/{draft.pk}/discard/")

    assert (first.status_code, again.status_code) == (302, 404)
    with service():
        assert not SiteVersion.objects.exists()


def test_customers_cannot_change_the_site(draft, alice_client):
    for act in ("", f"{draft.pk}/publish/", f"{draft.pk}/discard/"):
        assert alice_client.post(f"/staff/site/{act}", sent()).status_code == 404

    with service():
        assert SiteVersion.objects.get().status == "draft"
