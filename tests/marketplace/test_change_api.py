"""The catalogue's curation over the API: the same services, the same four eyes as at the desk."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from common.database import service
from marketplace.models import AIModel, CustomerGroup, ModelChange, Offer
from marketplace.queries import prices_in_force
from marketplace.services import books, curation
from marketplace.viewers import Audience
from metering.models import UsageDay
from tests.support.people import signed_in

pytestmark = pytest.mark.usefixtures("catalogue")
MODEL = "/api/v1/staff/models/atlas-mini/changes"
CHANGES = "/api/v1/staff/model-changes"
JSON = {"content_type": "application/json"}
FACTS = [
    ("card", {"summary": "Small and quick."}, "Summary"),
    ("dossier", {"energy": "1.5", "energy_source": "our meters"}, "Energy"),
    ("audience", {"audience": "some", "organizations": ["acme"]}, "Who sees it"),
    ("access", {"text": "Be kind.", "needs_approval": True}, "Terms to accept"),
    ("terms", {"offer": "atlas-mini", "default_rpm": 30}, "Requests per minute"),
    ("deprecate", {"retires_on": "2030-01-01", "replaced_by": "atlas-large"}, "Last day"),
    ("retire", {"reason": "Recalled", "confirmation": "atlas-mini"}, "State"),
]


def model(slug="atlas-mini"):
    with service():
        return AIModel.objects.select_related("terms", "replaced_by").get(slug=slug)


def propose(client, kind, facts, path=MODEL):
    return client.post(path, {"kind": kind, "facts": facts}, **JSON)


@pytest.mark.parametrize(("kind", "facts", "field"), FACTS)
def test_what_is_proposed_waits_with_its_differences(staff_client, acme, kind, facts, field):
    before = model().updated_at

    answer = propose(staff_client, kind, facts)

    assert answer.status_code == 201, answer.json()
    change = answer.json()["change"]
    assert (answer.json()["is_done"], change["status"]) == (False, "proposed")
    assert any(field in it["field"] for it in change["differences"])
    assert change["proposed_by"] == "sam@operator.example"
    assert model().updated_at == before
    (row,) = staff_client.get(f"{CHANGES}?status=proposed&model=atlas-mini").json()["results"]
    assert (row["id"], row["kind"]) == (change["id"], kind)
    assert staff_client.get(f"{CHANGES}?model=atlas-large").json()["results"] == []


@pytest.mark.parametrize(("kind", "facts", "field"), FACTS)
def test_a_colleague_approves_and_it_holds(
    staff_client, colleague_client, acme, kind, facts, field
):
    change = propose(staff_client, kind, facts).json()["change"]
    address = f"{CHANGES}/{change['id']}"
    assert staff_client.post(f"{address}/approve", {}, **JSON).status_code == 403
    assert staff_client.get(address).json()["status"] == "proposed"

    consent = {"accepts_short_notice": change["gives_short_notice"]}
    approved = colleague_client.post(f"{address}/approve", consent, **JSON)

    assert (approved.status_code, approved.json()["status"]) == (200, "applied")
    assert approved.json()["decided_by"] == "kim@operator.example"
    assert colleague_client.post(f"{address}/approve", consent, **JSON).status_code == 409


def test_each_kind_does_what_it_says(staff_client, colleague_client, acme):
    for kind, facts, _field in FACTS:
        change = propose(staff_client, kind, facts).json()["change"]
        consent = {"accepts_short_notice": True}
        colleague_client.post(f"{CHANGES}/{change['id']}/approve", consent, **JSON)

    found = model()
    with service():
        assert found.summary == "Small and quick."
        assert found.dossier.energy_source == "our meters"
        assert [it.organization_id for it in found.viewers.all()] == [acme.pk]
        assert (found.terms.text, found.needs_approval) == ("Be kind.", True)
        assert Offer.objects.get(name="atlas-mini").default_rpm == 30
        assert (found.replaced_by.slug, found.status) == ("atlas-large", "retired")


def test_a_publication_shows_its_checklist(staff_client, colleague_client, form):
    staff_client.post("/staff/models/new/", {**form, "licence": ""})
    path = "/api/v1/staff/models/nova-1-5/changes"
    refused = staff_client.post(path, {"kind": "publish"}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (422, "model_not_ready")

    done = propose(staff_client, "card", {"licence": "MIT"}, path)
    assert (done.status_code, done.json()) == (200, {"is_done": True, "change": None})
    change = staff_client.post(path, {"kind": "publish", "words": "Please"}, **JSON).json()

    assert change["change"]["words"] == "Please"
    assert all(it["is_done"] for it in change["change"]["checklist"])
    assert model("nova-1-5").status == "in_review"
    address = f"{CHANGES}/{change['change']['id']}"
    assert colleague_client.post(f"{address}/approve", {}, **JSON).json()["status"] == "applied"
    assert model("nova-1-5").status == "published"


def test_a_publication_takes_no_facts_and_says_what_it_takes(staff_client, form):
    staff_client.post("/staff/models/new/", form)
    path = "/api/v1/staff/models/nova-1-5/changes"

    refused = propose(staff_client, "publish", {"takes_effect_at": "2030-01-01T00:00Z"}, path)

    assert refused.status_code == 422
    told = refused.json()["field_errors"]["takes_effect_at"]
    assert told == ["This is not known here. Accepted: takes_effect_at, words."]
    assert model("nova-1-5").status == "draft"


def test_who_approves_a_publication_sees_all_that_was_written_before_it(staff_client, form):
    """A draft's dossier, terms and limits are saved without a second person, who agrees here."""
    staff_client.post("/staff/models/new/", form)
    path = "/api/v1/staff/models/nova-1-5/changes"
    measured = {"evaluations": "MMLU | ar | 61.2 % | 2026-03-31 | our run", "energy": "1.5"}
    propose(staff_client, "dossier", {**measured, "energy_source": "our meters"}, path)
    propose(staff_client, "access", {"text": "Be kind.", "needs_approval": True}, path)
    propose(staff_client, "terms", {"offer": form["offer_name"], "default_rpm": 31}, path)

    change = staff_client.post(path, {"kind": "publish"}, **JSON).json()["change"]

    told = {it["field"]: it for it in change["differences"]}
    assert told["Terms to accept"]["lines"][0]["text"] == "Be kind."
    assert told["Each customer asks for access"]["after"] == "yes"
    assert "MMLU" in told["Evaluations"]["lines"][0]["text"]
    assert told["Energy per million tokens, in watt-hours"]["after"] == "1.5"
    assert told["How it was measured"]["after"] == "our meters"
    assert told[f"{form['offer_name']} · Requests per minute"]["after"] == "31"
    assert told[f"{form['offer_name']} · Version"]["after"] == "1.0"
    assert "EUR" in told[form["offer_name"]]["after"]
    assert "<" not in "".join(it["before"] + it["after"] for it in change["differences"])


