"""The operator's desk over rehearsals: asked for, watched, read and downloaded."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import periods
from billing.models import PricedBucket, Rehearsal, SpendBucket
from billing.services import gpu_costs, rehearsing
from common.database import service
from marketplace import demo
from marketplace import rehearsing as stages
from marketplace.models import Offer, Price, PriceBook
from marketplace.services import books, drafting
from tenants.models import AuditEntry, Project

MILLION = 1_000_000


@pytest.fixture
def draft(db):
    """A copy of the list for everybody, a fifth dearer."""
    demo.seed()
    with service():
        draft = drafting.begin(PriceBook.objects.get(code="standard"), by=None)
        drafting.adjust(draft, percent=Decimal(20), by=None)
        return draft


@pytest.fixture
def last_month(acme):
    period = periods.containing(timezone.now(), "UTC")
    return periods.before(period, "UTC")


@pytest.fixture
def used(acme, draft, last_month):
    """Two million tokens of Acme's last month, and some that came without a price."""
    price = Price.objects.standard().get(offer__name="atlas-mini", token_part="input")
    facts = {"organization": acme, "offer_name": "atlas-mini", "token_part": "input"}
    at = last_month.start + timedelta(days=3)
    with service():
        for price_id, tokens in ((price.pk, 2 * MILLION), (None, 5)):
            PricedBucket.objects.create(**facts, price_id=price_id, starts_at=at, tokens=tokens)


def ask(client, draft, month):
    address = f"/staff/versions/{draft.pk}/rehearsals/"
    return client.post(address, {"first_month": month.label, "last_month": month.label})


def test_a_rehearsal_is_asked_for_and_read(staff_client, draft, used, last_month):
    asked = ask(staff_client, draft, last_month)
    page = staff_client.get(asked["Location"])

    total = page.context["total"]
    assert (total.before.amount, total.after.amount) == (Decimal("0.3"), Decimal("0.36"))
    assert (total.tokens, total.share) == (2 * MILLION, Decimal("0.2"))
    assert [it.organization.slug for it in page.context["customers"]] == ["acme"]
    assert [(it.offer, it.part) for it in page.context["prices"]] == [("atlas-mini", "input")]
    assert [(it.tokens, it.reason) for it in page.context["unrated"]] == [(5, "unpriced")]
    assert not page.context["is_stale"]
    with service():
        entry = AuditEntry.objects.get(action="price_version.rehearsed")
    assert entry.actor_label == "sam@operator.example"
    listed = staff_client.get(f"/staff/versions/{draft.pk}/rehearsals/")
    assert [effect.after.amount for _it, effect in listed.context["entries"]] == [Decimal("0.36")]


@pytest.fixture
def costing(used, acme, last_month, person):
    """What was used of atlas-mini stands in the books of the month, and its GPUs cost 0.10 in it."""
    hours = Decimal(int((last_month.end - last_month.start).total_seconds())) / 3600
    with service():
        SpendBucket.objects.create(
            organization=acme,
            project=Project.objects.get(organization=acme),
            offer_name="atlas-mini",
            starts_at=last_month.start + timedelta(days=3),
            currency="EUR",
            requests=1,
            amount=Decimal("0.3"),
        )
        gpu_costs.state(
            Offer.objects.get(name="atlas-mini"),
            starts_on=last_month.start.date(),
            currency="EUR",
            gpus=Decimal(1),
            per_hour=Decimal("0.1") / hours,
            note="",
            by=person("cost@operator.example", is_staff=True),
        )


def test_it_shows_who_is_touched_and_what_is_left_before_and_after(
    staff_client, draft, costing, last_month
):
    page = staff_client.get(ask(staff_client, draft, last_month)["Location"])

    [model], margin = page.context["models"], page.context["margin"]
    assert page.context["touched"] == page.context["page"].paginator.count == 1
    assert (model.before.amount, model.after.amount) == (Decimal("0.3"), Decimal("0.36"))
    before, after = model.margin_before.amount, model.margin_after.amount
    assert (round(before, 4), after - before) == (Decimal("0.2000"), Decimal("0.06"))
    assert margin.margin_after == model.margin_after
    assert round(margin.share_after, 2) == Decimal("0.72")
    shown = page.content.decode()
    assert all(word in shown for word in ("Customers touched", "Margin before", "Margin after"))


def test_a_model_whose_cost_nobody_stated_has_no_margin(staff_client, draft, used, last_month):
    page = staff_client.get(ask(staff_client, draft, last_month)["Location"])

    assert [it.margin_after for it in page.context["models"]] == [None]
    assert page.context["margin"] is None
    assert "Cost not stated" in page.content.decode()


def test_a_version_that_changes_nothing_touches_nobody(staff_client, acme, used, last_month):
    with service():
        own = books.create(code="own", name="Own", currency="EUR", by=None, organization=acme)
        same = books.draft(own, by=None)

    page = staff_client.get(ask(staff_client, same, last_month)["Location"])

    assert page.context["touched"] == 0


def test_the_file_says_it_to_the_last_digit(staff_client, draft, used, last_month):
    asked = ask(staff_client, draft, last_month)

    reply = staff_client.get(f"{asked['Location']}lines.csv")

    assert reply.content.decode().splitlines() == [
        "customer,model,part,tier,tokens,currency,before,after,difference,reason",
        "acme,atlas-mini,input,standard,2000000,EUR,0.3,0.36,0.06,",
        "acme,atlas-mini,input,standard,5,EUR,0,,,unpriced",
    ]
    name = f"standard-1-{last_month.label}-{last_month.label}.csv"
    assert reply["Content-Disposition"] == f'attachment; filename="{name}"'


def test_a_draft_that_changed_meanwhile_says_so(staff_client, draft, used, last_month):
    asked = ask(staff_client, draft, last_month)
    staff_client.post(f"/staff/versions/{draft.pk}/adjust/", {"percent": "5"})

    page = staff_client.get(asked["Location"])

    assert page.context["is_stale"]
    assert page.context["total"].after.amount == Decimal("0.36")


def test_the_page_shows_how_far_it_is_until_it_is_done(staff_client, draft, used, last_month):
    months = {"first_month": last_month.label, "last_month": last_month.label}
    with service():
        rehearsal = Rehearsal.objects.create(
            version=draft, **months, prices=stages.prices(draft), customers=1
        )
    address = f"/staff/rehearsals/{rehearsal.pk}/"
    asked = {"headers": {"hx-request": "true"}}

    waiting = staff_client.get(address, **asked)
    rehearsing.advance(rehearsal.pk)
    done = staff_client.get(address, **asked)

    assert (waiting.status_code, done.status_code) == (200, 286)
    assert b"0 of 1 customers" in waiting.content
    assert b"hx-trigger" not in done.content


def test_months_that_are_none_are_refused_on_the_form(staff_client, draft, last_month):
    address = f"/staff/versions/{draft.pk}/rehearsals/"
    months = {"first_month": last_month.label, "last_month": "1999-01"}

    assert staff_client.post(address, months).status_code == 422
    with service():
        assert not Rehearsal.objects.exists()


def test_what_was_not_used_is_said(staff_client, draft, last_month, acme):
    asked = ask(staff_client, draft, last_month)

    page = staff_client.get(asked["Location"])

    assert b"Nothing was used" in page.content


def test_customers_see_no_rehearsal(alice_client, draft):
    assert alice_client.get(f"/staff/versions/{draft.pk}/rehearsals/").status_code == 404
