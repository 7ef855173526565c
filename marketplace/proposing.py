"""Changes of models from plain facts: what the desk's pages ask in forms, the API sends as JSON."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from django.forms import BaseForm
from django.utils.translation import gettext as _

from marketplace import dossiers, history
from marketplace.errors import BadProposal, NothingChanges
from marketplace.forms import counting, translating
from marketplace.forms.access import AccessForm
from marketplace.forms.dossiers import DossierForm
from marketplace.forms.levels import ServiceLevelForm, initial
from marketplace.forms.models import CardForm, DeprecateForm, NewModelForm, RetireForm, TermsForm
from marketplace.forms.prices import BATCH, PriceForm
from marketplace.forms.viewers import ViewersForm
from marketplace.models import (
    AIModel,
    Dossier,
    ModelChange,
    Offer,
    ServiceTier,
    TokenClass,
    TokenPart,
)
from marketplace.services import catalogue, curation, levels
from tenants.models import User

Kind = ModelChange.Kind
Facts = Mapping[str, Any]
F = TypeVar("F", bound=BaseForm)


def propose(model: AIModel, kind: str, facts: Facts, *, by: User) -> ModelChange | None:
    """Propose the change, checked as the desk checks it; None: it is done, and needed nobody else.

    What facts do not name stays as it is.
    """
    return PROPOSALS[kind](model, facts, by)


def draft(facts: Facts, *, by: User) -> AIModel:
    """Add a model as a draft, checked as the desk checks it.

    What facts do not name is as the desk's form begins.
    """
    wanted = _with_class(translating.spread(facts))
    return add(valid(NewModelForm(_merged(NewModelForm(), wanted)), wanted), by=by)


def add(form: NewModelForm, *, by: User) -> AIModel:
    """Add what a form that can be used says, as a draft."""
    facts = form.cleaned_data
    terms = catalogue.Terms(
        name=facts["offer_name"],
        upstream=facts["upstream"],
        upstream_model=facts["upstream_model"],
        version=facts["version"],
        quantization=facts["quantization"],
        token_class=facts["token_class"],
        limits=form.limits(),
    )
    return catalogue.add(
        card={**form.card(), "slug": facts["slug"]},
        publisher_name=facts["publisher_name"],
        terms=terms,
        per_million=form.per_million(),
        by=by,
    )


def valid(form: F, facts: Facts) -> F:
    """Return the form, if it can be used and knows all of the facts."""
    errors = {name: [str(it) for it in said] for name, said in form.errors.items()}
    for name in sorted(set(facts) - set(form.fields)):
        errors.setdefault(name, []).append(_unknown(form.fields))
    if errors:
        raise BadProposal(field_errors=errors)
    return form


def refuse_unknown(facts: Facts, *, known: Collection[str]) -> None:
    """Refuse all facts, for a change that takes none; ``known`` is what stands beside them."""
    if facts:
        raise BadProposal(field_errors={name: [_unknown(known)] for name in sorted(facts)})


def _unknown(known: Iterable[str]) -> str:
    return _("This is not known here. Accepted: %(names)s.") % {"names": ", ".join(sorted(known))}


def _card(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    initial = {"publisher_name": model.publisher.name}
    present, wanted = CardForm(instance=model, initial=initial), translating.spread(facts)
    form = valid(CardForm(_merged(present, wanted), instance=model, initial=initial), wanted)
    name = form.cleaned_data["publisher_name"]
    # A form trims texts that nobody asked to change, and has written to its instance.
    kept = AIModel.objects.get(pk=model.pk)
    named = {*wanted, *counting.NAMES}
    if translating.names(CardForm.translated) & named:
        named.add(translating.NAME)
    card = {
        field: value if field in named else getattr(kept, field)
        for field, value in form.card().items()
    }
    return curation.edit(kept, card=card, publisher_name=name, by=by)


def _dossier(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    dossier = Dossier.objects.filter(model=model).first() or Dossier(model=model)
    present = DossierForm(dossier=dossier)
    form = valid(DossierForm(_merged(present, facts), dossier=dossier), facts)
    energy = dossiers.plain(form.cleaned_data["energy"])
    return curation.change_dossier(model, {**form.cleaned_data, "energy": energy}, by=by)


def _audience(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    lines = facts.get("organizations", [])
    data = {**facts, "organizations": "\n".join(map(str, lines)) if isinstance(lines, list) else ""}
    form = valid(ViewersForm(data), facts)
    return curation.change_audience(model, form.chosen(), by=by)


def _access(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    text = model.terms.text if model.terms else ""
    initial = {"text": text, "needs_approval": model.needs_approval}
    form = valid(AccessForm({**initial, **facts}), facts)
    return curation.change_access(model, **form.cleaned_data, by=by)


def _terms(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    wanted = dict(facts)
    offer = _offer(model, wanted)
    wanted = _with_class(wanted)
    form = valid(TermsForm(_merged(TermsForm(instance=offer), wanted), instance=offer), wanted)
    return curation.change_terms(offer, form.cleaned_data, by=by)


def _with_class(facts: Facts) -> dict[str, Any]:
    """Return the facts with the class of tokens as forms ask for it."""
    if not (code := facts.get("token_class")):
        return dict(facts)
    found = TokenClass.objects.filter(code=str(code).replace("\0", "")).first()
    return {**facts, "token_class": found.pk if found else code}


def _offer(model: AIModel, facts: dict[str, Any]) -> Offer:
    """Return the offer that the facts name, and take its name out of them."""
    name = str(facts.pop("offer", ""))
    offer = Offer.objects.filter(model_version__model=model, name=name).first()
    if offer is None:
        raise BadProposal(field_errors={"offer": [_("The model has no offer of this name.")]})
    return offer


def _prices(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    wanted = dict(facts)
    offer = _offer(model, wanted)
    present, batch = (
        history.present(offer, service_tier=tier)
        for tier in (ServiceTier.STANDARD, ServiceTier.BATCH)
    )
    shown = PriceForm(present=present, batch=batch)
    form = valid(PriceForm(_merged(shown, wanted), present=present, batch=batch), wanted)
    # What is not named stays, and what is set for it for a later day with it.
    named = {part for part in TokenPart.values if {part, BATCH.format(part)} & wanted.keys()}
    at_once, in_batches = (
        {part: it for part, it in prices.items() if part in named}
        for prices in (form.per_million(), form.batch_per_million())
    )
    begins = form.cleaned_data["effective_from"]
    changes = history.rehearse_both(offer, at_once, in_batches, begins)
    if not changes:
        raise NothingChanges
    prices = history.wanted(changes, in_batches)
    return curation.set_prices(offer, *prices, by=by, effective_from=begins)


def _level(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    wanted = dict(facts)
    offer = _offer(model, wanted)
    shown = ServiceLevelForm(initial=initial(levels.present(offer)))
    form = valid(ServiceLevelForm(_merged(shown, wanted)), wanted)
    return levels.propose(
        offer,
        form.facts(),
        by=by,
        words=form.cleaned_data["words"],
        takes_effect_at=form.cleaned_data["takes_effect_at"],
    )


def _end(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    wanted = dict(facts)
    if slug := wanted.get("replaced_by"):
        found = AIModel.objects.filter(slug=str(slug)).first()
        wanted["replaced_by"] = found.pk if found else slug
    form = valid(DeprecateForm(wanted, model=model), facts)
    return curation.propose_end(model, Kind.DEPRECATE, form.facts(), by=by)


def _retirement(model: AIModel, facts: Facts, by: User) -> ModelChange | None:
    form = valid(RetireForm(facts, model=model), facts)
    return curation.propose_end(model, Kind.RETIRE, {"reason": form.cleaned_data["reason"]}, by=by)


def _merged(present: BaseForm, facts: Facts) -> dict[str, Any]:
    """Return what a form says now, with what is to be different."""
    return {**{name: present[name].initial for name in present.fields}, **facts}


PROPOSALS: dict[str, Callable[[AIModel, Facts, User], ModelChange | None]] = {
    Kind.CARD: _card,
    Kind.DOSSIER: _dossier,
    Kind.AUDIENCE: _audience,
    Kind.ACCESS: _access,
    Kind.TERMS: _terms,
    Kind.PRICES: _prices,
    Kind.LEVEL: _level,
    Kind.DEPRECATE: _end,
    Kind.RETIRE: _retirement,
}
