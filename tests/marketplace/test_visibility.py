"""Everybody is shown what they may see, and the same everywhere."""

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.utils import timezone

from common.database import service
from marketplace import answers, playground, previewing, queries, tasks
from marketplace.models import (
    AIModel,
    Application,
    CustomerGroup,
    ModelShare,
    ModelVersion,
    ModelViewer,
    Offer,
    Route,
)
from marketplace.services import access, books, pricing, publishing, viewers
from marketplace.viewers import Audience
from tenants.models import Project, WebhookEndpoint, WebhookEvent
from tenants.scope import scope
from tenants.services import api_keys, organizations, webhooks
from tests.support.people import signed_in
from tests.support.receivers import receiving

pytestmark = pytest.mark.usefixtures("catalogue")
#: Open to all, open to all and called on approval, Acme's own, a draft, retired.
OPEN, GATED, OWN, DRAFT, GONE = (
    "atlas-mini",
    "atlas-large",
    "atlas-reason",
    "atlas-embed",
    "atlas-rerank",
)
#: Shown to Acme by name, to the group that Dana's ministry is in; shown to Acme, and retired.
NAMED, GROUPED, LEFT = "atlas-named", "atlas-grouped", "atlas-left"
EVERY = (OPEN, GATED, OWN, DRAFT, GONE, NAMED, GROUPED, LEFT)
WHO = ("anonymous", "alice", "dana", "charlie")
#: What each may see. A name is looked for by the word that only the catalogue's texts have.
SEEN = {
    "anonymous": {OPEN, GATED},
    "charlie": {OPEN, GATED},
    "dana": {OPEN, GATED, GROUPED},
    "alice": {OPEN, GATED, OWN, NAMED},
}


def twin(slug):
    """Add a model that is in all but its name what the open one is."""
    model, offer = AIModel.objects.get(slug=OPEN), Offer.objects.get(name=OPEN)
    upstream = offer.routes.get().upstream
    new = AIModel(**{**_facts(model), "slug": slug, "name": slug.title()})
    new.save()
    version = ModelVersion.objects.create(model=new, label="1")
    twin = Offer(**{**_facts(offer), "name": slug, "model_version_id": version.pk})
    twin.save()
    Route.objects.create(offer=twin, upstream=upstream, upstream_model=slug)
    pricing.change(twin, {"input": Decimal("0.1"), "output": Decimal("0.4")}, by=None)
    return new


def _facts(row):
    """Return what a row says, but for its key."""
    return {it.attname: getattr(row, it.attname) for it in row._meta.fields if not it.primary_key}


@pytest.fixture
def dana(person):
    """Who owns a ministry."""
    return person("dana@ministry.example", name="Dana")


@pytest.fixture
def world(acme, alice, charlie, dana):
    """A model of each kind; Acme was let in to the one on approval, Charlie's own was not."""
    other = organizations.found(name="Elsewhere", owner=charlie, country="FR")
    ministry = organizations.found(name="Ministry", owner=dana, country="FR")
    with service():
        models = {it.slug: it for it in AIModel.objects.all()}
        project = Project.objects.filter(organization=acme).first()
        AIModel.objects.filter(slug=OWN).update(owner=acme)
        ModelShare.objects.create(
            model=models[OWN],
            owner=acme,
            owner_name="Acme",
            organization=acme,
            project=project,
            accepted_at=timezone.now(),
        )
        AIModel.objects.filter(slug=DRAFT).update(status="draft", published_at=None)
        Offer.objects.filter(name=DRAFT).update(status="draft")
        group = books.open_group(code="public", name="Public bodies", by=None)
        books.join(ministry, group, by=None)
        acmes = Audience(organizations=frozenset({acme.pk}))
        viewers.show_to(twin(NAMED), acmes, by=None)
        viewers.show_to(twin(GROUPED), Audience(groups=frozenset({group.pk})), by=None)
        left = viewers.show_to(twin(LEFT), acmes, by=None)
        for gone in (models[GONE], left):
            publishing.deprecate(gone, by=None)
            # Both name a model to use instead that only Acme may know of.
            AIModel.objects.filter(pk=gone.pk).update(replaced_by=AIModel.objects.get(slug=NAMED))
            publishing.retire(gone, by=None, reason="Recalled")
        access.ask_for(models[GATED], text="", needs_approval=True, by=None)
    with scope(acme):
        asked = access.request(acme, models[GATED], reason="Work", by=alice)
    with service():
        access.decide(asked, "approved", by=None)
    return {"alice": acme, "charlie": other, "dana": ministry}


