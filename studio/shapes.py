"""Fine-tuning as OpenAI's clients write and read it; what they do not know stands apart."""

import uuid
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from billing.services.telling import plain
from common.ids import from_public_id, public_id
from studio.models import Checkpoint, Dataset, FineTuningJob, JobEvent, Mending, TunedModel
from studio.recipes import registry
from studio.services import mending
from studio.services.estimates import Estimate
from studio.services.fine_tuning import HIGHEST_SEED
from tenants.key_api import Strict

MOST_METADATA = 16
MILLION = Decimal(1_000_000)
#: An amount as people write it: plain digits, and six decimals at most.
MONEY = r"\A(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,6})?\Z"
NO_MONEY = 'An amount above 0 as a string is expected, such as "12.50", with up to six decimals.'
#: What was measured at a checkpoint: OpenAI's name, and ours.
MEASURED = {
    "train_loss": "loss",
    "train_mean_token_accuracy": "accuracy",
    "valid_loss": "eval_loss",
    "valid_mean_token_accuracy": "eval_accuracy",
    "full_valid_loss": "eval_loss",
    "full_valid_mean_token_accuracy": "eval_accuracy",
}
AUTO = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}


class AutoOr(serializers.Field[Any, Any, Any, Any]):
    """A number within limits, or "auto"."""

    def __init__(self, number: type[int] | type[float], most: int) -> None:
        super().__init__(required=False)
        self._number, self._most = number, most

    def to_internal_value(self, data: Any) -> Any:
        """Read the number, or "auto"."""
        is_number = isinstance(data, (int, self._number)) and not isinstance(data, bool)
        if data == "auto" or (is_number and 0 < data <= self._most):
            return data
        words = f'"auto", or a number above 0 and up to {self._most:,}, is expected.'
        raise serializers.ValidationError(words)

    def to_representation(self, value: Any) -> Any:
        """Return it as it is."""
        return value


class HyperparametersIn(Strict):
    """How the learning goes."""

    n_epochs = AutoOr(int, 50)
    batch_size = AutoOr(int, 256)
    learning_rate_multiplier = AutoOr(float, 1000)
    #: Beyond OpenAI's: an adapter, or all weights; how large it is; where examples are cut.
    lora = serializers.BooleanField(required=False)
    lora_r = AutoOr(int, 128)
    context_length = AutoOr(int, 131_072)


class SupervisedIn(Strict):
    """The parameters of supervised learning."""

    hyperparameters = HyperparametersIn(required=False)


class MethodIn(Strict):
    """The method; one is known yet."""

    type = serializers.ChoiceField(["supervised"])
    supervised = SupervisedIn(required=False)


class JobIn(Strict):
    """What a job is asked for with."""

    model = serializers.CharField(max_length=100)
    training_file = serializers.CharField(max_length=50)
    validation_file = serializers.CharField(required=False, allow_null=True, max_length=50)
    suffix = serializers.CharField(
        required=False, allow_null=True, allow_blank=False, max_length=64
    )
    seed = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=HIGHEST_SEED
    )
    hyperparameters = HyperparametersIn(required=False)
    method = MethodIn(required=False)
    max_cost = serializers.RegexField(
        MONEY, required=False, allow_null=True, error_messages={"invalid": NO_MONEY}
    )
    metadata = serializers.DictField(
        child=serializers.CharField(max_length=512, allow_blank=True),
        required=False,
        allow_null=True,
    )

    def validate_max_cost(self, value: str | None) -> Decimal | None:
        """Read the amount; nothing at all is no limit."""
        return None if value is None else Decimal(value)

    def validate_metadata(self, value: dict[str, str] | None) -> dict[str, str]:
        """Hold it to OpenAI's size, and its names to what can be stored."""
        pairs = value or {}
        name = serializers.CharField(max_length=64)
        for key in pairs:
            name.run_validation(key)
        if len(pairs) > MOST_METADATA:
            raise serializers.ValidationError(f"At most {MOST_METADATA} pairs are kept.")
        return pairs

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take the hyperparameters from the method; their old place still counts."""
        method = attrs.pop("method", {}).get("supervised", {}).get("hyperparameters")
        attrs["hyperparameters"] = method or attrs.get("hyperparameters", {})
        attrs["suffix"] = attrs.get("suffix") or ""
        return attrs


class EstimateIn(Strict):
    """What an estimate is asked for with: as a job, so that the same body goes to both."""

    model = serializers.CharField(max_length=100)
    training_file = serializers.CharField(max_length=50)
    hyperparameters = HyperparametersIn(required=False)
    method = MethodIn(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take the hyperparameters from where a job has them."""
        method = attrs.pop("method", {}).get("supervised", {}).get("hyperparameters")
        attrs["hyperparameters"] = method or attrs.get("hyperparameters", {})
        return attrs


class MendingIn(Strict):
    """What a file is to be mended by; see ``fixes`` of what was found in it."""

    fixes = serializers.ListField(child=serializers.CharField(max_length=20), allow_empty=False)


class PageIn(Strict):
    """Which rows, and how many."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    after = serializers.CharField(required=False, max_length=50)
    prefix = ""

    def validate_after(self, value: str) -> uuid.UUID:
        """Understand the id of the last page's last row."""
        key = from_public_id(self.prefix, value)
        if key is None:
            raise serializers.ValidationError("This is no id of such a thing.")
        return key


