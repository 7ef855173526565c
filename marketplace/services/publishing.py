"""A model's life: draft → published → deprecated → retired, its offers in step with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic, service
from marketplace import queries
from marketplace.errors import NoReplacement, NotReady, ReasonMissing, RetiresTooSoon, WrongState
from marketplace.models import AIModel, Kind, Offer, Route, Status, TokenPart
from marketplace.models.offers import OfferQuerySet
from tenants.models import User
from tenants.services import audit

#: So many models of a server are named in a sentence.
MOST_NAMES = 10

ALLOWED: dict[str, frozenset[str]] = {
    Status.DRAFT: frozenset({Status.PUBLISHED}),
    Status.PUBLISHED: frozenset({Status.DEPRECATED, Status.RETIRED}),
    # Again deprecated: with another date or another replacement.
    Status.DEPRECATED: frozenset({Status.PUBLISHED, Status.DEPRECATED, Status.RETIRED}),
    Status.RETIRED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so before customers see the model, and what is missing of it."""

    title: str
    missing: str

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@atomic()
def publish(model: AIModel, *, by: User | None) -> AIModel:
    """Show the model to customers and let them call it, if nothing is missing."""
    model = AIModel.objects.locked(model.pk)
    if missing := missing_for(model):
        raise NotReady(" ".join(missing))
    return _move(
        model,
        Status.PUBLISHED,
        by=by,
        published_at=model.published_at or timezone.now(),
        deprecated_at=None,
        retires_at=None,
        replaced_by=None,
    )


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
    if retires_at is not None and retires_at <= timezone.now():
        raise RetiresTooSoon(field_errors={"retires_on": [RetiresTooSoon.detail]})
    if replaced_by is not None and not _can_replace(replaced_by, model):
        raise NoReplacement(field_errors={"replaced_by": [NoReplacement.detail]})
    return _move(
        model,
        Status.DEPRECATED,
        by=by,
        deprecated_at=model.deprecated_at or timezone.now(),
        retires_at=retires_at,
        replaced_by=replaced_by,
    )


@atomic()
def retire(model: AIModel, *, by: User | None, reason: str) -> AIModel:
    """Take the model away at once and for good, for a reason that is kept.

    Customers are promised notice: what can wait is deprecated with its last day, and goes by itself.
    """
    if not reason.strip():
        raise ReasonMissing(field_errors={"reason": [ReasonMissing.detail]})
    model = AIModel.objects.locked(model.pk)
    return _move(model, Status.RETIRED, by=by, reason=reason, retires_at=timezone.now())


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


def missing_for(model: AIModel) -> list[str]:
    """Return, in sentences, what keeps the model from being published."""
    return [check.missing for check in checklist(model) if not check.is_done]


def checklist(model: AIModel) -> list[Check]:
    """Return all that is looked at before a model is published, done or not."""
    offers = list(_offers(model).prefetch_related("routes__upstream"))
    return [
        Check(_("Licence"), "" if model.licence else _("The licence is missing.")),
        Check(_("Offer in a region"), "" if offers else _("It is offered in no region yet.")),
        Check(_("Server"), _first(_no_server(offer) for offer in offers)),
        Check(_("Way to the server"), _first(_trouble(offer) for offer in offers)),
        Check(_("Prices"), _first(_no_price(offer, model.kind) for offer in offers)),
    ]


def _first(sentences: Iterable[str]) -> str:
    return next(filter(None, sentences), "")


def _enabled(offer: Offer) -> list[Route]:
    return [route for route in offer.routes.all() if route.upstream.is_enabled]


def _no_server(offer: Offer) -> str:
    if _enabled(offer):
        return ""
    return _("No server that is switched on answers for “%(offer)s”.") % {"offer": offer.name}


def _trouble(offer: Offer) -> str:
    """Return what is wrong with the first of the offer's ways, when none of them works."""
    troubles = [_route_trouble(route) for route in _enabled(offer)]
    return "" if "" in troubles else _first(troubles)


def _route_trouble(route: Route) -> str:
    upstream = route.upstream
    facts = {"server": upstream.name, "model": route.upstream_model}
    if upstream.is_in_trouble:
        words = upstream.get_reachability_display()
        return _("The server “%(server)s” %(trouble)s.") % {**facts, "trouble": words}
    if route.is_unlisted:
        words = _(
            "The server “%(server)s” does not list the model “%(model)s”. It lists: %(names)s."
        )
        return words % {**facts, "names": _some(upstream.served_models)}
    return ""


def _some(names: list[str]) -> str:
    """Return the first of the names; a server may list hundreds."""
    shown = ", ".join(names[:MOST_NAMES]) or _("none")
    return f"{shown}, …" if len(names) > MOST_NAMES else shown


def _no_price(offer: Offer, kind: str) -> str:
    needed = [TokenPart.INPUT, TokenPart.OUTPUT] if kind == Kind.CHAT else [TokenPart.INPUT]
    now = timezone.now()
    for part in needed:
        if queries.price_in_force(offer, part, now) is None:
            return _("“%(offer)s” has no price for “%(part)s”.") % {
                "offer": offer.name,
                "part": part.label,
            }
    return ""


def _offers(model: AIModel) -> OfferQuerySet:
    return Offer.objects.filter(model_version__model=model)


def _can_replace(other: AIModel, model: AIModel) -> bool:
    """Whether it is on sale and does the same: no chat becomes vectors by another name."""
    alike = AIModel.objects.live().filter(pk=other.pk, kind=model.kind)
    return other.pk != model.pk and alike.exists()


def _move(
    model: AIModel, status: Status, *, by: User | None, reason: str = "", **facts: object
) -> AIModel:
    if status not in ALLOWED[model.status]:
        raise WrongState
    facts = {"status": status, **facts}
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