@pytest.fixture
def reader(world, client, alice_client, charlie, dana):
    """Return the browser of a reader."""
    browsers = {
        "anonymous": client,
        "alice": alice_client,
        "charlie": signed_in(charlie),
        "dana": signed_in(dana),
    }
    return browsers.__getitem__


def listed(client, query=""):
    """Return what the catalogue lists."""
    return {it.api_name for it in client.get(f"/models/{query}").context["offers"]}


def listed_by_the_api(client, query=""):
    answer = client.get(f"/api/v1/models{query}").json()
    return {it["id"] for it in answer["results"]}


def compared(client):
    every = "&".join(f"m={name}" for name in (OPEN, OWN, NAMED, GROUPED))
    others = {it.api_name for it in client.get("/models/compare/").context["others"]}
    chosen = set(client.get(f"/models/compare/?{every}").context["chosen"].names)
    told = client.get(f"/api/v1/models/compare?{every}").json()
    assert chosen == others - {GATED} == {it["id"] for it in told["models"]}
    assert set(told["unknown"]) == {OPEN, OWN, NAMED, GROUPED} - chosen
    return others


def found_one_by_one(client):
    """Return the models whose page there is, and whose page says that it is gone."""
    pages = {name: client.get(f"/models/{name}/").status_code for name in EVERY}
    told = {name: client.get(f"/api/v1/models/{name}").status_code for name in EVERY}
    assert pages == told
    return {name for name, code in pages.items() if code == 200}


def proposed(client):
    found = {it.api_name for it in client.get(f"/models/{OPEN}/").context["similar"]}
    told = client.get(f"/api/v1/models/{OPEN}/similar").json()
    assert {it["id"] for it in told} == found
    return found


@pytest.mark.parametrize("who", WHO)
def test_list_search_filters_comparison_and_pages_agree(reader, who):
    browser, seen = reader(who), SEEN[who]
    filters = "?features=tools&licence=Apache-2.0&kind=chat&sort=price"

    assert listed(browser) == listed_by_the_api(browser) == seen
    assert listed(browser, "?q=atlas") == listed_by_the_api(browser, "?q=atlas") == seen
    assert listed(browser, filters) == listed_by_the_api(browser, filters) == seen
    assert compared(browser) == seen
    assert found_one_by_one(browser) == seen


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("word", ["named", "grouped", "left"])
def test_looking_for_a_hidden_name_finds_nothing(reader, who, word):
    found = SEEN[who] & {f"atlas-{word}"}

    assert listed(reader(who), f"?q={word}") == found
    assert listed_by_the_api(reader(who), f"?q={word}") == found
    nearest = reader(who).get(f"/models/?q={word}").context["nearest"]
    assert {it.entry.api_name for it in nearest} <= SEEN[who]


@pytest.mark.parametrize(
    ("who", "alike"), [("anonymous", set()), ("charlie", set()), ("dana", {GROUPED})]
)
def test_what_is_proposed_is_what_may_be_seen(reader, who, alike):
    assert proposed(reader(who)) == alike | {GATED}


def test_what_is_shown_by_name_is_proposed_too(reader):
    assert proposed(reader("alice")) == {NAMED, GATED, OWN}


@pytest.mark.parametrize("who", WHO)
def test_the_price_list_has_what_may_be_bought(reader, who):
    page = reader(who).get("/pricing/").content.decode()

    assert set(re.findall(r'<tr data-offer="([\w-]+)"', page)) == SEEN[who] - {OWN}


@pytest.mark.parametrize("who", WHO)
def test_the_feed_tells_only_what_everybody_may_know(reader, who):
    feed = reader(who).get("/models/changes.atom").content.decode()
    told = reader(who).get("/api/v1/models/changes").json()

    assert set(re.findall(r"/models/([\w-]+)/", feed)) == {OPEN, GATED, GONE}
    assert {it["model"] for it in told} == {OPEN, GATED, GONE}
    assert "Named" not in feed
    assert {it["replaced_by"] for it in told} == {None}


