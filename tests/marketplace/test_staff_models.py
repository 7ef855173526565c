"""The operator's desk over models."""

from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from common.database import service
from marketplace import queries
from marketplace.models import AIModel, ModelChange, Offer, Price, Route, TokenClass, Upstream
from tenants.models import AuditEntry


@pytest.fixture
def nova(staff_client, form):
    """A draft."""
    staff_client.post("/staff/models/new/", form)
    return AIModel.objects.get(name="Nova")


def audited(action):
    with service():
        return AuditEntry.objects.filter(action=action).get()


def callable_names():
    return [offer.name for offer in queries.snapshot()]


def decide(client, act="approve", **facts):
    """Decide on the change that waits."""
    with service():
        change = ModelChange.objects.waiting().get()
    return client.post(f"/staff/changes/{change.pk}/{act}/", facts)


def test_a_model_is_added_as_a_draft_and_published(
    staff_client, colleague_client, client, form, kim
):
    added = staff_client.post("/staff/models/new/", form)
    model = AIModel.objects.get(slug="nova-1-5")

    assert added.headers["Location"] == f"/staff/models/{model.pk}/"
    assert client.get("/models/nova-1-5/").status_code == 404
    assert "nova-1.5" not in callable_names()

    staff_client.post(f"/staff/models/{model.pk}/publish/")
    assert client.get("/models/nova-1-5/").status_code == 404
    assert "nova-1.5" not in callable_names()

    decide(colleague_client)

    assert client.get("/models/nova-1-5/").status_code == 200
    assert "nova-1.5" in callable_names()
    entry = audited("model.published")
    assert (entry.actor_user, entry.before["status"]) == (kim, "in_review")


