"""A model's life: draft → published → deprecated → retired, its offers in step with it."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic
from marketplace import queries
from marketplace.errors import NotReady, WrongState
from marketplace.models import AIModel, Kind, Offer, Status, TokenPart
from marketplace.models.offers import OfferQuerySet
from tenants.models import User
from tenants.services import audit

ALLOWED: dict[str, frozenset[str]] = {
    Status.DRAFT: frozenset({Status.PUBLISHED}),
    Status.PUBLISHED: frozenset({Status.DEPRECATED, Status.RETIRED}),
    Status.DEPRECATED: frozenset({Status.PUBLISHED, Status.RETIRED}),
    Status.RETIRED: frozenset(),
}


def publish(model: AIModel, *, by: User | None) -> AIModel:
    """Show the model to customers and let them call it, if nothing is missing."""
    with atomic():
        model = AIModel.objects.locked(model.pk)
        if missing := missing_for(model):
            raise NotReady(" ".join(missing))
        return _move(model, Status.PUBLISHED, by=by, published_at=timezone.now(), retires_at=None)


def deprecate(model: AIModel, *, by: User | None, retires_at: datetime | None = None) -> AIModel:
    """Keep the model callable and tell customers that, and when, it will go."""
    with atomic():
        return _move(
            AIModel.objects.locked(model.pk), Status.DEPRECATED, by=by, retires_at=retires_at
        )


def retire(model: AIModel, *, by: User | None) -> AIModel:
    """Take the model away from the catalogue and the API, for good."""
    with atomic():
        return _move(
            AIModel.objects.locked(model.pk), Status.RETIRED, by=by, retires_at=timezone.now()
        )


def missing_for(model: AIModel) -> list[str]:
    """Return, in sentences, what keeps the model from being published."""
    offers = list(_offers(model))
    if not offers:
        return [_("The model has no offer: name a region and a server.")]
    missing = []
    if not model.licence:
        missing.append(_("The licence is missing."))
    if not all(offer.routes.filter(upstream__is_enabled=True).exists() for offer in offers):
        missing.append(_("No server answers for it."))
    if not all(_is_priced(offer, model.kind) for offer in offers):
        missing.append(_("A price is missing: input, and output for chat models."))
    return missing


def _is_priced(offer: Offer, kind: str) -> bool:
    needed = [TokenPart.INPUT, TokenPart.OUTPUT] if kind == Kind.CHAT else [TokenPart.INPUT]
    now = timezone.now()
    return all(queries.price_in_force(offer, part, now) for part in needed)


def _offers(model: AIModel) -> OfferQuerySet:
    return Offer.objects.filter(model_version__model=model)


def _move(
    model: AIModel,
    status: Status,
    *,
    by: User | None,
    retires_at: datetime | None,
    published_at: datetime | None = None,
) -> AIModel:
    if status not in ALLOWED[model.status]:
        raise WrongState
    before = {"status": model.status}
    model.status = status
    model.retires_at = retires_at
    model.published_at = model.published_at or published_at
    model.save(update_fields=["status", "retires_at", "published_at", "updated_at"])
    _offers(model).update(status=status, updated_at=timezone.now())
    audit.record(
        organization=None,
        actor=by,
        action=f"model.{status}",
        target=model,
        before=before,
        after={"status": status, "retires_at": retires_at and retires_at.isoformat()},
    )
    return model
