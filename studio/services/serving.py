"""Private models as engines: deployed, followed wherever they answer, taken away."""

import uuid
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.utils import timezone

from common import jobs, sweeping
from common.database import service
from compute.models import Cluster
from compute.scheduler import JobSpec
from compute.services import running
from marketplace.models import Upstream
from marketplace.services import private
from studio import artifacts
from studio.errors import ModelRetired, NotServedHere, TooManyDeployed
from studio.models import TunedModel
from studio.services import adapters
from tenants.models import ApiKey, Organization, User
from tenants.services import audit, restrictions

OWNER = "studio.tunedmodel"
#: Calls that run when a model is taken away may end within this time.
DRAIN = timedelta(minutes=2)
#: A run is begun anew after so long, for no cluster lets one run for ever.
LONGEST_RUN = 30 * 24 * 3600
#: What the engine calls what it serves (see ``trainer.serving``).
ENGINE_NAMES = {"adapter": "merged", "model": "model"}
READ = (
    "organization", "offer__model_version__model", "offer__region", "job__compute_job__cluster",
    "job__offer", "service", "engine",
)  # fmt: skip


def deploy(tuned: TunedModel, *, by: User | ApiKey | None = None) -> TunedModel:
    """Wish that the model is served; twice is once, and a retired one is refused."""
    with service():
        tuned = _locked(tuned.pk)
        if tuned.retired_at is not None:
            raise ModelRetired
        if tuned.standing != TunedModel.Standing.STOPPED:
            return tuned
        restrictions.refuse_new(tuned.organization)
        _refuse_more(tuned)
        if (engine := _adapter_server(tuned)) is not None:
            tuned.engine, tuned.is_wanted, tuned.loaded_at = engine, True, None
            tuned.save(update_fields=["engine", "is_wanted", "loaded_at", "updated_at"])
            _record("deployed", tuned, by)
            _ring(tuned)
            return tuned
        tuned.service = running.start(
            tuned.organization,
            _cluster(tuned),
            spec_of(tuned),
            owner_kind=OWNER,
            owner_id=tuned.pk,
        )
        tuned.save(update_fields=["service", "updated_at"])
        _record("deployed", tuned, by)
    return tuned


def undeploy(tuned: TunedModel, *, by: User | ApiKey) -> TunedModel:
    """Wish that the model is served no longer; it stays, and can be deployed again."""
    with service():
        tuned = _locked(tuned.pk)
        if tuned.standing in (TunedModel.Standing.STARTING, TunedModel.Standing.READY):
            _take_away(tuned)
            _record("undeployed", tuned, by)
    return tuned


def retire(tuned: TunedModel, *, by: User | ApiKey) -> TunedModel:
    """Take the model away for good: nobody can call it from now on; calls that run may end."""
    with service():
        tuned = _locked(tuned.pk)
        if tuned.retired_at is None:
            private.retire(tuned.offer)
            _take_away(tuned)
            tuned.retired_at = timezone.now()
            tuned.save(update_fields=["retired_at", "updated_at"])
            _record("retired", tuned, by)
    return tuned


def follow(tuned_id: uuid.UUID) -> None:
    """Send calls where the model answers now; nowhere while it does not."""
    adapters.reconcile(tuned_id)
    with service():
        tuned = _locked(tuned_id)
        engine = tuned.service
        is_ready = tuned.standing == TunedModel.Standing.READY
        if tuned.is_wanted and tuned.engine is not None and is_ready:
            private.serve_by(tuned.offer, tuned.engine, upstream_model=tuned.offer.name)
        elif engine is not None and is_ready:
            private.serve(
                tuned.offer,
                base_url=f"{engine.address}/v1",
                upstream_model=ENGINE_NAMES[tuned.learnt],
            )
        else:
            private.hush(tuned.offer)


def follow_all() -> int:
    """Do so for every model that is there, or is still loaded; return how many there are."""
    with service():
        ids = list(TunedModel.objects.followed().values_list("pk", flat=True))
    return sweeping.each([partial(follow, it) for it in ids], trouble="model_not_followed")


def spec_of(tuned: TunedModel) -> JobSpec:
    """Return what a cluster runs to serve it; purely, from its rows."""
    return JobSpec(
        name=tuned.pk.hex,
        command=("python3", "-m", "trainer.launch", "trainer.serving"),
        environment={
            "SERVE_LEARNT": artifacts.address(tuned.artifact),
            "SERVE_MANIFEST_SHA256": tuned.manifest_sha256,
            "SERVE_BASE_MODEL": tuned.job.offer.model_version.weights,
            "STUDIO_TRAINER_PYTHON": settings.TRAINER_PYTHON,
            "STUDIO_TRAINER_HOME": str(settings.TRAINER_HOME),
        },
        time_limit=LONGEST_RUN,
    )


def _adapter_server(tuned: TunedModel) -> Upstream | None:
    """Return a server that needs only the adapter, for it has the base already."""
    if tuned.learnt != "adapter":
        return None
    return private.adapter_server(tuned.job.offer, tuned.offer.region)


def _ring(tuned: TunedModel) -> None:
    jobs.enqueue("studio.follow_model", model_id=str(tuned.pk))


def _locked(tuned_id: uuid.UUID) -> TunedModel:
    TunedModel.objects.locked(tuned_id)
    return TunedModel.objects.select_related(*READ).get(pk=tuned_id)


def _cluster(tuned: TunedModel) -> Cluster:
    """Return where it was taught: what it has learnt stays there."""
    cluster = tuned.job.compute_job.cluster if tuned.job.compute_job else None
    if cluster is None or cluster.kind != Cluster.Kind.LOCAL or not cluster.is_enabled:
        raise NotServedHere
    return cluster


def _refuse_more(tuned: TunedModel) -> None:
    """Refuse one more than an organization may have deployed; its row is what they wait for."""
    Organization.objects.locked(tuned.organization_id)
    served = TunedModel.objects.deployed().filter(organization=tuned.organization)
    if served.exclude(pk=tuned.pk).count() >= settings.MOST_DEPLOYED:
        raise TooManyDeployed


def _take_away(tuned: TunedModel) -> None:
    private.hush(tuned.offer)
    if tuned.is_wanted:
        tuned.is_wanted = False
        tuned.save(update_fields=["is_wanted", "updated_at"])
        _ring(tuned)
    if tuned.service is not None:
        tuned.service = running.stop(tuned.service, after=DRAIN)


def _record(what: str, tuned: TunedModel, by: User | ApiKey | None) -> None:
    audit.record(
        organization=tuned.organization,
        actor=by,
        action=f"tuned_model.{what}",
        target=tuned,
        after={"model": tuned.offer.name, "state": tuned.standing},
    )
