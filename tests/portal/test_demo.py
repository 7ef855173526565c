"""The demo can be signed in to and called."""

import json
import stat
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import periods, rehearsals, rehearsed_margins
from billing.models import Contract, Correction, CreditNote, Dispute, Invoice
from billing.queries import balances
from billing.services import rehearsing
from common.database import service
from common.money import Money
from marketplace.models import Offer, PriceBook, PriceBookVersion
from marketplace.services import drafting
from portal import demo, demo_history, demo_studio
from studio.models import Dataset, FineTuningJob
from tenants import keys
from tenants.models import ApiKey, Organization, User
from tests.files.conftest import disk
from tests.support.clusters import paris

__all__ = ["disk", "paris"]


def test_the_demo_is_seeded_once_and_its_secrets_are_closed(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path

    first = demo.seed()
    again = demo.seed()

    assert first == again == json.loads(demo.path().read_text())
    assert stat.S_IMODE(demo.path().stat().st_mode) == 0o600
    with service():
        assert Organization.objects.count() == 4
        assert [it.status for it in PriceBookVersion.objects.all()] == ["draft", "published"]
        for facts in first["organizations"].values():
            assert ApiKey.objects.usable().filter(digest=keys.digest(facts["api_key"])).exists()
    staff = User.objects.get(email=first["staff"]["email"])
    assert staff.check_password(first["password"])


def test_a_demo_organization_has_credit_to_call_with(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    demo.seed()

    with service():
        found = list(Organization.objects.exclude(name__in=demo.AT_LIST_PRICES))
        assert list(balances(found).values()) == [Money(Decimal(25), "EUR")] * 2


def test_the_ministry_has_an_invoice_with_what_follows_from_one(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    demo.seed()

    with service():
        [invoice], [note] = Invoice.objects.all(), CreditNote.objects.all()
        assert (invoice.status, invoice.purchase_order) == ("open", demo_history.ORDER)
        assert note.invoice == invoice
        assert {it.status for it in Dispute.objects.all()} == {"accepted", "open"}
        assert Correction.objects.waiting().count() == 1
        assert Contract.objects.active().count() == 1


@pytest.mark.timeout(300)
def test_a_dearer_list_moves_customers_of_the_demo_and_the_margin(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    demo.seed()
    month = periods.before(periods.containing(timezone.now(), "UTC"), "UTC").label
    with service():
        dearer = drafting.begin(PriceBook.objects.get(code="standard"), by=None)
        drafting.adjust(dearer, percent=Decimal(10), by=None)
        asked = rehearsing.ask(dearer, first_month=month, last_month=month, by=None)

    while rehearsing.advance(asked.pk):
        pass

    with service():
        total, touched = rehearsals.total(asked), rehearsals.touched(asked)
        moved = rehearsed_margins.of(asked, rehearsals.by_price(asked))
        margin = rehearsed_margins.together(moved)
    assert touched == 2
    assert total.before.amount > 10
    # The ministry pays by a book of its own: what it used stays as it was booked.
    assert 0 < total.share < Decimal("0.1")
    assert margin.margin_after.amount > margin.margin_before.amount


def test_each_model_of_the_demo_has_figures_of_how_it_answers(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    demo.seed()

    with service():
        offers = Offer.objects.select_related("measurement", "model_version__model")
        told = {it.name: it.measurement for it in offers}
    assert set(told) == {"atlas-mini", "atlas-large", "atlas-reason", "atlas-embed", "atlas-rerank"}
    assert all(it.is_enough and it.ttft_p50_ms for it in told.values())
    assert told["atlas-large"].tokens_per_second > 40


def test_nobody_at_list_prices_owes_for_the_past(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    demo.seed()

    with service():
        found = list(Organization.objects.filter(name__in=demo.AT_LIST_PRICES))
        assert all(0 < money.amount < demo_history.GIFT for money in balances(found).values())


def test_the_startup_has_a_dataset_with_faults_a_good_one_and_a_job(db, disk, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    settings.ALLOW_CLUSTERS_WITHOUT_ISOLATION = True
    demo.seed()

    with service():
        states = dict(Dataset.objects.values_list("file__filename", "state"))
        job = FineTuningJob.objects.get()
    assert states == {demo_studio.FIRST_TRY: "invalid", demo_studio.GOOD: "ready"}
    assert (job.recipe, job.suffix) == ("dry", "support")


def test_an_interrupted_seed_is_finished_by_the_next(db, settings, tmp_path):
    settings.STATE_DIR = tmp_path
    demo.seed()
    demo.path().unlink()

    again = demo.seed()

    with service():
        found = list(Organization.objects.exclude(name__in=demo.AT_LIST_PRICES))
        assert [money.amount for money in balances(found).values()] == [25, 25]
        assert (Invoice.objects.count(), Dispute.objects.count()) == (1, 2)
        usable = {bytes(key.digest) for key in ApiKey.objects.usable()}
    told = {keys.digest(facts["api_key"]) for facts in again["organizations"].values()}
    assert usable == told
    assert User.objects.get(email=again["staff"]["email"]).check_password(again["password"])
