"""Fine-tuning jobs on their pages: asked for, priced, watched, cancelled and asked for again."""

import json
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.database import service
from common.ids import uuid7
from compute.services import reconciling
from files.models import Purpose
from files.services import stored_files
from studio import artifacts, samples
from studio.models import FineTuningJob
from studio.recipes import registry
from studio.services import datasets
from studio.states import State
from tenants.models import AuditEntry, Membership, Project, Role
from tenants.scope import scope
from tests.studio.conftest import dataset, row_of

LIST, NEW = "/o/acme/studio/", "/o/acme/studio/jobs/new/"
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.usefixtures("disk", "cluster", "offer")


@pytest.fixture
def training(monkeypatch):
    """What runs here is paid for as training is: nothing but the price of it differs."""
    monkeypatch.setattr(registry, "TRAINING", frozenset({registry.DEFAULT}))


@pytest.fixture
def examples(acme, alice):
    """A dataset that can be used."""
    content = SimpleUploadedFile("train.jsonl", dataset())
    file = stored_files.keep(
        acme, content, filename="train.jsonl", purpose=Purpose.FINE_TUNE, by=alice
    )
    with scope(acme):
        return datasets.ensure(acme, file)


@pytest.fixture
def facts(acme, examples):
    """What a person fills in for a job."""
    with scope(acme):
        project = Project.objects.get()
    return {
        "model": "base",
        "dataset": str(examples.pk),
        "method": "lora",
        "project": str(project.pk),
        "operation_key": str(uuid7()),
    }


@pytest.fixture
def launch(alice_client, facts):
    """Begin a job as its form and the page after it do; return its row."""

    def launch(**more):
        checked = alice_client.post(NEW, facts | more)
        quote = checked.context["estimate"].quote
        agreed = {"agreed": str(quote.cost.amount)} if quote else {}
        alice_client.post(NEW, facts | more | agreed | {"act": "launch"})
        return the_job()

    return launch


def the_job():
    with service():
        return FineTuningJob.objects.get()


def page_of(client, job, **headers):
    return client.get(f"{LIST}jobs/{job.pk}/", headers=headers)


def test_an_empty_list_teaches_the_first_step(acme, alice_client):
    page = alice_client.get(LIST).content.decode()

    assert "No jobs yet" in page
    assert f'href="{NEW}"' in page


def test_without_a_dataset_the_form_leads_to_one(acme, alice_client):
    page = alice_client.get(NEW).content.decode()

    assert 'href="/o/acme/studio/datasets/new/"' in page


def test_a_dry_run_is_checked_then_begun(acme, alice_client, facts):
    checked = alice_client.post(NEW, facts).content.decode()
    with service():
        assert not FineTuningJob.objects.exists()

    begun = alice_client.post(NEW, facts | {"act": "launch"}, follow=True).content.decode()

    assert "A dry run" in checked
    assert "The job is begun." in begun
    with service():
        job = FineTuningJob.objects.select_related("created_by", "project").get()
    asker = (job.created_by.email, job.api_key_id, job.project.name)
    assert asker == ("alice@acme.example", None, "Default")
    with scope(acme):
        assert (
            AuditEntry.objects.get(action="fine_tuning_job.created").actor_user_id
            == job.created_by_id
        )


def test_the_exact_price_is_shown_and_is_the_most_that_is_paid(
    training, priced, give, acme, alice_client, facts, launch
):
    give(10)
    page = alice_client.post(NEW, facts).content.decode()

    job = launch()

    assert 'value="3.840000000000"' in page.replace("3.84000000000000", "3.840000000000")
    assert 'value="6.16' in page
    assert (job.max_cost, job.quote) == (Decimal("3.84"), Decimal("3.84"))


