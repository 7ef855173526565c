"""What a job has learnt becomes a private model: once, at a price, for its own people alone."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import openai
import pytest
from django.db import connections
from django.utils import timezone

from common.database import service
from compute.models import Service
from compute.services import reconciling, running
from marketplace import queries as marketplace
from marketplace.models import AIModel, ModelShare, Offer, Price, PriceBook, TunedTerms, Upstream
from marketplace.queries import price_in_force
from studio import artifacts, private_models
from studio.models import FineTuningJob, TunedModel
from studio.recipes import dry, registry
from studio.services import publication, results, serving, sweeping
from studio.states import State
from tenants.models import AuditEntry, Project, WebhookEvent
from tenants.scope import scope
from tenants.services import organizations
from tests.studio.conftest import row

PAPER = ("python3", "-m", "tests.support.paper_training")


@pytest.fixture(autouse=True)
def paper(monkeypatch, settings, tmp_path):
    """Trainings and engines of paper: all around them is real."""
    monkeypatch.setattr(registry, "TRAINING", frozenset({registry.DEFAULT}))
    recipe = lambda run: replace(dry.job_spec(run), command=PAPER)  # noqa: E731
    monkeypatch.setitem(registry.RECIPES, registry.DEFAULT, recipe)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec python3 -m tests.support.serving\n")
    python.chmod(0o700)
    settings.TRAINER_PYTHON = str(python)


def price(offer, **amounts):
    """Give parts of the offer a price."""
    with service():
        book, _ = PriceBook.objects.get_or_create(
            is_default=True, currency="EUR", defaults={"code": "standard", "name": "Standard"}
        )
        for part, amount in amounts.items():
            Price.objects.create(
                book=book, offer=offer, token_part=part, effective_from=timezone.now(),
                definition={"model": "per_unit", "unit_amount": amount},
            )  # fmt: skip


@pytest.fixture
def sold(offer, give):
    """The base model has a whole price, and Acme has money."""
    price(offer, trained="0.01", input="0.000002", output="0.000008")
    give(100)


@pytest.fixture
def done(start, run_until):
    """A job that has succeeded."""

    def done(**facts):
        return run_until(start(**facts), State.SUCCEEDED, State.FAILED)

    return done


@pytest.fixture
def other(charlie):
    """Another organization."""
    return organizations.found(name="Other", owner=charlie, country="FR")


def tuned():
    """Return the only private model."""
    with service():
        return TunedModel.objects.select_related("offer", "service", "organization").get()


def told(client, job):
    """Return what its owner was told."""
    return [event.message for event in client.fine_tuning.jobs.list_events(job.id)]


def names(organization):
    """Return what the organization may call."""
    with scope(organization):
        return set(marketplace.offers_for(organization).values_list("name", flat=True))


def until_served(cluster):
    """Let node and sweeps work until calls can be sent to the model."""

    def is_served():
        reconciling.sweep()
        running.sweep()
        return tuned().standing == "ready"

    cluster.run_until(is_served)


def test_a_job_that_has_succeeded_says_what_to_call(sold, done, client, acme, other):
    job = done(suffix="Ping / v1")

    name = job.fine_tuned_model
    assert name == f"ft:base:acme:Ping-v1:{job.id[-8:]}"
    assert f"The model is published as {name}." in told(client, job)
    marks = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert [mark.fine_tuned_model_checkpoint for mark in marks[:2]] == [name, ""]
    assert marks[0].step_number > marks[1].step_number
    following = client.fine_tuning.jobs.checkpoints.list(job.id, after=marks[0].id, limit=1)
    assert [mark.id for mark in following.data] == [marks[1].id]
    assert names(acme) == {"base", name}
    assert names(other) == {"base"}


def test_the_customers_systems_are_told(sold, done, acme):
    job = done()

    with scope(acme):
        (event,) = WebhookEvent.objects.filter(type__startswith="fine_tuning")
    assert (event.type, event.data) == ("fine_tuning.job.succeeded", {"id": job.id})


def test_it_costs_what_its_base_costs_its_owner_times_the_factor(sold, offer, done):
    with service():
        TunedTerms.objects.create(offer=offer, factor=Decimal("1.5"))

    done()

    with service():
        made = {
            part: price_in_force(tuned().offer, part, timezone.now()).per_token
            for part in ("input", "output", "trained")
        }
    assert made == {
        "input": Decimal("0.000003"),
        "output": Decimal("0.000012"),
        "trained": Decimal("0.015"),
    }


def test_a_price_that_is_set_for_tuned_models_comes_first(sold, offer, done):
    own = {"input": {"model": "per_unit", "unit_amount": "0.5"}}
    with service():
        TunedTerms.objects.create(offer=offer, factor=2, definitions=own)

    done()

    with service():
        assert price_in_force(tuned().offer, "input", timezone.now()).per_token == Decimal("0.5")
        assert price_in_force(tuned().offer, "output", timezone.now()).per_token == Decimal(
            "0.000016"
        )


def test_without_a_whole_price_it_waits_for_one(offer, give, done, client):
    price(offer, trained="0.01", input="0.000002")
    give(100)

    job = done()

    assert (job.status, job.fine_tuned_model) == ("succeeded", None)
    assert any(words.startswith("The model was not published") for words in told(client, job))
    sweeping.ring()
    price(offer, output="0.000008")
    sweeping.ring()
    assert client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model == str(tuned())


@pytest.mark.parametrize("step", ["_register", "_deploy"])
def test_a_worker_that_is_killed_while_it_publishes_has_published_nothing(
    sold, start, run_until, monkeypatch, step, acme
):
    def killed(*arguments):
        raise KeyboardInterrupt

    before = getattr(publication, step)
    monkeypatch.setattr(publication, step, killed)
    job = start()
    with pytest.raises(KeyboardInterrupt):
        run_until(job, State.SUCCEEDED)
    assert (row(job).state, names(acme)) == (State.FINALIZING, {"base"})
    monkeypatch.setattr(publication, step, before)
    sweeping.ring()

    done = run_until(job, State.SUCCEEDED)

    assert done.fine_tuned_model == str(tuned())
    with service():
        assert Service.objects.count() == 1


def test_a_worker_that_is_killed_between_publishing_and_the_end_publishes_nothing_twice(
    sold, start, run_until, monkeypatch
):
    def killed(*arguments):
        raise KeyboardInterrupt

    before = results._settle
    monkeypatch.setattr(results, "_settle", killed)
    job = start()
    with pytest.raises(KeyboardInterrupt):
        run_until(job, State.SUCCEEDED)
    monkeypatch.setattr(results, "_settle", before)
    sweeping.ring()

    done = run_until(job, State.SUCCEEDED)

    assert done.fine_tuned_model == str(tuned())
    with service():
        assert (Offer.objects.count(), Service.objects.count()) == (2, 1)


def test_two_who_publish_at_once_publish_once(sold, done):
    job = row(done())
    name = results.attempt_name(job, job.attempt)
    manifest = artifacts.read(name, tokens=job.trained_tokens)
    with service():
        job = FineTuningJob.objects.select_related(*results.READ).get(pk=job.pk)
        TunedModel.objects.all().delete()
        Service.objects.all().delete()

    def publish(_number):
        try:
            return publication.publish(job, name, manifest).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(publish, range(4)))

    assert made == {tuned().pk}
    with service():
        assert Offer.objects.count() == 2


def test_its_engine_answers_for_it_and_nobody_does_when_it_is_stopped(
    sold, done, local_cluster, alice
):
    done()
    until_served(local_cluster)

    with service():
        (upstream,) = Upstream.objects.all()
        address = Service.objects.get().address
    assert (upstream.base_url, upstream.is_enabled) == (f"{address}/v1", True)
    assert upstream.region_id == "eu-paris"
    serving.undeploy(tuned(), by=alice)
    with service():
        assert not Upstream.objects.get().is_enabled
        # Calls that run may end.
        assert Service.objects.get().not_before > timezone.now() + serving.DRAIN / 2
    serving.deploy(tuned(), by=alice)
    until_served(local_cluster)
    with service():
        assert Upstream.objects.get().is_enabled


def test_a_retired_model_is_gone_for_good(sold, done, client, acme, alice):
    name = done().fine_tuned_model

    assert client.models.delete(name).to_dict() == {
        "id": name, "object": "model", "deleted": True,
    }  # fmt: skip
    client.models.delete(name)

    assert names(acme) == {"base"}
    assert tuned().standing == "retired"
    with service():
        assert Service.objects.get().desired == "stop"
        assert AuditEntry.objects.filter(action="tuned_model.retired").count() == 1
    for unknown in ("base", "ft:\x00"):
        with pytest.raises(openai.NotFoundError):
            client.models.delete(unknown)


def test_no_more_are_deployed_than_an_organization_may_have(sold, done, client, settings):
    settings.MOST_DEPLOYED = 0

    job = done()

    assert tuned().standing == "stopped"
    assert any(words.startswith("The model is not deployed") for words in told(client, job))


def test_its_jobs_page_stops_deploys_and_retires_it(sold, done, acme, alice_client):
    name = done().fine_tuned_model
    page = f"/o/acme/studio/jobs/{tuned().job_id}/"

    shown = alice_client.get(page).content.decode()
    stopped = alice_client.post(f"{page}model/stop/", follow=True).content.decode()
    deployed = alice_client.post(f"{page}model/deploy/", follow=True).content.decode()
    asked = alice_client.get(f"{page}model/retire/").content.decode()
    retired = alice_client.post(f"{page}model/retire/", follow=True).content.decode()

    assert name in shown
    assert "Not deployed" in stopped
    assert "The model is being deployed." in deployed
    assert "it cannot come back" in asked
    assert f"{page}model/" not in retired
    assert tuned().standing == "retired"


def test_its_page_says_why_it_cannot_be_deployed(sold, done, acme, alice_client, settings):
    settings.MOST_DEPLOYED = 0
    done()
    page = f"/o/acme/studio/jobs/{tuned().job_id}/"

    told_so = alice_client.post(f"{page}model/deploy/", follow=True).content.decode()

    assert "The model is being deployed." not in told_so
    assert tuned().standing == "stopped"


def test_another_organization_may_call_it_when_both_have_agreed(
    sold, done, client, portal, key_of, acme, other, charlie, charlie_client
):
    name = done().fine_tuned_model
    with service():
        theirs = Project.objects.get(organization=other)
    permissions = client.fine_tuning.checkpoints.permissions

    (asked,) = permissions.create(name, project_ids=[str(theirs.pk)])

    assert (asked.project_id, asked.object) == (str(theirs.pk), "checkpoint.permission")
    assert names(other) == {"base"}
    listed = charlie_client.get("/api/v1/organizations/other/model-shares").json()["results"]
    assert [(it["owner"], it["accepted_at"]) for it in listed] == [("Acme", None)]
    accepted = charlie_client.post(
        f"/api/v1/organizations/other/model-shares/{listed[0]['id']}/accept"
    )
    assert accepted.status_code == 200
    assert names(other) == {"base", name}
    # The one who pays for it is who calls it; whose it is stays as it was.
    stranger = portal.client(key_of(other, charlie))
    with pytest.raises(openai.NotFoundError):
        stranger.models.delete(name)
    with pytest.raises(openai.NotFoundError):
        stranger.fine_tuning.checkpoints.permissions.list(name)
    assert {it.project_id for it in permissions.list(name)} >= {str(theirs.pk)}
    assert permissions.delete(asked.id, fine_tuned_model_checkpoint=name).deleted
    assert names(other) == {"base"}


def test_a_project_of_ones_own_may_call_it_at_once(sold, done, client, acme):
    name = done().fine_tuned_model
    with service():
        second = Project.objects.create(organization=acme, name="Second", slug="second")

    client.fine_tuning.checkpoints.permissions.create(name, project_ids=[str(second.pk)])

    with service():
        (offer,) = [it for it in marketplace.snapshot() if it.name == name]
    assert offer.projects == {second.pk, tuned().project_id}
    with pytest.raises(openai.ConflictError):
        client.fine_tuning.checkpoints.permissions.create(name, project_ids=[str(second.pk)])


def test_what_has_learnt_from_confidential_data_stays_in_the_house(
    sold, done, client, offer, acme, other
):
    with service():
        AIModel.objects.update(clearance="restricted")
        type(acme).objects.filter(pk=acme.pk).update(classification="confidential")
        theirs = Project.objects.get(organization=other)
    name = done().fine_tuned_model

    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.fine_tuning.checkpoints.permissions.create(name, project_ids=[str(theirs.pk)])

    assert refused.value.code == "model_too_confidential"
    with service():
        assert ModelShare.objects.count() == 1
        assert tuned().classification == "confidential"


def test_its_lineage_leads_from_the_file_to_the_deployment(sold, done, acme):
    job = row(done())

    with scope(acme):
        (model,) = private_models.tuned_models(acme)
        lineage = private_models.lineage(model)

    assert lineage.training_sha256 == job.dataset.file.sha256
    assert lineage.spec == job.compute_job.job_spec.fingerprint()
    assert lineage.manifest_sha256 == model.manifest_sha256
    assert (lineage.attempts, lineage.base, lineage.service_id) == (1, "base", model.service_id)


def test_its_owner_takes_what_was_learnt_away_and_nothing_else(sold, done, alice_client):
    done()
    files = f"/api/v1/organizations/acme/tuned-models/{tuned().pk}/files"

    (listed,) = alice_client.get(files).json()
    taken = alice_client.get(f"{files}/{listed['path']}")

    content = b"".join(taken.streaming_content)
    assert hashlib.sha256(content).hexdigest() == listed["sha256"]
    assert listed["path"] == "adapter/adapter_model.safetensors"
    for path in ("manifest.json", "result.csv", "../../secret", "adapter/../manifest.json"):
        assert alice_client.get(f"{files}/{path}").status_code == 404
    with service():
        assert AuditEntry.objects.filter(action="tuned_model.downloaded").count() == 1


def test_the_catalogue_shows_it_to_its_own_people_alone(
    sold, done, client, alice_client, charlie_client, other
):
    name = done(suffix="Pinger").fine_tuned_model
    with service():
        page = f"/models/{AIModel.objects.get(owner__slug='acme').slug}/"

    assert "Base Pinger" in alice_client.get("/models/").content.decode()
    assert name in alice_client.get(page).content.decode()
    assert "Pinger" not in charlie_client.get("/models/").content.decode()
    assert charlie_client.get(page).status_code == 404


def test_postgresql_shows_it_to_nobody_else(sold, done, acme, other):
    done()

    with scope(other):
        assert set(AIModel.objects.values_list("slug", flat=True)) == {"base"}
        assert Offer.objects.count() == 1
        assert TunedModel.objects.count() == ModelShare.objects.count() == 0
    # Outside any scope there is the public catalogue.
    assert set(Offer.objects.values_list("name", flat=True)) == {"base"}
    with scope(acme):
        assert Offer.objects.count() == 2
