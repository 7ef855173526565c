"""What customers see of models changes once two people want it, and once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone

from common.database import service
from common.errors import Conflict, Forbidden
from marketplace import announced, due, mails, previewing, queries, readiness
from marketplace.errors import (
    ChangeProposed,
    InReview,
    NoticeTooShort,
    NotReady,
    ShortNoticeNotAccepted,
)
from marketplace.models import AIModel, ModelChange, Notice, Offer, Price, Route, Upstream
from marketplace.services import curation, pricing, publishing
from metering.models import UsageDay
from tenants.models import AuditEntry

DAY = timedelta(days=1)
Kind = ModelChange.Kind


@pytest.fixture
def draft(staff_client, form):
    """A draft that nothing is missing of."""
    staff_client.post("/staff/models/new/", form)
    return AIModel.objects.get(name="Nova")


@pytest.fixture
def model(mini):
    """A model on sale."""
    return mini.model_version.model


def use(organization, offer_name):
    """Let the organization have used the model yesterday."""
    with service():
        UsageDay.objects.create(
            organization=organization,
            offer_name=offer_name,
            day=timezone.now().date() - DAY,
            requests=1,
        )


def stands(thing):
    with service():
        return type(thing).objects.get(pk=thing.pk).status


def test_who_proposed_it_does_not_approve_it(sam, draft):
    with service():
        change = curation.submit(draft, by=sam)

    with pytest.raises(Forbidden), service():
        curation.approve(change, by=sam)

    assert (stands(change), stands(draft)) == ("proposed", "in_review")


def test_the_database_asks_for_a_second_person_too(sam, draft):
    with service():
        change = curation.submit(draft, by=sam)

    with pytest.raises(IntegrityError), service():
        ModelChange.objects.filter(pk=change.pk).update(status="applied", decided_by=sam)


def test_what_was_proposed_is_decided_on_as_it_was(sam, model):
    with service():
        change = curation.propose(model, Kind.CARD, {"name": "Other"}, by=sam)

    with pytest.raises(DatabaseError), service():
        ModelChange.objects.filter(pk=change.pk).update(facts={"name": "Another"})


def test_pages_of_customers_cannot_read_what_is_proposed(db):
    with pytest.raises(DatabaseError), transaction.atomic():
        list(ModelChange.objects.all())


def test_a_model_in_review_is_not_worked_on(sam, draft):
    with service():
        curation.submit(draft, by=sam)

    with pytest.raises(InReview), service():
        curation.edit(draft, card={"name": "Other"}, publisher_name="Nova Labs", by=sam)

    assert AIModel.objects.get(pk=draft.pk).name == "Nova"


def test_prices_stay_as_they_are_while_a_second_person_reads_them_and_until_their_day(
    sam, kim, draft
):
    offer = Offer.objects.get(model_version__model=draft)
    with service():
        change = curation.submit(draft, by=sam, takes_effect_at=timezone.now() + DAY)

    with pytest.raises(InReview), service():
        pricing.change(offer, {"input": Decimal("90")}, by=sam)
    with service():
        curation.approve(change, by=kim)
    with pytest.raises(InReview), service():
        pricing.change(offer, {"input": Decimal("90")}, by=sam)

    assert not Price.objects.filter(offer=offer, definition__unit_amount="0.00009").exists()


def test_what_is_refused_is_a_draft_again_with_the_reason(sam, kim, draft):
    with service():
        change = curation.submit(draft, by=sam)

    with service():
        change = curation.refuse(change, by=kim, answer="No evaluation.")

    assert (stands(draft), change.answer) == ("draft", "No evaluation.")
    with service():
        actions = AuditEntry.objects.filter(action__startswith="model").values_list("action")
        found = [action for (action,) in actions.order_by("pk")]
    assert set(found) >= {"model_change.proposed", "model.in_review", "model_change.refused"}


def test_a_live_card_changes_once_a_second_person_agrees(staff_client, colleague_client, model):
    page = {"name": "Atlas Mini 2", "publisher_name": model.publisher.name, "kind": model.kind}
    page |= {"summary": model.summary, "card": "New card", "context_window": model.context_window}
    page |= {"max_output": model.max_output, "licence": model.licence, "features": model.features}
    page |= {"languages": model.languages, "modalities": model.modalities, "origin": model.origin}

    proposed = staff_client.post(f"/staff/models/{model.pk}/edit/", page)

    shown = colleague_client.get(proposed["Location"]).content.decode()
    assert "Atlas Mini 2" in shown
    assert "New card" in shown
    assert AIModel.objects.get(pk=model.pk).name == "Atlas Mini"
    colleague_client.post(f"{proposed['Location']}approve/")
    assert AIModel.objects.get(pk=model.pk).name == "Atlas Mini 2"


def test_one_change_of_a_kind_waits_at_a_time(sam, model):
    with service():
        curation.propose(model, Kind.CARD, {"name": "Other"}, by=sam)

    with pytest.raises(ChangeProposed), service():
        curation.propose(model, Kind.CARD, {"name": "Another"}, by=sam)


@pytest.fixture
def scheduled(sam, kim, draft):
    """A publication that two people agreed on, and whose moment has come."""
    with service():
        publishing.review(draft, by=sam)
        return ModelChange.objects.create(
            model=draft,
            kind=Kind.PUBLISH,
            status="approved",
            takes_effect_at=timezone.now(),
            proposed_by=sam,
            decided_by=kim,
        )


def test_a_publication_waits_for_its_day(sam, kim, draft):
    with service():
        change = curation.submit(draft, by=sam, takes_effect_at=timezone.now() + DAY)
        curation.approve(change, by=kim)

    assert due.apply_changes() == 0
    assert (stands(change), stands(draft)) == ("approved", "in_review")


def test_a_scheduled_publication_comes_about_once(scheduled, draft):
    assert (due.apply_changes(), due.apply_changes()) == (1, 0)

    assert (stands(scheduled), stands(draft)) == ("applied", "published")


def test_a_worker_that_comes_second_does_nothing(scheduled):
    due.apply_changes()

    with pytest.raises(Conflict), service():
        curation.apply_due(scheduled)

    with service():
        assert AuditEntry.objects.filter(action="model.published").count() == 1


def test_it_is_checked_again_on_its_day(scheduled, draft, engine):
    engine.models = ["something-else"]

    due.apply_changes()

    with service():
        change = ModelChange.objects.get(pk=scheduled.pk)
    assert (change.status, stands(draft)) == ("failed", "draft")
    assert "does not list the model" in change.answer


def test_what_was_approved_stands_when_its_approver_is_gone(scheduled, kim, draft, staff_client):
    with service():
        type(kim).objects.filter(pk=kim.pk).update(is_staff=False)

    for address in ("/staff/changes/", f"/staff/changes/{scheduled.pk}/"):
        assert "not staff any more" in staff_client.get(address).content.decode()
    due.apply_changes()
    assert (stands(scheduled), stands(draft)) == ("applied", "published")


def test_nothing_is_on_sale_without_its_whole_price(draft):
    offer = Offer.objects.get(model_version__model=draft)
    with service():
        Price.objects.filter(offer=offer, token_part="output").update(
            effective_until=timezone.now()
        )

    with pytest.raises(IntegrityError, match="without a price for output"), service():  # noqa: PT012
        Offer.objects.filter(pk=offer.pk).update(status="published")
        connections["service"].cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_each_failing_item_shows_the_way_out(model, settings):
    settings.SALE_JURISDICTIONS = ("KZ",)
    with service():
        checks = {check.title: check for check in readiness.checklist(model)}

    assert "where nothing is sold" in checks["Region allowed"].missing
    assert checks["Region allowed"].url == "/staff/servers/"


def test_prices_do_not_rise_without_notice_by_one_person_alone(sam, kim, mini, settings):
    settings.PRICE_NOTICE = 30 * DAY
    dearer = {"output": Decimal(9)}
    with pytest.raises(NoticeTooShort), service():
        pricing.change(mini, dearer, by=sam)
    with service():
        change = curation.propose_prices(mini, dearer, {}, by=sam)

    with pytest.raises(ShortNoticeNotAccepted), service():
        curation.approve(change, by=kim)
    with service():
        curation.approve(change, by=kim, accepts_short_notice=True)

    assert queries.price_in_force(mini, "output", timezone.now()).per_million == 9


def test_prices_fall_at_once_and_rise_with_notice_by_one_person(sam, mini, settings):
    settings.PRICE_NOTICE = 30 * DAY
    with service():
        pricing.change(mini, {"output": Decimal("0.01")}, by=sam)

        begins = timezone.now() + 31 * DAY
        made = pricing.change(mini, {"output": Decimal(9)}, by=sam, effective_from=begins)

    assert [price.effective_from for price in made] == [begins]


def test_who_used_a_model_is_told_once_when_it_goes(acme, sam, kim, model):
    use(acme, "atlas-mini")
    last = timezone.now() + 100 * DAY
    facts = {"retires_at": last.isoformat(), "replaced_by": None}
    with service():
        change = curation.propose_end(model, Kind.DEPRECATE, facts, by=sam)
        curation.approve(change, by=kim)

    mails.send_notices()

    assert [message.to for message in mail.outbox] == [["alice@acme.example"]]
    assert "Atlas Mini will be retired" in mail.outbox[0].subject
    with service():
        assert [it.model for it in announced.to(acme)] == [model]


def test_a_last_day_that_comes_early_asks_for_consent(acme, sam, kim, model):
    soon = timezone.now() + 5 * DAY
    facts = {"retires_at": soon.isoformat(), "replaced_by": None}
    with service():
        change = curation.propose_end(model, Kind.DEPRECATE, facts, by=sam)

    with pytest.raises(ShortNoticeNotAccepted), service():
        curation.approve(change, by=kim)

    assert stands(model) == "published"


def test_what_was_taken_back_is_not_announced(acme, sam, kim, mini, settings):
    use(acme, "atlas-mini")
    begins = timezone.now() + 40 * DAY
    with service():
        pricing.change(mini, {"output": Decimal(9)}, by=sam, effective_from=begins)
        assert len(announced.to(acme)) == 1

        pricing.change(mini, {"output": Decimal("0.4")}, by=sam, effective_from=begins)

        assert announced.to(acme) == []


def test_a_decision_that_was_made_is_not_made_again(sam, kim, model):
    with service():
        change = curation.propose(model, Kind.CARD, {"name": "Other"}, by=sam)
        curation.approve(change, by=kim)

    with pytest.raises(Conflict), service():
        curation.take_back(change, by=sam)


def test_a_preview_shows_what_one_customer_sees_and_pays(acme, mini, model):
    with service():
        acme.allowed_jurisdictions = [mini.region.jurisdiction]
        acme.save(update_fields=["allowed_jurisdictions"])
        assert previewing.sight(model, acme).hidden == ()
        acme.allowed_jurisdictions = ["KZ"]

        sight = previewing.sight(model, acme)

    assert "does not allow" in sight.hidden[0]
    assert sight.context["offers"] == []


def test_terms_of_what_is_on_sale_need_a_second_person(sam, kim, mini):
    with service():
        change = curation.change_terms(mini, {"default_rpm": 7}, by=sam)
        assert Offer.objects.get(pk=mini.pk).default_rpm != 7

        curation.approve(change, by=kim)

    assert Offer.objects.get(pk=mini.pk).default_rpm == 7


@pytest.fixture
def ways(draft, engine):
    """A draft's way that passed the probe, a canary that nobody probed, and a way switched off."""
    with service():
        offer = Offer.objects.get(model_version__model=draft)
        first = offer.routes.get()
        facts = {"region_id": first.upstream.region_id, "base_url": "http://evil:8000/v1"}
        evil = Upstream.objects.create(name="Evil", slug="evil", **facts)
        off = Upstream.objects.create(name="Spare", slug="spare", is_enabled=False, **facts)
        offer.routes.update(conformance={"models": "passed"}, conformed_at=timezone.now())
        return [
            first,
            offer.routes.create(upstream=evil, upstream_model="a", role="canary", share=100),
            offer.routes.create(upstream=off, upstream_model="b", priority=9),
        ]


