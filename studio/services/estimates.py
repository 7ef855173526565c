"""What a job would cost, before anybody asks for it; nothing is held and nothing is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing import queries as billing
from common.money import Money
from files.models import Purpose, StoredFile
from marketplace.models import Offer
from studio.errors import UnknownFile
from studio.hyperparameters import context_length
from studio.models import Dataset
from studio.recipes import registry
from studio.services import datasets, fine_tuning, funding, progress, token_counts
from studio.services.funding import Quote
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much a dataset is, what training with it costs, and whether that is there."""

    offer: Offer
    dataset: Dataset
    #: None while the dataset is being checked, or cannot be used.
    epochs: int | None
    tokens: int | None
    #: None where nothing is trained, and nothing is known yet.
    quote: Quote | None
    free: Money

    @property
    def reason(self) -> str | None:
        """Why the job would not begin now."""
        if self.dataset.state == Dataset.State.INVALID:
            return datasets.verdict(self.dataset)
        if self.epochs is None:
            return "The training file is still being checked. Ask again in a moment."
        if self.quote is not None and self.free < self.quote.cost:
            return "There is not enough free credit for this job."
        return None

    @property
    def is_allowed(self) -> bool:
        """Whether the job would begin now."""
        return self.reason is None


def estimate(
    organization: Organization,
    *,
    model: str,
    file: StoredFile | None,
    hyperparameters: Mapping[str, Any],
) -> Estimate:
    """Return what a job with these would cost now; the organization's scope must be open."""
    offer = fine_tuning.offer_of(organization, model)
    if file is None or file.purpose != Purpose.FINE_TUNE:
        raise UnknownFile(field_errors={"training_file": [UnknownFile.detail]})
    dataset = datasets.ensure(organization, file)
    free = billing.balance(organization).live
    if dataset.state != Dataset.State.READY:
        return Estimate(offer, dataset, None, None, None, free)
    epochs = progress.passes(dataset, hyperparameters)
    version = offer.model_version
    length = context_length(hyperparameters, version.model.context_window)
    per_pass = token_counts.known(dataset, version, length)
    if per_pass is None:
        token_counts.ring(dataset, version, length)
        return Estimate(offer, dataset, None, None, None, free)
    tokens = per_pass * epochs
    trains = registry.trains(registry.choose(version.weights, hyperparameters))
    quote = funding.quote(organization, offer, tokens) if trains else None
    return Estimate(offer, dataset, epochs, tokens, quote, free)
