"""What must be so before customers see a model; it computes itself from what is true now."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from common.languages import listed
from common.templatetags.formats import percent
from marketplace import ports, queries
from marketplace.models import AIModel, Dossier, Kind, Offer, Route, TokenPart

#: So many models of a server are named in a sentence.
MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so before customers see the model, what is missing, and the way out."""

    title: str
    missing: str
    #: Where what is missing is put right.
    url: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def missing_for(model: AIModel) -> list[str]:
    """Return, in sentences, what keeps the model from being published."""
    return [check.missing for check in checklist(model) if not check.is_done]


def checklist(model: AIModel) -> list[Check]:
    """Return all that is looked at before a model is published, done or not."""
    found = Offer.objects.filter(model_version__model=model).select_related("region")
    offers = list(found.prefetch_related("routes__upstream"))
    return [
        _licence(model),
        _evaluation(model),
        *_places(offers),
        *_ways(offers),
        *_worth(offers, model.kind),
    ]


def _licence(model: AIModel) -> Check:
    url = reverse("staff:model-edit", args=[model.pk])
    return Check(_("Licence"), "" if model.licence else _("The licence is missing."), url)


def _evaluation(model: AIModel) -> Check:
    measured = Dossier.objects.filter(model=model).exclude(evaluations=[]).exists()
    is_needed = settings.EVALUATION_NEEDED and not measured
    missing = _("No evaluation is attached.") if is_needed else ""
    return Check(_("Evaluation"), missing, reverse("staff:model-dossier", args=[model.pk]))


def _places(offers: list[Offer]) -> list[Check]:
    none = "" if offers else _("It is offered in no region yet.")
    allowed = settings.SALE_JURISDICTIONS
    outside = [it for it in offers if allowed and it.region.jurisdiction not in allowed]
    return [
        Check(_("Offer in a region"), none),
        Check(_("Region allowed"), _first(map(_outside, outside)), reverse("staff:server-list")),
    ]


def _outside(offer: Offer) -> str:
    facts = {"offer": offer.name, "jurisdiction": offer.region.jurisdiction}
    return _("“%(offer)s” runs under the law of %(jurisdiction)s, where nothing is sold.") % facts


def _ways(offers: list[Offer]) -> list[Check]:
    lost = next((it for it in offers if _no_server(it) or _trouble(it)), None)
    url = reverse("staff:offer-edit", args=[lost.pk]) if lost else ""
    return [
        Check(_("Server"), _first(map(_no_server, offers)), url),
        Check(_("Way to the server"), _first(map(_trouble, offers)), url),
        _conformance(offers),
    ]


def _conformance(offers: list[Offer]) -> Check:
    """Return whether every way of each offer speaks as the gateway needs it to, trials included."""
    title = _("Conformance")
    ways = (way for offer in offers for way in offer.routes.all() if way.upstream.is_enabled)
    failing = next((way for way in ways if not way.conforms), None)
    if failing is None or not settings.CONFORMANCE_NEEDED:
        return Check(title, "")
    url = reverse("staff:server-edit", args=[failing.upstream_id])
    words = _("The server “%(server)s” has not passed the probe for “%(offer)s”.")
    facts = {"server": failing.upstream.name, "offer": failing.offer.name}
    return Check(title, words % facts, url)


def _worth(offers: list[Offer], kind: str) -> list[Check]:
    unpriced = next((it for it in offers if _no_price(it, kind)), None)
    url = reverse("staff:price-change", args=[unpriced.pk]) if unpriced else ""
    return [
        Check(_("Prices"), _first(_no_price(it, kind) for it in offers), url),
        Check(_("Margin"), _first(map(_thin, offers)), reverse("staff:margin-list")),
    ]


def _first(sentences: Iterable[str]) -> str:
    return next(filter(None, sentences), "")


def _enabled(offer: Offer) -> list[Route]:
    ways = offer.routes.all()
    return [route for route in ways if route.upstream.is_enabled and not route.is_on_trial]


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
    shown = names[:MOST_NAMES]
    return listed([*shown, "…"] if len(names) > MOST_NAMES else shown) or _("none")


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


def _thin(offer: Offer) -> str:
    """Return that an offer leaves too little, where both its usage and its cost are known."""
    floor = settings.MARGIN_FLOOR
    share = None if floor is None else ports.margins.share(offer.name)
    if floor is None or share is None or share >= floor:
        return ""
    facts = {"offer": offer.name, "share": percent(share), "floor": percent(floor)}
    return _("“%(offer)s” left %(share)s of its revenue this month, less than %(floor)s.") % facts
