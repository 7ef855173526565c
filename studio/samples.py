"""The same job in code, for whoever wants to ask for it again by program."""

from pprint import pformat
from typing import Any

from billing.services.telling import plain
from studio.models import FineTuningJob


def python(job: FineTuningJob, base_url: str) -> str:
    """Return a program that asks for the job with the official client, and follows it."""
    given = "".join(f"    {name}={value},\n" for name, value in _arguments(job))
    return (
        "from openai import OpenAI\n\n"
        "# Reads your key from OPENAI_API_KEY.\n"
        f'client = OpenAI(base_url="{base_url}")\n\n'
        f"job = client.fine_tuning.jobs.create(\n{given})\n"
        "for event in client.fine_tuning.jobs.list_events(job.id):\n"
        "    print(event.message)\n"
    )


def _arguments(job: FineTuningJob) -> list[tuple[str, str]]:
    facts: dict[str, Any] = {
        "model": job.offer.name,
        "training_file": job.dataset.file.public_id,
        "validation_file": job.validation.file.public_id if job.validation else None,
        "suffix": job.suffix or None,
        "seed": job.seed,
        "method": _method(job.hyperparameters),
        "extra_body": None if job.max_cost is None else {"max_cost": plain(job.max_cost)},
    }
    return [(name, _literal(value)) for name, value in facts.items() if value is not None]


def _method(hyperparameters: dict[str, Any]) -> dict[str, Any] | None:
    if not hyperparameters:
        return None
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def _literal(value: Any) -> str:
    return pformat(value, width=70, sort_dicts=False).replace("\n", "\n    ")
