"""Where a job stands in plain words: why it waits, and what can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing import queries as billing
from common.money import Money
from common.templatetags.formats import SPACE, grouped, trimmed
from compute.models import ComputeJob
from compute.queries import cluster_for
from studio.models import Dataset, FineTuningJob
from studio.services.progress import MOST_ATTEMPTS
from studio.states import State


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing to know, and how it is meant: good, bad, warn or note."""

    tone: str
    text: str
    #: Whether money is what is missing.
    needs_money: bool = False


def of(job: FineTuningJob) -> Standing:
    """Return where the job stands; its organization's scope must be open."""
    if job.is_unwanted and job.state not in (State.CANCELLED, State.SUCCEEDED, State.FAILED):
        return Standing(
            "warn", _("It ends at its next step; what it has learnt by then is billed.")
        )
    return WORDS[State(job.state)](job)


def _validating(job: FineTuningJob) -> Standing:
    given = [job.dataset, *([job.validation] if job.validation else [])]
    if any(each.state == Dataset.State.VALIDATING for each in given):
        return Standing("note", _("Its dataset is being checked, line by line."))
    return Standing(
        "note", _("Its tokens are counted by the model's own tokenizer; then its price is fixed.")
    )


def _awaiting_funds(job: FineTuningJob) -> Standing:
    free = billing.balance(job.organization).live
    quote = Money(job.quote or free.amount, job.currency or free.currency)
    facts = {"quote": amount(quote), "free": amount(free)}
    if free < quote:
        words = _(
            "It waits for credit: %(quote)s must be set aside before it begins, and %(free)s is "
            "free. Add credit and it goes on by itself within a minute."
        )
        return Standing("warn", words % facts, needs_money=True)
    words = _(
        "It waits: %(quote)s must be set aside before it begins. If this takes longer than a "
        "minute, a budget leaves less than that; raise it and the job goes on by itself."
    )
    return Standing("warn", words % facts)


def _queued(job: FineTuningJob) -> Standing:
    jurisdiction = job.dataset.file.region.jurisdiction
    if cluster_for(job.organization, jurisdiction=jurisdiction) is None:
        words = _(
            "No cluster in %(jurisdiction)s takes jobs now, and the data does not leave it. The "
            "job begins as soon as one does."
        )
        return Standing("warn", words % {"jurisdiction": jurisdiction})
    return Standing("note", _("It is about to be handed to a cluster."))


def _dispatched(job: FineTuningJob) -> Standing:
    attempt = job.compute_job
    if attempt is None or attempt.state in (ComputeJob.State.PREPARED, ComputeJob.State.UNKNOWN):
        return Standing("note", _("It is being handed to a cluster."))
    words = _("It waits for its turn on %(cluster)s.") % {"cluster": attempt.cluster}
    return Standing("note", f"{words} {attempt.reason}".strip())


def _running(_job: FineTuningJob) -> Standing:
    return Standing("note", _("It runs."))


def _recovering(job: FineTuningJob) -> Standing:
    words = _(
        "The cluster failed. Attempt %(attempt)s of %(most)s goes on from the newest state that was "
        "kept; nothing is paid twice."
    )
    return Standing("warn", words % {"attempt": job.attempt, "most": MOST_ATTEMPTS})


def _finalizing(_job: FineTuningJob) -> Standing:
    return Standing("note", _("It has run; what it made is checked against its checksums."))


def _cancelling(_job: FineTuningJob) -> Standing:
    return Standing("warn", _("It ends at its next step; what it has learnt by then is billed."))


def _succeeded(job: FineTuningJob) -> Standing:
    if job.cost is None:
        return Standing("good", _("It has worked through the dataset. Nothing was paid."))
    return Standing("good", _("It has learnt all of the dataset."))


def _failed(job: FineTuningJob) -> Standing:
    return Standing("bad", job.error_message)


def _cancelled(_job: FineTuningJob) -> Standing:
    return Standing("note", _("It was cancelled; what was set aside and not used went back."))


WORDS: dict[State, Callable[[FineTuningJob], Standing]] = {
    State.VALIDATING: _validating,
    State.AWAITING_FUNDS: _awaiting_funds,
    State.QUEUED: _queued,
    State.DISPATCHED: _dispatched,
    State.RUNNING: _running,
    State.RECOVERING: _recovering,
    State.FINALIZING: _finalizing,
    State.CANCELLING: _cancelling,
    State.SUCCEEDED: _succeeded,
    State.FAILED: _failed,
    State.CANCELLED: _cancelled,
}


def amount(money: Money) -> str:
    """Return an amount inside a sentence, to its last digit."""
    return f"{grouped(trimmed(money.amount, 2))}{SPACE}{money.currency}"
