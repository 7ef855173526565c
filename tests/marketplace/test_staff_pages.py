"""The operator's desk over models and prices."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from billing.models import SpendBucket
from common.database import service
from marketplace import demo, queries
from marketplace.models import AIModel, Offer, Price, TokenClass, Upstream
from metering.models import UsageBucket
from portal import desk
from tenants.models import AuditEntry
from tenants.services import organizations

NEW_MODEL = {
    "name": "Nova",
    "slug": "nova",
    "publisher_name": "Nova Labs",
    "kind": "chat",
    "summary": "A new model.",
    "context_window": "8192",
    "max_output": "1024",
    "features": ["tools"],
    "modalities": ["text"],
    "languages": ["en"],
    "licence": "MIT",
    "version": "1.0",
    "upstream_model": "nova-instruct",
    "price_input": "0.10",
    "price_output": "0.40",
}


@pytest.fixture(autouse=True)
def catalogue(db):
    demo.seed()


@pytest.fixture
def sam(person):
    """A member of the operator's staff."""
    return person("sam@operator.example", is_staff=True)


@pytest.fixture
def staff_client(sam):
    client = Client()
    client.force_login(sam)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time()}]
    session.save()
    return client


@pytest.fixture
def form():
    return {**NEW_MODEL, "upstream": str(Upstream.objects.get().pk)}


@pytest.fixture
def mini():
    return Offer.objects.get(name="atlas-mini")


PAGES = ["/staff/", "/staff/models/", "/staff/models/new/", "/staff/prices/", "/staff/customers/"]


@pytest.mark.parametrize("page", PAGES)
def test_staff_with_a_second_factor_see_the_desk(staff_client, acme, page):
    assert staff_client.get(page).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_to_customers_the_desk_does_not_exist(alice_client, page):
    assert alice_client.get(page).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_a_second_factor_are_sent_to_prove_one(client, sam, page):
    client.force_login(sam)

    assert client.get(page).status_code == 302