def test_a_price_that_nobody_saw_begins_nothing(training, priced, give, alice_client, facts):
    give(10)

    for agreed in ("", "3.83", "NaN", "x"):
        shown = alice_client.post(NEW, facts | {"act": "launch", "agreed": agreed})
        assert "It costs at most" in shown.content.decode()

    with service():
        assert not FineTuningJob.objects.exists()


def test_one_that_is_dearer_than_allowed_cannot_be_begun(
    training, priced, give, alice_client, facts
):
    give(10)
    most = facts | {"max_cost": "3.83"}

    page = alice_client.post(NEW, most | {"act": "launch", "agreed": "99"}).content.decode()

    assert "Dearer than you allow" in page
    assert 'value="launch"' not in page
    with service():
        assert not FineTuningJob.objects.exists()


def test_without_credit_it_is_said_before_and_while_it_waits(
    training, priced, acme, alice_client, facts, launch
):
    checked = alice_client.post(NEW, facts).content.decode()
    job = launch()

    page = page_of(alice_client, job).content.decode()

    assert "There is not enough credit yet" in checked
    assert row_of(job).state == State.AWAITING_FUNDS
    assert "It waits for credit" in page
    assert 'href="/o/acme/billing/bundles/"' in page


def test_two_clicks_begin_one_job(launch):
    assert launch().pk == launch().pk


def test_a_form_sent_again_with_something_else_is_told_and_can_be_sent(alice_client, facts, launch):
    launch()

    told = alice_client.post(NEW, facts | {"act": "launch", "suffix": "other"})

    assert told.status_code == 422
    assert "A job was begun from this form already." in told.content.decode()
    assert told.context["form"]["operation_key"].value() != facts["operation_key"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"n_epochs": "51"}, "less than or equal to 50"),
        ({"batch_size": "0"}, "greater than or equal to 1"),
        (
            {"context_length": "8193"},
            "This model reads at most 8\N{NARROW NO-BREAK SPACE}192 tokens.",
        ),
        ({"learning_rate_multiplier": "nan"}, "Enter a number."),
        ({"seed": "-1"}, "greater than or equal to 0"),
        ({"dataset": str(uuid7())}, "Select a valid choice"),
        ({"max_cost": "free"}, "Write a number with a point"),
    ],
)
def test_what_is_out_of_range_is_told_beside_the_field(alice_client, facts, wrong, sentence):
    refused = alice_client.post(NEW, facts | wrong)

    assert refused.status_code == 422
    assert sentence in refused.content.decode()


def test_the_form_comes_back_as_it_was(alice_client, facts):
    page = alice_client.post(NEW, facts | {"act": "change", "n_epochs": "7"})

    assert page.status_code == 200
    assert page.context["form"]["n_epochs"].value() == "7"


def test_a_job_is_watched_to_its_end(acme, alice_client, launch, local_cluster):
    job = launch(suffix="support", n_epochs="2")
    open_page = page_of(alice_client, job).content.decode()
    local_cluster.ended(row_of(job).compute_job.handle)
    reconciling.sweep()

    page = page_of(alice_client, job).content.decode()

    assert 'hx-trigger="every 3s"' in open_page
    assert row_of(job).state == State.SUCCEEDED
    assert 'hx-trigger="every 3s"' not in page
    assert "Base: support" in page
    assert "The job has succeeded." in page
    assert f"{job.public_id}-result.csv" in page
    assert "After each pass" in page


def test_a_page_that_knows_all_is_told_nothing(alice_client, launch):
    job = launch()
    stamp = page_of(alice_client, job).context["watched"].stamp

    same = alice_client.get(f"{LIST}jobs/{job.pk}/", {"seen": stamp}, headers=HTMX)
    news = alice_client.get(f"{LIST}jobs/{job.pk}/", {"seen": "x"}, headers=HTMX)

    assert same.status_code == 204
    assert news.content.decode().lstrip().startswith('<div class="stack"')