def test_who_approves_a_publication_reads_every_way(sam, colleague_client, draft, ways):
    with service():
        change = curation.submit(draft, by=sam)

    page = colleague_client.get(f"/staff/changes/{change.pk}/").content.decode()

    first = ways[0].upstream
    told = ("nova-1.5", first.name, first.base_url, "nova-instruct")
    assert " · ".join(told) in page
    assert "Evil · http://evil:8000/v1 · a · Canary: answers a share first · 100" in page
    assert "Spare · http://evil:8000/v1 · b · Switched off" in page


def test_no_way_is_put_on_sale_that_has_not_passed_the_probe(sam, draft, ways, settings):
    settings.CONFORMANCE_NEEDED = True
    refusal = "The server “Evil” has not passed the probe for “nova-1.5”."
    with service():
        assert readiness.missing_for(draft) == [refusal]
        Route.objects.filter(pk=ways[1].pk).update(role="serves", share=0)
        assert readiness.missing_for(draft) == [refusal]

    with pytest.raises(NotReady), service():
        curation.submit(draft, by=sam)
    with service():
        passed = {"conformance": {"models": "passed"}, "conformed_at": timezone.now()}
        Route.objects.filter(pk=ways[1].pk).update(**passed)
        assert readiness.missing_for(draft) == []


