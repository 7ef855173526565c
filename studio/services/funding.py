"""The money of a job: what it will cost is set aside before it runs, what it has cost is taken.

A recipe that trains is paid by the tokens it trained; others are free. The quote is binding: the
dataset's tokens times the passes, at the price that held when the dataset was known, also where the job
then waits for credit. A job is charged once, for what it has committed, and never more than its quote.

Money moves on connections of its own (``billing.holds``), so nothing here runs while a transaction
is open; each step may be taken again by whoever finds the job after a crash.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from billing import holds
from billing.funds import Settled
from billing.holds import Asked, Shortage
from billing.models import HOLD, Lease
from billing.rating.conditions import ONE, Circumstances
from billing.rating.definition import parse
from billing.rating.tokens import rate, weigh
from billing.services.telling import plain
from common.database import service
from common.ids import from_public_id
from common.money import Money, exact
from marketplace import books, pricelist
from marketplace.models import Offer, Price
from metering.models import TRAINED
from studio.errors import NotPriced
from studio.models import FineTuningJob, JobEvent
from studio.recipes import registry
from studio.services.transitions import fail, move
from studio.states import TERMINAL, State
from tenants.models import Organization
from tenants.scope import scope

#: What the studio calls itself as a meter; its events are named after the jobs.
SOURCE = "studio"


@dataclass(frozen=True, slots=True)
class Quote:
    """What training with so many tokens costs at most."""

    price: Price
    tokens: int
    cost: Money


def price_of(organization: Organization, offer: Offer) -> Price:
    """Return what a trained token of the model costs the organization now, or refuse."""
    now, currency = timezone.now(), organization.currency
    special = books.special(organization, now)
    prices = pricelist.between([offer], now, now, special).at(offer, now, currency, special)
    if TRAINED not in prices:
        raise NotPriced(field_errors={"model": [NotPriced.detail]})
    return prices[TRAINED]


def quote(organization: Organization, offer: Offer, tokens: int) -> Quote:
    """Return what training the model with so many tokens costs at most, by now's price."""
    price = price_of(organization, offer)
    definition = parse(price.definition)
    windows = definition.time_of_day.windows if definition.time_of_day else ()
    # When it ends is not known: the dearest hour counts.
    dearest = max([ONE, *(window.multiplier for window in windows)])
    cost = exact(price.per_token * tokens * dearest)
    return Quote(price, tokens, Money(cost, organization.currency))


def begin(job: FineTuningJob, *, epochs: int) -> None:
    """Quote the job whose dataset is known by now; what costs nothing is queued at once."""
    if not registry.trains(job.recipe):
        move(job, State.QUEUED, epochs=epochs)
        return
    try:
        quoted = quote(job.organization, job.offer, job.tokens_per_pass * epochs)
    except NotPriced as refusal:
        fail(job, refusal.code, str(refusal.detail), "model")
        return
    if job.max_cost is not None and quoted.cost.amount > job.max_cost:
        most = Money(job.max_cost, quoted.cost.currency)
        words = f"The job would cost {_words(quoted.cost)}; at most {_words(most)} is allowed."
        fail(job, "quote_above_max_cost", words, "max_cost")
        return
    move(
        job,
        State.AWAITING_FUNDS,
        epochs=epochs,
        quote=quoted.cost.amount,
        currency=quoted.cost.currency,
        price=quoted.price,
    )


def set_aside(job: FineTuningJob) -> bool:
    """Set the quote aside and queue the job; False where it must wait for credit."""
    shortage = None if job.is_unwanted else holds.place(_asked(job))
    with scope(job.organization_id):
        job = FineTuningJob.objects.locked(job.pk)
        if job.state != State.AWAITING_FUNDS:
            return True
        if job.is_unwanted:
            move(job, State.CANCELLED)
        elif shortage is None:
            move(job, State.QUEUED)
        else:
            _tell(job, shortage)
            return False
    return True


def _asked(job: FineTuningJob) -> Asked:
    if job.quote is None or job.project_id is None:
        raise RuntimeError(f"{job} has no quote")
    return Asked(
        key=job.public_id,
        organization_id=job.organization_id,
        project_id=job.project_id,
        api_key_id=job.api_key_id,
        currency=job.currency,
        amount=job.quote,
    )


def _tell(job: FineTuningJob, shortage: Shortage) -> None:
    """Say what is missing, once for each amount."""
    needed, free = Money(job.quote or Decimal(0), job.currency), Money(shortage.free, job.currency)
    whose = f"the budget {shortage.budget} leaves" if shortage.budget else "free credit is"
    words = f"The job waits for credit: it needs {_words(needed)}, {whose} {_words(free)}."
    if not job.events.filter(message=words).exists():
        JobEvent.objects.create(
            organization_id=job.organization_id, job=job, level="warn", message=words[:500]
        )


def charge(job: FineTuningJob, tokens: int, *, at: datetime) -> Decimal | None:
    """Take what so many trained tokens cost out of what was set aside; return it.

    Once per job, however often it is asked; ``at`` is when the training ended and the same each
    time. None where nothing is charged at all.
    """
    if job.quote is None or job.price is None or not tokens:
        return None
    amounts = rate({TRAINED: tokens}, {TRAINED: job.price.per_token})
    priced = {TRAINED: parse(job.price.definition)}
    amounts, counts = weigh(amounts, priced, Circumstances(at))
    holds.settle(job.public_id, _settled(job, tokens, amounts, counts, at))
    return sum(amounts.values(), Decimal(0))


def _settled(
    job: FineTuningJob,
    tokens: int,
    amounts: dict[str, Decimal],
    counts: dict[str, Decimal],
    at: datetime,
) -> Settled:
    if job.project_id is None or job.price is None:
        raise RuntimeError(f"{job} belongs to no project")
    region = job.dataset.file.region
    return Settled(
        organization_id=job.organization_id,
        project_id=job.project_id,
        api_key_id=job.api_key_id,
        event_id=job.public_id,
        source=SOURCE,
        occurred_at=at,
        offer_id=job.offer_id,
        offer_name=job.offer.name,
        region=region.code,
        parts={TRAINED: tokens},
        price_ids={TRAINED: job.price.pk},
        amounts=amounts,
        multipliers=counts,
        currency=job.currency,
        policy={"jurisdiction": region.jurisdiction, "estimated": False},
    )


def release(job: FineTuningJob) -> None:
    """Return what is still set aside for a job that has ended."""
    if job.quote is not None and job.state in TERMINAL:
        holds.release(job.public_id)


def release_forgotten() -> int:
    """Return what is set aside for jobs that ended while nobody returned it; how many there were."""
    with service():
        holders = Lease.objects.set_aside().filter(quantity__gt=0)
        keys = {
            holder.removeprefix(HOLD) for holder in holders.values_list("process_id", flat=True)
        }
        ended = FineTuningJob.objects.filter(pk__in=_ids(keys), state__in=TERMINAL)
        forgotten = [job.public_id for job in ended]
    for key in forgotten:
        holds.release(key)
    return len(forgotten)


def _ids(keys: set[str]) -> list[UUID]:
    return [found for key in keys if (found := from_public_id("ftjob", key))]


def _words(money: Money) -> str:
    return f"{plain(money.amount)} {money.currency}"