def test_a_model_is_added_as_a_draft_and_published(staff_client, client, form, sam):
    added = staff_client.post("/staff/models/new/", form)
    model = AIModel.objects.get(slug="nova")

    assert added.headers["Location"] == f"/staff/models/{model.pk}/"
    assert client.get("/models/nova/").status_code == 404
    assert "nova" not in [offer.name for offer in queries.snapshot()]

    staff_client.post(f"/staff/models/{model.pk}/publish/")

    assert client.get("/models/nova/").status_code == 200
    assert "nova" in [offer.name for offer in queries.snapshot()]
    with service():
        entry = AuditEntry.objects.get(action="model.published")
        assert (entry.actor_user, entry.before) == (sam, {"status": "draft"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "atlas-mini"),
        ("slug", "two words"),
        ("name", ""),
        ("name", "x" * 500),
        ("name", "nul\x00"),
        ("kind", "spaceship"),
        ("context_window", "many"),
        ("context_window", "-1"),
        ("context_window", "99999999999"),
        ("max_output", "0"),
        ("max_output", "9000"),
        ("features", ["flying"]),
        ("licence_url", "javascript:alert(1)"),
        ("publisher_name", "!!!"),
        ("price_input", "-1"),
        ("price_input", "NaN"),
        ("price_input", "0.0000001"),
        ("price_output", ""),
        ("upstream", "00000000-0000-0000-0000-000000000000"),
        ("upstream", "' OR 1=1"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_added(staff_client, form, field, value):
    response = staff_client.post("/staff/models/new/", {**form, field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert AIModel.objects.count() == 4


def test_a_draft_without_a_server_cannot_be_published(staff_client, form):
    staff_client.post("/staff/models/new/", form)
    model = AIModel.objects.get(slug="nova")
    with service():
        Upstream.objects.update(is_enabled=False)

    response = staff_client.post(f"/staff/models/{model.pk}/publish/")

    assert response.status_code == 422
    assert AIModel.objects.get(slug="nova").status == "draft"


def test_what_is_retired_stays_retired(staff_client):
    model = AIModel.objects.get(slug="atlas-mini")
    staff_client.post(f"/staff/models/{model.pk}/retire/")

    response = staff_client.post(f"/staff/models/{model.pk}/publish/")

    assert response.status_code == 409
    assert AIModel.objects.get(slug="atlas-mini").status == "retired"
    assert "atlas-mini" not in [offer.name for offer in queries.snapshot()]


def test_a_card_is_edited_and_its_price_stays(staff_client, form):
    model = AIModel.objects.get(slug="atlas-mini")
    before = set(Price.objects.values_list("pk", flat=True))

    response = staff_client.post(f"/staff/models/{model.pk}/edit/", form)

    assert response.status_code == 302
    model.refresh_from_db()
    assert (model.name, model.slug, model.publisher.name) == ("Nova", "atlas-mini", "Nova Labs")
    assert set(Price.objects.values_list("pk", flat=True)) == before


def test_a_price_change_does_not_touch_usage_before_it(staff_client, mini):
    old = Price.objects.get(offer=mini, token_part="input")
    before = timezone.now()
    begins = (before + timedelta(days=7)).replace(second=0, microsecond=0, tzinfo=None)

    response = staff_client.post(
        f"/staff/prices/{mini.pk}/",
        {"token_part": "input", "per_million": "0.25", "effective_from": begins.isoformat()},
    )

    assert response.status_code == 302
    assert queries.price_in_force(mini, "input", before).pk == old.pk
    new = queries.price_in_force(mini, "input", before + timedelta(days=8))
    assert new.per_token == Decimal("0.00000025")
    old.refresh_from_db()
    assert (old.per_million, old.effective_until) == (Decimal("0.15"), new.effective_from)


def test_a_price_without_a_date_holds_from_now_on(staff_client, mini):
    data = {"token_part": "input", "per_million": "0.25", "effective_from": ""}

    staff_client.post(f"/staff/prices/{mini.pk}/", data)

    snapshot = {offer.name: offer for offer in queries.snapshot()}
    assert snapshot["atlas-mini"].prices["input"].unit_amount == Decimal("0.00000025")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("effective_from", "2020-01-01T00:00"),
        ("effective_from", "tomorrow"),
        ("token_part", "thought"),
        ("per_million", "-0.01"),
        ("per_million", "1e99"),
        ("per_million", "0.1234567"),
        ("per_million", ""),
    ],
)
def test_a_bad_price_is_named_and_changes_nothing(staff_client, mini, field, value):
    before = list(Price.objects.order_by("pk").values())
    data = {"token_part": "input", "per_million": "1", "effective_from": "", field: value}

    response = staff_client.post(f"/staff/prices/{mini.pk}/", data)

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert list(Price.objects.order_by("pk").values()) == before


def test_a_price_before_a_scheduled_one_is_refused(staff_client, mini):
    later = (timezone.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M")
    data = {"token_part": "input", "per_million": "1", "effective_from": later}
    staff_client.post(f"/staff/prices/{mini.pk}/", data)

    response = staff_client.post(f"/staff/prices/{mini.pk}/", {**data, "effective_from": ""})

    assert response.status_code == 422
    assert Price.objects.filter(offer=mini, token_part="input").count() == 2


def test_customers_stand_with_their_balance(staff_client, acme):
    (customer,) = staff_client.get("/staff/customers/").context["customers"]

    assert customer.organization == acme
    assert (customer.balance.amount, customer.balance.currency) == (Decimal(0), acme.currency)


def test_a_model_of_a_token_class_burns_its_tokens(staff_client, form):
    token_class = TokenClass.objects.get()

    staff_client.post("/staff/models/new/", {**form, "token_class": str(token_class.pk)})

    assert Offer.objects.get(name="nova").token_class == token_class


def test_a_publisher_is_one_however_it_is_written(staff_client, form):
    staff_client.post("/staff/models/new/", form)

    again = {**form, "slug": "nova-2", "publisher_name": "nova-labs"}
    response = staff_client.post("/staff/models/new/", again)

    assert response.status_code == 302
    assert AIModel.objects.get(slug="nova-2").publisher.name == "Nova Labs"


def test_customers_are_found_by_name(staff_client, acme):
    assert staff_client.get("/staff/customers/?q=ACM").context["customers"]
    assert not staff_client.get("/staff/customers/?q=nobody%00").context["customers"]
    assert staff_client.get("/staff/customers/?page=zero").status_code == 200


def test_the_list_of_customers_asks_no_more_for_more_of_them(
    staff_client, acme, alice, django_assert_num_queries
):
    page = desk.organizations()
    with service(), django_assert_num_queries(5, connection=connections["service"]):
        desk.customers(page)

    organizations.found(name="Second", owner=alice, country="FR")

    with service(), django_assert_num_queries(5, connection=connections["service"]):
        assert len(desk.customers(desk.organizations())) == 2


def test_usage_and_balance_stand_beside_the_customer(staff_client, acme):
    now = timezone.now()
    with service():
        project = acme.projects.get()
        facts = {"organization": acme, "project": project, "offer_name": "atlas-mini"}
        UsageBucket.objects.create(
            **facts,
            region="eu-paris",
            starts_at=now,
            requests=2,
            input_tokens=10,
            cached_input_tokens=5,
            output_tokens=3,
            reasoning_tokens=1,
        )
        SpendBucket.objects.create(
            **facts, currency="EUR", starts_at=now, requests=2, amount=Decimal("0.5")
        )

    (customer,) = staff_client.get("/staff/customers/").context["customers"]

    assert (customer.requests, customer.tokens) == (2, 19)
    assert customer.worth.amount == Decimal("0.5")