def test_a_new_model_carries_its_terms(staff_client, form):
    token_class = TokenClass.objects.get()

    staff_client.post("/staff/models/new/", {**form, "token_class": str(token_class.pk)})

    offer = Offer.objects.get(name="nova-1.5")
    assert offer.token_class == token_class
    assert (offer.default_rpm, offer.default_tpm, offer.default_concurrency) == (60, 100_000, 8)
    assert [route.upstream_model for route in offer.routes.all()] == ["nova-instruct"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "atlas-mini"),
        ("slug", "two words"),
        ("offer_name", "atlas-mini"),
        ("offer_name", "two words"),
        ("offer_name", "../escape"),
        ("offer_name", "nova\t2"),
        ("offer_name", "x" * 101),
        ("offer_name", ""),
        ("name", ""),
        ("name", "x" * 500),
        ("name", "nul\x00"),
        ("kind", "spaceship"),
        ("kind", "images"),
        ("context_window", "many"),
        ("context_window", "-1"),
        ("context_window", "0"),
        ("context_window", "99999999999"),
        ("max_output", "0"),
        ("max_output", "9000"),
        ("features", ["flying"]),
        ("languages", ["tlh"]),
        ("licence_url", "javascript:alert(1)"),
        ("licence_url", "ftp://example.com/licence"),
        ("licence_url", "data:text/html,x"),
        ("publisher_name", "!!!"),
        ("price_input", "-1"),
        ("price_input", "NaN"),
        ("price_input", "Infinity"),
        ("price_input", "0.0000001"),
        ("price_input", "1000001"),
        ("price_input", "1e400"),
        ("price_output", ""),
        ("default_rpm", "0"),
        ("default_tpm", "99999999999"),
        ("default_concurrency", "many"),
        ("token_class", "gold"),
        ("upstream", "00000000-0000-0000-0000-000000000000"),
        ("upstream", "' OR 1=1"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_added(staff_client, form, field, value):
    response = staff_client.post("/staff/models/new/", {**form, field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert b"data-error-summary" in response.content
    assert AIModel.objects.count() == 5
    assert Offer.objects.count() == 5


def test_a_form_sent_twice_adds_one_model(staff_client, form):
    staff_client.post("/staff/models/new/", form)

    again = staff_client.post("/staff/models/new/", form)

    assert again.status_code == 422
    assert AIModel.objects.filter(name="Nova").count() == 1


def test_a_name_in_the_api_is_taken_once_and_leaves_no_half_model(staff_client, form):
    response = staff_client.post(
        "/staff/models/new/", {**form, "offer_name": "atlas-mini", "slug": "other"}
    )

    assert "offer_name" in response.context["form"].errors
    assert not AIModel.objects.filter(slug="other").exists()


def test_without_a_server_the_form_says_what_to_do_first(staff_client, catalogue):
    with service():
        Upstream.objects.update(is_enabled=False)

    response = staff_client.get("/staff/models/new/")

    assert "/staff/servers/new/?next=/staff/models/new/" in response.content.decode()


def test_a_publisher_is_one_however_it_is_written(staff_client, form):
    staff_client.post("/staff/models/new/", form)

    again = {**form, "offer_name": "nova-2", "publisher_name": "nova-labs"}
    response = staff_client.post("/staff/models/new/", again)

    assert response.status_code == 302
    assert AIModel.objects.get(slug="nova-2").publisher.name == "Nova Labs"


def publish(staff_client, model):
    return staff_client.post(f"/staff/models/{model.pk}/publish/")


def test_what_is_missing_is_said_in_words(staff_client, form):
    staff_client.post("/staff/models/new/", {**form, "licence": ""})
    model = AIModel.objects.get(name="Nova")

    response = publish(staff_client, model)

    assert response.status_code == 422
    summary = response.content.decode().partition("data-error-summary")[2].partition("</div>")[0]
    assert "The licence is missing." in summary
    assert AIModel.objects.get(name="Nova").status == "draft"


def test_a_server_that_does_not_answer_keeps_a_model_a_draft(staff_client, engine, nova):
    engine.stop()

    response = publish(staff_client, nova)

    assert response.status_code == 422
    assert "“Demo engine” refuses connections." in response.content.decode()
    assert AIModel.objects.get(pk=nova.pk).status == "draft"


def test_a_server_that_does_not_serve_the_model_keeps_it_a_draft(staff_client, engine, nova):
    engine.models = ["something-else"]

    response = publish(staff_client, nova)

    page = response.content.decode()
    assert "does not list the model “nova-instruct”. It lists: something-else." in page
    assert "Does not list this model" in page
    assert AIModel.objects.get(pk=nova.pk).status == "draft"


def test_the_name_at_a_server_can_be_corrected(staff_client, colleague_client, engine, nova):
    engine.models = ["something-else"]
    route = Route.objects.get(offer__model_version__model=nova)
    address = f"/staff/offers/{route.offer_id}/routes/{route.pk}/name/"

    staff_client.post(address, {"upstream_model": "something-else"})
    publish(staff_client, nova)
    decide(colleague_client)

    assert AIModel.objects.get(pk=nova.pk).status == "published"
    with service():
        entry = AuditEntry.objects.get(action="route.changed")
    assert entry.before["upstream_model"] == "nova-instruct"
    assert entry.after["upstream_model"] == "something-else"


def test_a_server_that_is_switched_off_keeps_a_model_a_draft(staff_client, nova):
    with service():
        Upstream.objects.update(is_enabled=False)

    response = publish(staff_client, nova)

    assert response.status_code == 422
    assert "No server that is switched on" in response.content.decode()


def test_publishing_twice_is_refused_and_changes_nothing(staff_client, colleague_client, nova):
    publish(staff_client, nova)
    decide(colleague_client)
    since = AIModel.objects.get(pk=nova.pk).published_at

    again = publish(staff_client, nova)

    assert again.status_code == 409
    assert AIModel.objects.get(pk=nova.pk).published_at == since


def test_a_draft_can_be_seen_as_customers_will_see_it(staff_client, nova):
    response = staff_client.get(f"/staff/models/{nova.pk}/preview/")

    assert response.status_code == 200
    assert "Preview: what customers will see" in response.content.decode()
    assert "nova-1.5" in response.content.decode()


def test_a_card_is_edited_and_its_price_stays(staff_client, colleague_client, form, mini):
    model = mini.model_version.model
    before = set(Price.objects.values_list("pk", flat=True))

    response = staff_client.post(f"/staff/models/{model.pk}/edit/", form)

    assert response.status_code == 302
    decide(colleague_client)
    model.refresh_from_db()
    assert (model.name, model.slug, model.publisher.name) == ("Nova", "atlas-mini", "Nova Labs")
    assert set(Price.objects.values_list("pk", flat=True)) == before
    assert audited("model.edited").after["name"] == "Nova"


def test_saving_a_card_that_did_not_change_leaves_no_audit_row(staff_client, form, nova):
    staff_client.post(f"/staff/models/{nova.pk}/edit/", {**form, "name": "Nova 2"})

    staff_client.post(f"/staff/models/{nova.pk}/edit/", {**form, "name": "Nova 2"})

    assert audited("model.edited")


def deprecate(staff_client, model, **facts):
    return staff_client.post(f"/staff/models/{model.pk}/deprecate/", facts)


def test_customers_are_told_when_a_model_goes_and_what_to_use_instead(
    staff_client, colleague_client, client, mini
):
    model, large = mini.model_version.model, AIModel.objects.get(slug="atlas-large")
    last_day = timezone.now().date() + timedelta(days=100)

    deprecate(staff_client, model, retires_on=last_day.isoformat(), replaced_by=str(large.pk))
    decide(colleague_client)

    model.refresh_from_db()
    assert (model.status, model.replaced_by) == ("deprecated", large)
    assert model.retires_at.date() == last_day + timedelta(days=1)
    assert "atlas-mini" in callable_names()
    page = client.get("/models/atlas-mini/").content.decode()
    assert "This model can be called until" in page
    assert 'href="/models/atlas-large/"' in page
    assert audited("model.deprecated").after["replaced_by"] == "Atlas Large"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retires_on", ""),
        ("retires_on", "2020-01-01"),
        ("retires_on", "2199-01-01"),
        ("retires_on", "soon"),
        ("replaced_by", "itself"),
        ("replaced_by", "draft"),
    ],
)
def test_a_bad_announcement_is_named_and_changes_nothing(staff_client, mini, nova, field, value):
    model = mini.model_version.model
    value = {"itself": str(model.pk), "draft": str(nova.pk)}.get(value, value)
    facts = {"retires_on": timezone.now().date().isoformat(), field: value}

    response = deprecate(staff_client, model, **facts)

    assert response.status_code == 422
    assert field in response.context["deprecate_form"].errors
    assert AIModel.objects.get(pk=model.pk).status == "published"


def retire(staff_client, model, **facts):
    facts = {"reason": "Recalled", "confirmation": model.slug, **facts}
    return staff_client.post(f"/staff/models/{model.pk}/retire/", facts)


def test_what_is_retired_stays_retired(staff_client, colleague_client, mini):
    model = mini.model_version.model
    retire(staff_client, model)
    decide(colleague_client, accepts_short_notice="on")

    response = publish(staff_client, model)

    assert response.status_code in (409, 422)
    assert AIModel.objects.get(pk=model.pk).status == "retired"
    assert "atlas-mini" not in callable_names()


def test_why_a_model_went_without_notice_is_kept(staff_client, colleague_client, mini, kim):
    retire(staff_client, mini.model_version.model, reason="Its licence was withdrawn")

    decide(colleague_client, accepts_short_notice="on")

    entry = audited("model.retired")
    assert (entry.actor_user, entry.before["status"]) == (kim, "published")
    assert entry.after["reason"] == "Its licence was withdrawn"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("confirmation", ""),
        ("confirmation", "atlas"),
        ("confirmation", "atlas-large"),
        ("reason", ""),
        ("reason", "   "),
        ("reason", "x" * 251),
    ],
)
def test_a_model_is_not_retired_by_a_slip(staff_client, mini, field, typed):
    model = mini.model_version.model

    response = retire(staff_client, model, **{field: typed})

    assert response.status_code == 422
    assert field in response.context["retire_form"].errors
    assert AIModel.objects.get(pk=model.pk).status == "published"