def test_what_it_measures_is_drawn_while_it_runs(
    training, priced, give, acme, alice_client, launch
):
    give(10)
    job = launch()
    folder = artifacts.folder(f"ft-{job.pk.hex}-a1")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "receipt.json").write_text(
        json.dumps({"step": 1, "steps": 4, "tokens": 96, "all_tokens": 384})
    )
    rows = [
        {"step": 1, "loss": 2.5, "learning_rate": 0.0001, "tokens_per_second": 12.0},
        {"step": 2, "loss": 1.25, "learning_rate": 0.0001, "tokens_per_second": 12.0},
        {"step": 2, "eval_loss": 1.5, "loss": float("nan")},
    ]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    page = page_of(alice_client, job).content.decode()

    assert "Step 2 of 4" in page
    assert "About 16" in page
    assert '<data value="1.25">1.25</data>' in page
    assert '<data value="1.5">1.5</data>' in page
    assert '<data value="0.0001">0.0001</data>' in page
    assert 'value="0.96' in page


def test_what_a_payload_writes_that_is_no_measure_is_passed_over(tmp_path, settings):
    settings.ARTIFACTS_ROOT = tmp_path
    (tmp_path / "ft-x").mkdir()
    for text in ("[1]\n", "x\n", '{"step": "a"}\n', "[" * 100_000 + "\n"):
        (tmp_path / "ft-x" / "metrics.jsonl").write_text(text)
        assert artifacts.metrics("ft-x") == []


def test_it_is_cancelled_after_it_was_said_what_is_billed(
    training, priced, give, alice_client, launch
):
    give(10)
    job = launch()

    asked = alice_client.get(f"{LIST}jobs/{job.pk}/cancel/").content.decode()
    alice_client.post(f"{LIST}jobs/{job.pk}/cancel/")

    assert "Would go back" in asked
    assert row_of(job).desired == "cancel"
    assert "It ends at its next step" in page_of(alice_client, job).content.decode()


def test_one_like_it_begins_with_its_numbers(alice_client, launch):
    job = launch(n_epochs="4", method="full", seed="9")

    form = alice_client.get(f"{NEW}?like={job.pk}").context["form"]

    found = [form[name].value() for name in ("model", "n_epochs", "method", "seed", "batch_size")]
    assert found == ["base", 4, "full", 9, None]
    assert alice_client.get(f"{NEW}?like=nothing").status_code == 200


def test_the_same_job_in_code_is_a_program(acme, launch):
    job = launch(n_epochs="4", suffix="it's")
    with scope(acme):
        found = FineTuningJob.objects.select_related("offer", "dataset__file", "validation").get()
        code = samples.python(found, "https://ai.example.com/v1")

    compile(code, "sample", "exec")
    assert f"training_file='{found.dataset.file.public_id}'" in code
    assert "'n_epochs': 4" in code
    assert job.pk == found.pk


def test_the_list_is_filtered_by_its_address(alice_client, launch):
    launch(suffix="support")

    assert "Base: support" in alice_client.get(LIST, {"state": "open"}).content.decode()
    assert "No job fits" in alice_client.get(LIST, {"state": "failed"}).content.decode()
    assert "Base: support" in alice_client.get(LIST, {"model": "base"}).content.decode()
    assert alice_client.get(LIST, {"state": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("role", "reads", "begins"),
    [
        (Role.DEVELOPER, 200, 200),
        (Role.AUDITOR, 200, 403),
        (Role.BILLING, 403, 403),
        (Role.VIEWER, 403, 403),
    ],
)
def test_who_may_do_it_by_key_may_do_it_here(launch, bob, bob_client, facts, role, reads, begins):
    job = launch()
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    assert bob_client.get(LIST).status_code == page_of(bob_client, job).status_code == reads
    assert bob_client.get(NEW).status_code == bob_client.post(NEW, facts).status_code == begins
    cancelled = bob_client.post(f"{LIST}jobs/{job.pk}/cancel/")
    assert cancelled.status_code == (302 if begins == 200 else 403)