class CheckpointPageIn(PageIn):
    """Which checkpoints."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=10)
    prefix = "ftckpt"


class JobPageIn(PageIn):
    """Which jobs."""

    prefix = "ftjob"


class EventPageIn(PageIn):
    """Which events."""

    prefix = "ftevent"


def job_out(job: FineTuningJob) -> dict[str, Any]:
    """Return the job."""
    hyperparameters = {**AUTO, **job.hyperparameters}
    if job.epochs:
        hyperparameters["n_epochs"] = job.epochs
    if job.epochs and registry.trains(job.recipe):
        # Once its dataset is known, no "auto" is left.
        hyperparameters = {**job.hyperparameters, **asdict(job.settled)}
    return {
        "id": job.public_id,
        "object": "fine_tuning.job",
        "created_at": _seconds(job.created_at),
        "finished_at": _seconds(job.finished_at),
        "model": job.offer.name,
        "fine_tuned_model": str(job.tuned) if job.tuned else None,
        "organization_id": str(job.organization_id),
        "status": job.openai_status,
        "hyperparameters": hyperparameters,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        "training_file": job.dataset.file.public_id,
        "validation_file": job.validation.file.public_id if job.validation else None,
        "result_files": [job.result_file.public_id] if job.result_file else [],
        "trained_tokens": job.trained_tokens,
        "error": _error(job),
        "seed": job.seed,
        "estimated_finish": None,
        "integrations": [],
        "metadata": job.metadata,
        "tessera": _beside(job),
    }


def _error(job: FineTuningJob) -> dict[str, Any] | None:
    if not job.error_code:
        return None
    param = job.error_param or None
    return {"code": job.error_code, "message": job.error_message, "param": param}


def _beside(job: FineTuningJob) -> dict[str, Any]:
    attempt = job.compute_job
    return {
        "state": job.state,
        "recipe": job.recipe,
        "trains": registry.trains(job.recipe),
        "attempt": job.attempt,
        "cluster": attempt.cluster.slug if attempt else None,
        "jurisdiction": attempt.cluster.region.jurisdiction if attempt else None,
        "waiting_for": attempt.reason if attempt and attempt.state == "pending" else None,
        "dataset": {"examples": job.dataset.examples, "tokens": job.tokens_per_pass},
        "quote": _amount(job.quote),
        "max_cost": _amount(job.max_cost),
        "cost": _amount(job.cost),
        "currency": job.currency or None,
        "deployment": _deployment(job.tuned) if job.tuned else None,
    }


def _deployment(tuned: TunedModel) -> dict[str, Any]:
    """Return whether the model can be called, and what is in its way."""
    return {"state": tuned.standing, "trouble": tuned.trouble or None}


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def estimate_out(estimate: Estimate) -> dict[str, Any]:
    """Return what a job would cost."""
    quoted = estimate.quote
    return {
        "object": "fine_tuning.estimate",
        "model": estimate.offer.name,
        "training_file": estimate.dataset.file.public_id,
        "file_status": estimate.dataset.state,
        "trains": quoted is not None,
        "n_epochs": estimate.epochs,
        "examples": estimate.dataset.examples,
        "trained_tokens": estimate.tokens,
        "price_per_million": _amount(quoted.price.per_token * MILLION) if quoted else None,
        "cost": _amount(quoted.cost.amount) if quoted else None,
        "currency": estimate.free.currency,
        "free": _amount(estimate.free.amount),
        "allowed_to_proceed": estimate.is_allowed,
        "reason": estimate.reason,
    }


def event_out(event: JobEvent) -> dict[str, Any]:
    """Return the event."""
    return {
        "object": "fine_tuning.job.event",
        "id": public_id("ftevent", event.pk),
        "created_at": _seconds(event.occurred_at),
        "level": event.level,
        "message": event.message,
        "type": "message",
    }


def checkpoint_out(checkpoint: Checkpoint, job: FineTuningJob) -> dict[str, Any]:
    """Return the checkpoint; OpenAI's names for what was measured, and null for what was not."""
    measured = checkpoint.metrics
    metrics = {theirs: measured.get(ours) for theirs, ours in MEASURED.items()}
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": public_id("ftckpt", checkpoint.pk),
        "created_at": _seconds(checkpoint.recorded_at),
        # The last is the model itself; of the others nothing can be called.
        "fine_tuned_model_checkpoint": str(job.tuned) if _is_last(checkpoint, job) else "",
        "fine_tuning_job_id": job.public_id,
        "step_number": checkpoint.step,
        "metrics": {"step": checkpoint.step, **metrics},
        "tessera": {"epoch": checkpoint.epoch, "tokens": checkpoint.tokens},
    }


def _is_last(checkpoint: Checkpoint, job: FineTuningJob) -> bool:
    return job.tuned is not None and checkpoint.epoch == job.epochs


def validation_out(dataset: Dataset) -> dict[str, Any]:
    """Return what was found in a training file."""
    return {
        "object": "file.validation",
        "file": dataset.file.public_id,
        "status": dataset.state,
        "lines": dataset.lines,
        "examples": dataset.examples,
        "bad_lines": dataset.bad_lines,
        "tokens": dataset.tokens,
        **{name: dataset.report.get(name, {}) for name in ("counts", "problems")},
        **{name: dataset.report.get(name, {}) for name in ("notices", "noticed")},
        "fixes": mending.offered(dataset),
    }


def mending_out(found: Mending) -> dict[str, Any]:
    """Return how a new file is made of one, and which."""
    status = "failed" if found.trouble else "done" if found.finished_at else "running"
    return {
        "object": "file.mending",
        "id": public_id("ftmend", found.pk),
        "file": found.dataset.file.public_id,
        "fixes": found.fixes,
        "status": status,
        "error": found.trouble or None,
        "result": found.result.file.public_id if found.result else None,
        "changed": found.changed,
        "left_out": found.left_out,
    }


def _seconds(moment: Any) -> int | None:
    return int(moment.timestamp()) if moment else None