@pytest.mark.parametrize(("who", "callable"), [("alice", SEEN["alice"]), ("charlie", {OPEN})])
def test_what_is_called_is_what_was_let_in_to(world, who, callable):
    organization = world[who]
    with scope(organization):
        assert set(queries.offers_for(organization).values_list("name", flat=True)) == callable
        assert {it.name for it in playground.choices(organization)} == callable
        assert set(answers.Catalogue().names(organization)) == callable


def test_a_group_calls_what_the_group_is_shown(world):
    with scope(world["dana"]):
        names = set(queries.offers_for(world["dana"]).values_list("name", flat=True))
        assert names == {OPEN, GROUPED}
        assert {it.name for it in playground.choices(world["dana"])} == names


@pytest.mark.parametrize(
    ("who", "org", "slugs"),
    [
        ("charlie", "elsewhere", (OWN, DRAFT, NAMED, GROUPED, LEFT)),
        ("dana", "ministry", (OWN, DRAFT, NAMED, LEFT)),
        ("alice", "acme", (DRAFT, GROUPED)),
    ],
)
def test_what_cannot_be_seen_does_not_exist(reader, who, org, slugs):
    for slug in slugs:
        assert reader("anonymous").get(f"/models/{slug}/").status_code == 404
        assert reader(who).get(f"/models/{slug}/").status_code == 404
        assert reader(who).get(f"/o/{org}/models/{slug}/access/").status_code == 404
        assert (
            reader(who).get(f"/api/v1/organizations/{org}/models/{slug}/access").status_code == 404
        )


def test_who_sees_it_may_read_what_it_asks_for(reader):
    assert reader("alice").get(f"/o/acme/models/{NAMED}/access/").status_code == 200
    assert reader("dana").get(f"/o/ministry/models/{GROUPED}/access/").status_code == 200


def test_what_is_gone_says_so_to_who_saw_it(reader):
    for who in WHO:
        assert reader(who).get(f"/models/{GONE}/").status_code == 410
        assert reader(who).get(f"/api/v1/models/{GONE}").json()["code"] == "model_retired"
    assert reader("alice").get(f"/models/{LEFT}/").status_code == 410
    assert "atlas-named" in reader("alice").get(f"/api/v1/models/{LEFT}").json()["detail"]


@pytest.mark.parametrize("who", ["anonymous", "charlie", "dana"])
def test_what_to_use_instead_is_not_told_to_who_may_not_see_it(reader, who):
    assert "named" not in reader(who).get(f"/models/{GONE}/").content.decode().lower()
    assert "named" not in reader(who).get(f"/api/v1/models/{GONE}").content.decode()


def test_webhooks_tell_nobody_of_what_they_may_not_see(world, alice, charlie, dana, settings):
    settings.OUTSIDE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    people = {"alice": alice, "charlie": charlie, "dana": dana}
    with receiving() as server:
        for who, organization in world.items():
            with scope(organization):
                webhooks.create(organization, url=server.url, by=people[who])
        with service():
            long_ago = timezone.now() - timedelta(days=1)
            WebhookEndpoint.objects.update(created_at=long_ago)
        tasks.tell()

    told, instead = {}, {}
    with service():
        for event in WebhookEvent.objects.select_related("organization"):
            told.setdefault(event.organization.slug, set()).add(event.data["slug"])
            instead.setdefault(event.organization.slug, []).extend(
                event.data.get("replaced_by", [])
            )
    assert told["elsewhere"] == {OPEN, GATED, GONE}
    assert told["ministry"] == {OPEN, GATED, GONE, GROUPED}
    assert told["acme"] == {OPEN, GATED, GONE, OWN, NAMED, LEFT}
    assert instead["elsewhere"] == instead["ministry"] == []
    assert set(instead["acme"]) == {NAMED}


@pytest.mark.parametrize("who", ["alice", "charlie", "dana"])
def test_postgresql_says_the_same(world, who):
    """Without a single filter of ours, the app role sees no more than the catalogue shows."""
    seen = {slug for slug in SEEN[who] if slug not in (OWN, DRAFT)}
    with scope(world[who]):
        rows = set(AIModel.objects.exclude(slug__in=(OWN, DRAFT)).values_list("slug", flat=True))
        offers = set(Offer.objects.exclude(name__in=(OWN, DRAFT)).values_list("name", flat=True))
        assert rows == offers == seen | {GONE} | ({LEFT} if who == "alice" else set())
        assert ModelViewer.objects.count() == {"alice": 2, "charlie": 0, "dana": 1}[who]