def test_an_announcement_is_shown_when_it_is_to_be_changed(staff_client, colleague_client, mini):
    model, large = mini.model_version.model, AIModel.objects.get(slug="atlas-large")
    last_day = timezone.now().date() + timedelta(days=100)
    deprecate(staff_client, model, retires_on=last_day.isoformat(), replaced_by=str(large.pk))
    decide(colleague_client)

    form = staff_client.get(f"/staff/models/{model.pk}/").context["deprecate_form"]

    assert form.initial == {"retires_on": last_day, "replaced_by": large.pk}


def test_models_are_found_by_name_and_state(staff_client, nova):
    def found(query):
        entries = staff_client.get(f"/staff/models/?{query}").context["entries"]
        return [entry.model.name for entry in entries]

    assert found("q=nova-1.5") == ["Nova"]
    assert found("status=draft") == ["Nova"]
    assert found("q=nothing%00") == []
    assert len(found("status=flying&page=zero")) == 6


def test_the_list_asks_no_more_for_more_models(staff_client, nova, django_assert_max_num_queries):
    # What every page shows of the operator is known by then.
    staff_client.get("/staff/models/")
    with django_assert_max_num_queries(8, connection=connections["service"]):
        staff_client.get("/staff/models/")


def test_no_list_to_choose_from_begins_with_dashes(staff_client, nova):
    offer = Offer.objects.get(model_version__model=nova)

    for address in ("/staff/models/new/", f"/staff/offers/{offer.pk}/"):
        assert "---------" not in staff_client.get(address).content.decode()
