"""A model's life: draft → in review → published → deprecated → retired, its offers in step with it.

What people of the desk do comes through :mod:`marketplace.services.curation`, under four eyes.
"""

from datetime import datetime

from django.utils import timezone

from common.database import atomic, service
from marketplace import readiness
from marketplace.errors import NoReplacement, NotReady, ReasonMissing, RetiresTooSoon, WrongState
from marketplace.models import AIModel, Offer, Status
from marketplace.models.offers import OfferQuerySet
from marketplace.services import notices
from tenants.models import User
from tenants.services import audit

ALLOWED: dict[str, frozenset[str]] = {
    Status.DRAFT: frozenset({Status.IN_REVIEW}),
    Status.IN_REVIEW: frozenset({Status.DRAFT, Status.PUBLISHED}),
    Status.PUBLISHED: frozenset({Status.DEPRECATED, Status.RETIRED}),
    # Again deprecated: with another date or another replacement.
    Status.DEPRECATED: frozenset({Status.PUBLISHED, Status.DEPRECATED, Status.RETIRED}),
    Status.RETIRED: frozenset(),
}


@atomic()
def review(model: AIModel, *, by: User | None) -> AIModel:
    """Let a draft wait for a second person; nobody changes its card meanwhile."""
    model = AIModel.objects.locked(model.pk)
    check_ready(model)
    return _move(model, Status.IN_REVIEW, by=by)


@atomic()
def redraft(model: AIModel, *, by: User | None) -> AIModel:
    """Make a model that is in review a draft again, to be worked on."""
    return _move(AIModel.objects.locked(model.pk), Status.DRAFT, by=by)


def check_step(model: AIModel, status: Status) -> None:
    """Refuse a step that does not lead on from where the model stands."""
    if status not in ALLOWED[model.status]:
        raise WrongState


def check_ready(model: AIModel) -> None:
    """Refuse, in sentences, a model that lacks something that customers need."""
    if missing := readiness.missing_for(model):
        raise NotReady(" ".join(missing))


@atomic()
def publish(model: AIModel, *, by: User | None) -> AIModel:
    """Show the model to customers and let them call it, if nothing is missing."""
    model = AIModel.objects.locked(model.pk)
    check_ready(model)
    model = _move(
        model,
        Status.PUBLISHED,
        by=by,
        published_at=model.published_at or timezone.now(),
        deprecated_at=None,
        retires_at=None,
        replaced_by=None,
    )
    notices.retirement(model, None)
    return model


@atomic()
def deprecate(
    model: AIModel,
    *,
    by: User | None,
    retires_at: datetime | None = None,
    replaced_by: AIModel | None = None,
) -> AIModel:
    """Keep the model callable and tell customers that, when, and for which other, it will go."""
    model = AIModel.objects.locked(model.pk)
    check_deprecation(model, retires_at=retires_at, replaced_by=replaced_by)
    model = _move(
        model,
        Status.DEPRECATED,
        by=by,
        deprecated_at=model.deprecated_at or timezone.now(),
        retires_at=retires_at,
        replaced_by=replaced_by,
    )
    notices.retirement(model, retires_at)
    return model


def check_deprecation(
    model: AIModel, *, retires_at: datetime | None, replaced_by: AIModel | None
) -> None:
    """Refuse a last day that is over, and a replacement that does not do the same."""
    if retires_at is not None and retires_at <= timezone.now():
        raise RetiresTooSoon(field_errors={"retires_on": [RetiresTooSoon.detail]})
    if replaced_by is not None and not _can_replace(replaced_by, model):
        raise NoReplacement(field_errors={"replaced_by": [NoReplacement.detail]})


@atomic()
def retire(model: AIModel, *, by: User | None, reason: str) -> AIModel:
    """Take the model away at once and for good, for a reason that is kept.

    Customers are promised notice: what can wait is deprecated with its last day, and goes by itself.
    """
    if not reason.strip():
        raise ReasonMissing(field_errors={"reason": [ReasonMissing.detail]})
    model = AIModel.objects.locked(model.pk)
    now = timezone.now()
    model = _move(model, Status.RETIRED, by=by, reason=reason, retires_at=now)
    notices.retirement(model, now)
    return model


def retire_due() -> int:
    """Mark as retired what was announced to be gone by now; return how many there were.

    Nobody could call these since their day: the mark only says so.
    """
    with service():
        due = list(AIModel.objects.due_to_retire().order_by("pk"))
    for model in due:
        with service():
            _retire_if_due(AIModel.objects.locked(model.pk))
    return len(due)


def _retire_if_due(model: AIModel) -> None:
    # Somebody may have published it again, or moved its day, a moment ago.
    if AIModel.objects.due_to_retire().filter(pk=model.pk).exists():
        _move(model, Status.RETIRED, by=None)


def _offers(model: AIModel) -> OfferQuerySet:
    return Offer.objects.filter(model_version__model=model)


def _can_replace(other: AIModel, model: AIModel) -> bool:
    """Whether it is on sale and does the same: no chat becomes vectors by another name.

    A customer's own model replaces no other's: its name is nobody else's business.
    """
    return AIModel.objects.replacing(model).filter(pk=other.pk).exists()


def _move(
    model: AIModel, status: Status, *, by: User | None, reason: str = "", **facts: object
) -> AIModel:
    check_step(model, status)
    facts = {"status": status.value, **facts}
    before = {name: getattr(model, name) for name in facts}
    for name, value in facts.items():
        setattr(model, name, value)
    model.save(update_fields=[*facts, "updated_at"])
    _offers(model).update(status=status, updated_at=timezone.now())
    audit.record(
        organization=None,
        actor=by,
        action=f"model.{status}",
        target=model,
        before=before,
        after={**facts, "reason": reason} if reason else facts,
    )
    return model
