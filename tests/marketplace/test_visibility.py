"""Everybody is shown what they may see, and the same everywhere."""

import re

import pytest
from django.utils import timezone

from common.database import service
from marketplace import playground, queries
from marketplace.models import AIModel, ModelShare, Offer
from marketplace.services import access, publishing
from tenants.models import Project
from tenants.scope import scope
from tenants.services import organizations

pytestmark = pytest.mark.usefixtures("catalogue")
#: Open to all, open to all and called on approval, Acme's own, a draft, retired.
OPEN, GATED, OWN, DRAFT, GONE = (
    "atlas-mini",
    "atlas-large",
    "atlas-reason",
    "atlas-embed",
    "atlas-rerank",
)


@pytest.fixture
def world(acme, alice, charlie):
    """A model of each kind; Acme was let in to the one on approval, Charlie's own was not."""
    other = organizations.found(name="Elsewhere", owner=charlie, country="FR")
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
        publishing.retire(models[GONE], by=None, reason="Recalled")
        access.ask_for(models[GATED], text="", needs_approval=True, by=None)
    with scope(acme):
        asked = access.request(acme, models[GATED], reason="Work", by=alice)
    with service():
        access.decide(asked, "approved", by=None)
    return {"alice": acme, "charlie": other}


@pytest.fixture
def reader(client, alice_client, charlie_client):
    """Return the browser of a reader."""
    return {"anonymous": client, "alice": alice_client, "charlie": charlie_client}.__getitem__


def listed(client, query=""):
    """Return what the catalogue lists."""
    return {it.api_name for it in client.get(f"/models/{query}").context["offers"]}


def compared(client):
    every = "&".join(f"m={name}" for name in (OPEN, GATED, OWN))
    others = {it.api_name for it in client.get("/models/compare/").context["others"]}
    assert set(client.get(f"/models/compare/?{every}").context["chosen"].names) == others
    return others


def pages(client):
    return {
        name
        for name in (OPEN, GATED, OWN, DRAFT, GONE)
        if client.get(f"/models/{name}/").status_code == 200
    }


def proposed(client):
    return {it.api_name for it in client.get(f"/models/{OPEN}/").context["similar"]} | {OPEN}


VISIBLE = [
    ("anonymous", {OPEN, GATED}),
    ("charlie", {OPEN, GATED}),
    ("alice", {OPEN, GATED, OWN}),
]


@pytest.mark.parametrize(("who", "seen"), VISIBLE)
def test_list_search_filters_comparison_proposals_and_pages_agree(world, reader, who, seen):
    browser = reader(who)

    assert listed(browser) == seen
    assert listed(browser, "?q=atlas") == seen
    assert listed(browser, "?features=tools&licence=Apache-2.0&kind=chat") == seen
    assert compared(browser) == seen
    assert proposed(browser) == seen
    assert pages(browser) == seen


@pytest.mark.parametrize("who", ["anonymous", "alice", "charlie"])
def test_the_feed_tells_only_what_everybody_may_know(world, reader, who):
    feed = reader(who).get("/models/changes.atom").content.decode()

    assert set(re.findall(r"/models/([\w-]+)/", feed)) == {OPEN, GATED, GONE}


@pytest.mark.parametrize(("who", "callable"), [("alice", {OPEN, GATED, OWN}), ("charlie", {OPEN})])
def test_what_is_called_is_what_was_let_in_to(world, who, callable):
    organization = world[who]
    with scope(organization):
        assert set(queries.offers_for(organization).values_list("name", flat=True)) == callable
        assert {it.name for it in playground.choices(organization)} == callable


@pytest.mark.parametrize("slug", [OWN, DRAFT])
def test_what_cannot_be_seen_does_not_exist(world, reader, slug):
    assert reader("anonymous").get(f"/models/{slug}/").status_code == 404
    assert reader("charlie").get(f"/models/{slug}/").status_code == 404
    api = f"/api/v1/organizations/elsewhere/models/{slug}/access"
    assert reader("charlie").get(api).status_code == 404


def test_what_is_gone_says_so_to_everybody(world, reader):
    for who in ("anonymous", "alice", "charlie"):
        assert reader(who).get(f"/models/{GONE}/").status_code == 410


def test_the_price_list_has_what_everybody_may_buy(world, reader):
    page = reader("alice").get("/pricing/").content.decode()

    assert set(re.findall(r'<tr data-offer="([\w-]+)"', page)) == {OPEN, GATED}