def last_days(organization):
    """Return the days on which the organization was told that a model goes, and that still hold."""
    told = Notice.objects.filter(organization=organization, taken_back_at=None)
    return [it.happens_at for it in told.filter(kind=Notice.Kind.RETIREMENT)]


def test_a_last_day_that_is_put_off_or_away_is_told_no_more(acme, model):
    use(acme, "atlas-mini")
    first, second = (timezone.now() + days * DAY for days in (100, 120))
    with service():
        publishing.deprecate(model, by=None, retires_at=first)
        assert last_days(acme) == [first]
        publishing.deprecate(model, by=None, retires_at=second)
        assert last_days(acme) == [second]
        publishing.publish(model, by=None)
        assert last_days(acme) == []

    assert (mails.send_notices(), mail.outbox) == (0, [])


def test_a_last_day_that_comes_after_all_is_told_again(acme, model):
    use(acme, "atlas-mini")
    last = timezone.now() + 100 * DAY
    with service():
        publishing.deprecate(model, by=None, retires_at=last)
    mails.send_notices()
    assert len(mail.outbox) == 1
    with service():
        publishing.publish(model, by=None)
        assert last_days(acme) == []

        publishing.deprecate(model, by=None, retires_at=last)
        publishing.deprecate(model, by=None, retires_at=last)
        assert last_days(acme) == [last]

    for _sweep in range(2):
        mails.send_notices()
    assert len(mail.outbox) == 2