def test_it_is_refused_with_a_reason_and_taken_back(staff_client, colleague_client):
    first = propose(staff_client, "card", {"summary": "One."}).json()["change"]
    address = f"{CHANGES}/{first['id']}"
    assert colleague_client.post(f"{address}/refuse", {}, **JSON).status_code == 400
    refused = colleague_client.post(f"{address}/refuse", {"answer": "No"}, **JSON).json()
    assert (refused["status"], refused["answer"]) == ("refused", "No")

    second = propose(staff_client, "card", {"summary": "Two."}).json()["change"]
    taken = staff_client.post(f"{CHANGES}/{second['id']}/withdraw", **JSON).json()

    assert taken["status"] == "withdrawn"
    assert model().summary not in ("One.", "Two.")


def test_one_change_of_a_kind_waits_at_a_time(staff_client):
    propose(staff_client, "card", {"summary": "One."})

    again = propose(staff_client, "card", {"summary": "Two."})

    assert (again.status_code, again.json()["code"]) == (409, "model_change_proposed")


@pytest.mark.parametrize(
    ("kind", "facts", "field"),
    [
        ("card", {"colour": "red"}, "colour"),
        ("card", {"context_window": "many"}, "context_window"),
        ("audience", {"audience": "some"}, "groups"),
        ("audience", {"audience": "some", "groups": ["nobodys"]}, "groups"),
        ("audience", {"audience": "some", "organizations": ["nobody"]}, "organizations"),
        ("audience", {"audience": "some", "organizations": "acme"}, "groups"),
        ("audience", {}, "audience"),
        ("terms", {"default_rpm": 3}, "offer"),
        ("terms", {"offer": "atlas-large", "default_rpm": 3}, "offer"),
        ("terms", {"offer": "atlas-mini", "token_class": "none"}, "token_class"),
        ("deprecate", {"retires_on": "2001-01-01"}, "retires_on"),
        ("deprecate", {"retires_on": "2030-01-01", "replaced_by": "x"}, "replaced_by"),
        ("retire", {"reason": "Recalled"}, "confirmation"),
        ("prices", {"input": "0.1"}, "offer"),
        ("prices", {"offer": "atlas-large", "input": "0.1"}, "offer"),
        ("prices", {"offer": "atlas-mini", "input": "cheap"}, "input"),
        ("prices", {"offer": "atlas-mini", "input": "-1"}, "input"),
        ("prices", {"offer": "atlas-mini", "input": None}, "input"),
        ("prices", {"offer": "atlas-mini", "smell": "1"}, "smell"),
        (
            "prices",
            {"offer": "atlas-mini", "input": "0.1", "effective_from": "2001-01-01T00:00:00Z"},
            "effective_from",
        ),
        ("level", {"ttft_p95_ms": 800}, "offer"),
        ("level", {"offer": "atlas-mini", "ttft_p95_ms": -1}, "ttft_p95_ms"),
        ("level", {"offer": "atlas-mini", "further_miss": "10"}, "further_credit"),
        ("level", {"offer": "atlas-mini", "smell": 1}, "smell"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(staff_client, kind, facts, field):
    answer = propose(staff_client, kind, facts)

    assert (answer.status_code, answer.json()["code"]) == (422, "proposal_not_valid")
    assert field in answer.json()["field_errors"]
    with service():
        assert not ModelChange.objects.exists()


def test_what_changes_nothing_is_no_change(staff_client):
    same = propose(staff_client, "card", {"summary": model().summary})
    everybody = propose(staff_client, "audience", {"audience": "everybody"})

    assert (same.json()["code"], everybody.json()["code"]) == ("nothing_changes",) * 2


def test_an_unknown_kind_is_not_proposed(staff_client):
    assert propose(staff_client, "nothing", {}).status_code == 400


def per_million(at=None, **parts):
    """Return what the parts of atlas-mini cost at a moment, in a tier."""
    with service():
        offer = Offer.objects.get(name="atlas-mini")
        found = prices_in_force([offer.pk], at or timezone.now(), **parts)[offer.pk]
        return {part: it.per_million for part, it in found.items()}


@pytest.fixture
def month_of_notice(settings):
    """Customers are promised thirty days' notice of higher prices."""
    settings.PRICE_NOTICE = timedelta(days=30)


def test_a_price_that_rises_at_once_waits_for_a_colleague(
    staff_client, colleague_client, month_of_notice
):
    before = per_million()

    answer = propose(staff_client, "prices", {"offer": "atlas-mini", "input": "0.20"})

    assert (answer.status_code, answer.json()["is_done"]) == (201, False), answer.json()
    change = answer.json()["change"]
    assert (change["kind"], change["offer"]) == ("prices", "atlas-mini")
    assert change["gives_short_notice"] is True
    assert per_million() == before
    address = f"{CHANGES}/{change['id']}/approve"
    consent = {"accepts_short_notice": True}
    assert staff_client.post(address, consent, **JSON).status_code == 403
    assert colleague_client.post(address, {}, **JSON).status_code == 422
    assert per_million() == before
    assert colleague_client.post(address, consent, **JSON).json()["status"] == "applied"
    assert per_million() == before | {"input": Decimal("0.2")}
    assert per_million(service_tier="batch")["input"] == Decimal("0.1")


def test_a_price_that_rises_with_notice_is_set_and_told(staff_client, month_of_notice):
    before, begins = per_million(), timezone.now() + timedelta(days=31)
    facts = {"offer": "atlas-mini", "output": "0.90", "effective_from": begins.isoformat()}

    answer = propose(staff_client, "prices", facts)

    assert (answer.status_code, answer.json()) == (200, {"is_done": True, "change": None})
    assert per_million() == before
    assert per_million(begins) == before | {"output": Decimal("0.9")}
    (coming,) = staff_client.get("/api/v1/models/atlas-mini").json()["coming_prices"]
    assert coming["unit_amount"] == "0.0000009"
    again = propose(staff_client, "prices", facts)
    assert (again.status_code, again.json()["code"]) == (422, "nothing_changes")


def test_a_price_that_falls_needs_nobody_else_and_the_others_stay(staff_client, month_of_notice):
    before = per_million()
    later = timezone.now() + timedelta(days=31)
    propose(
        staff_client,
        "prices",
        {"offer": "atlas-mini", "output": "0.90", "effective_from": later.isoformat()},
    )

    answer = propose(
        staff_client, "prices", {"offer": "atlas-mini", "input": "0.1", "batch_input": "0.07"}
    )

    assert answer.json() == {"is_done": True, "change": None}
    assert per_million() == before | {"input": Decimal("0.1")}
    assert per_million(service_tier="batch")["input"] == Decimal("0.07")
    assert per_million(later)["output"] == Decimal("0.9")
    # Nor does a later change of one price take back what is set for another before it.
    after = later + timedelta(days=1)
    facts = {"offer": "atlas-mini", "input": "0.09", "effective_from": after.isoformat()}
    assert propose(staff_client, "prices", facts).json()["is_done"] is True
    assert per_million(after) == before | {"input": Decimal("0.09"), "output": Decimal("0.9")}


def test_a_level_is_proposed_approved_and_listed(staff_client, colleague_client):
    path = "/api/v1/staff/models/atlas-mini/service-levels"
    facts = {"offer": "atlas-mini", "ttft_p95_ms": 800, "credit": "5", "least_calls": 50}
    change = propose(staff_client, "level", {**facts, "words": "As agreed"}).json()["change"]
    assert change["words"] == "As agreed"
    assert staff_client.get(path).json() == []
    address = f"{CHANGES}/{change['id']}/approve"
    assert staff_client.post(address, {}, **JSON).status_code == 403

    assert colleague_client.post(address, {}, **JSON).json()["status"] == "applied"

    (level,) = staff_client.get(path).json()
    assert (level["offer"], level["ttft_p95_ms"], level["least_calls"]) == ("atlas-mini", 800, 50)
    assert (level["proposed_by"], level["approved_by"]) == (
        "sam@operator.example",
        "kim@operator.example",
    )
    # What is not named stays, and saying the same again is no change.
    same = propose(staff_client, "level", {"offer": "atlas-mini", "ttft_p95_ms": 800})
    assert same.json()["code"] == "nothing_changes"
    more = propose(staff_client, "level", {"offer": "atlas-mini", "availability": "99.5"})
    told = {it["field"]: it for it in more.json()["change"]["differences"]}
    assert [it["before"] for it in told.values()] != [it["after"] for it in told.values()]
    assert staff_client.get("/api/v1/staff/models/nobody/service-levels").status_code == 404


def test_to_everybody_else_it_does_not_exist(alice_client, bob, client):
    for browser in (alice_client, signed_in(bob), client, Client()):
        assert browser.get(CHANGES).status_code in (403, 404)
        assert propose(browser, "card", {"summary": "Mine."}).status_code in (403, 404)
        levels = browser.get("/api/v1/staff/models/atlas-mini/service-levels")
        assert levels.status_code in (403, 404)
    with service():
        assert not ModelChange.objects.exists()


def test_who_uses_a_model_is_not_locked_out_without_consent(
    staff_client, colleague_client, sam, acme, charlie
):
    with service():
        UsageDay.objects.create(
            organization=acme,
            offer_name="atlas-mini",
            day=timezone.now().date() - timedelta(days=1),
            requests=1,
        )
        group = books.open_group(code="public", name="Public bodies", by=None)
        audience = Audience(groups=frozenset({group.pk}))
        change = curation.change_audience(model(), audience, by=sam)
    address = f"{CHANGES}/{change.pk}"
    told = colleague_client.get(address).json()
    assert told["gives_short_notice"] is True
    assert [it["after"] for it in told["differences"]] == ["the group Public bodies", "Acme"]
    page = colleague_client.get(f"/staff/changes/{change.pk}/").content.decode()
    assert "Customers who use it will not see it any more" in page

    refused = colleague_client.post(f"{address}/approve", {}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (422, "short_notice_not_accepted")
    assert model().is_restricted is False

    with service():
        books.join(acme, CustomerGroup.objects.get(), by=None)
    assert colleague_client.get(address).json()["gives_short_notice"] is False
    assert colleague_client.post(f"{address}/approve", {}, **JSON).status_code == 200
    assert model().is_restricted is True


def test_the_desk_proposes_who_sees_a_model(staff_client, colleague_client, acme, client):
    with service():
        books.open_group(code="public", name="Public bodies", by=None)
    page = f"/staff/models/{model().pk}/viewers/"
    assert staff_client.post(page, {"audience": "some"}).status_code == 422
    wrong = {"audience": "some", "organizations": "acme\nnobody"}
    refused = staff_client.post(page, wrong)
    assert "There is no customer with the address nobody." in refused.content.decode()

    wanted = {"audience": "some", "organizations": "acme", "groups": ["public"]}
    proposed = staff_client.post(page, wanted)["Location"]
    assert client.get("/models/atlas-mini/").status_code == 200
    assert "the group Public bodies and Acme" in staff_client.get(proposed).content.decode()
    colleague_client.post(f"{proposed}approve/")

    assert client.get("/models/atlas-mini/").status_code == 404
    shown = staff_client.get(page).content.decode()
    assert "the group Public bodies and Acme" in shown
    assert 'value="public"' in shown
    assert ">\nacme</textarea>" in shown


def test_who_sees_a_draft_is_its_authors_to_say(staff_client, acme, form):
    staff_client.post("/staff/models/new/", form)

    done = propose(
        staff_client,
        "audience",
        {"audience": "some", "organizations": ["acme"]},
        "/api/v1/staff/models/nova-1-5/changes",
    )

    assert done.json() == {"is_done": True, "change": None}
    assert model("nova-1-5").is_restricted is True


def test_a_customers_own_model_is_not_the_operators_to_show(staff_client, acme):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(owner=acme)

    refused = propose(staff_client, "audience", {"audience": "some", "organizations": ["acme"]})

    assert (refused.status_code, refused.json()["code"]) == (409, "model_is_a_customers")


@pytest.mark.parametrize("name", ["compare", "changes"])
def test_a_model_does_not_take_the_address_of_a_page(staff_client, form, name):
    for facts in ({"offer_name": name}, {"offer_name": "fine", "slug": name}):
        answer = staff_client.post("/staff/models/new/", {**form, **facts})
        assert answer.status_code == 422
        assert "Another page has this address." in answer.content.decode()
    with service():
        assert not AIModel.objects.filter(slug=name).exists()