def test_postgresql_shows_the_public_nothing_hidden(world):
    assert not AIModel.objects.filter(slug__in=(OWN, NAMED, GROUPED, LEFT)).exists()
    assert not Offer.objects.filter(name__in=(OWN, NAMED, GROUPED, LEFT)).exists()
    assert not ModelViewer.objects.exists()


def test_a_key_sees_what_its_organization_sees(world, alice, acme, client):
    with scope(acme):
        key = api_keys.create(acme, name="Catalogue", by=alice).text

    found = client.get("/api/v1/models", headers={"authorization": f"Bearer {key}"}).json()

    assert {it["id"] for it in found["results"]} == SEEN["alice"]


def test_staff_sees_all_of_it(world, staff_client):
    page = staff_client.get("/staff/models/").content.decode()
    assert all(f">{slug.title()}<" in page for slug in (NAMED, GROUPED, LEFT))

    with service():
        model = AIModel.objects.get(slug=NAMED)
    assert "Acme" in staff_client.get(f"/staff/models/{model.pk}/").content.decode()
    preview = f"/staff/models/{model.pk}/preview/?customer="
    assert "is shown to Acme alone" in staff_client.get(f"{preview}ministry").content.decode()
    assert "alone" not in staff_client.get(f"{preview}acme").content.decode()


def test_who_leaves_the_group_sees_it_no_more(world, reader):
    with service():
        books.join(world["dana"], None, by=None)

    assert listed(reader("dana")) == {OPEN, GATED}
    assert found_one_by_one(reader("dana")) == {OPEN, GATED}


def test_what_is_opened_to_everybody_is_found_by_everybody(world, reader):
    with service():
        viewers.show_to(AIModel.objects.get(slug=NAMED), Audience(), by=None)
        assert not ModelViewer.objects.filter(model__slug=NAMED).exists()

    for who in WHO:
        assert NAMED in listed(reader(who))
        assert listed(reader(who), "?q=named") == {NAMED}


def test_a_private_model_is_shown_by_its_owner_alone(world):
    with pytest.raises(IntegrityError, match="private_model_has_no_viewers"), service():
        AIModel.objects.filter(slug=OWN).update(is_restricted=True)


def test_a_viewer_is_a_customer_or_a_group_and_never_both(world):
    with service():
        model, group = AIModel.objects.get(slug=NAMED), CustomerGroup.objects.get()
    for facts in ({}, {"organization": world["dana"], "group": group}):
        with pytest.raises(IntegrityError, match="viewer_is_a_customer_or_a_group"), service():
            ModelViewer.objects.create(model=model, **facts)


def test_a_preview_shows_who_will_see_it(world):
    with service():
        model = AIModel.objects.get(slug=OPEN)
        audience = Audience(organizations=frozenset({world["alice"].pk}))
        assert previewing.sight(model, world["alice"], audience).hidden == ()
        hidden = previewing.sight(model, world["dana"], audience)
    assert hidden.hidden == ("The model is shown to Acme alone.",)
    assert hidden.context["offers"] == []


def test_a_service_that_uses_a_hidden_model_is_hidden_with_it(world, reader):
    with service():
        publisher = AIModel.objects.get(slug=OPEN).publisher
        both = Application.objects.create(
            slug="minutes",
            name="Minutes",
            publisher=publisher,
            summary="Writes minutes.",
            status="published",
            published_at=timezone.now(),
        )
        both.uses.set(AIModel.objects.filter(slug__in=(OPEN, NAMED)))

    seen = {
        who: {it.application.slug for it in reader(who).get("/services/").context["entries"]}
        for who in WHO
    }

    assert {who for who, slugs in seen.items() if "minutes" in slugs} == {"alice"}
    shown = reader("alice").get("/services/minutes/").context["offers"]
    assert {it.api_name for it in shown} == {OPEN, NAMED}
    assert reader("dana").get("/services/minutes/").status_code == 404
