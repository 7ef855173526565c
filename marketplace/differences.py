"""A change beside what is live: every field that customers see, before and after, in words."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.template.defaultfilters import date as formatted
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from common import countries, languages
from common.money import Money, minor_digits
from common.templatetags.formats import NOTHING, SPACE, grouped, per_cent, trimmed
from marketplace import dossiers, history, showcase, viewers
from marketplace.forms import levels as level_forms
from marketplace.forms import translating
from marketplace.forms.levels import ServiceLevelForm
from marketplace.forms.models import CardForm, TermsForm
from marketplace.forms.words import FEATURES, LANGUAGES, MODALITIES
from marketplace.models import (
    AIModel,
    Dossier,
    ModelChange,
    Offer,
    Route,
    ServiceTier,
    TokenClass,
    TokenPart,
)
from marketplace.models.catalogue import Status
from marketplace.models.dossier import SHOWN
from marketplace.queries import DEFAULT_CURRENCY
from marketplace.services import levels
from marketplace.services.applying import moment

WORDS = {name: label for pairs in (FEATURES, LANGUAGES, MODALITIES) for name, label in pairs}
#: What is too long to stand in a cell: it is compared line by line.
LONG = "card"
#: Of so many lines at most, a text stands in a cell.
SHORT_ROWS = 2
#: Texts by name and then by language.
ByName = Mapping[str, Mapping[str, str]]
Kind = ModelChange.Kind


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a long text: kept, new or gone."""

    text: str
    is_new: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that customers see, before and after."""

    label: StrOrPromise
    before: str
    after: str
    lines: tuple[Line, ...] = ()


def of(change: ModelChange) -> list[Difference]:
    """Return all that customers will see otherwise; of a change that was made, what it said."""
    return list(SAID[change.kind](change))


def changed(model: AIModel, change: ModelChange) -> AIModel:
    """Return the model as its card would be; nothing is saved."""
    facts = change.facts if change.kind == Kind.CARD else {}
    for name, value in facts.items():
        if name == "publisher_name":
            model.publisher.name = value
        else:
            setattr(model, name, value)
    return model


def _card(change: ModelChange) -> Iterator[Difference]:
    for name, value in change.facts.items():
        if name == translating.NAME:
            yield from in_languages(CardForm.translated, change.model.translations, value)
        else:
            yield _field(change.model, name, value)


def _retirement(change: ModelChange) -> Iterator[Difference]:
    yield Difference(_("State"), _state(change.model), str(Status.RETIRED.label))
    yield Difference(_("Reason"), "", change.facts["reason"])


def _publication(change: ModelChange) -> Iterator[Difference]:
    model = change.model
    yield Difference(_("State"), _state(model), str(Status.PUBLISHED.label))
    if model.is_on_sale:
        yield from _end(model, {"retires_at": None, "replaced_by": None})
        yield from _ways(model)
        return
    for name in ("publisher_name", *CardForm.Meta.fields):
        found = _field(model, name, _present(model, name))
        fresh = tuple(Line(it.text, is_new=True) for it in found.lines)
        yield Difference(found.label, "", found.after, fresh)
    yield from in_languages(CardForm.translated, {}, model.translations)
    yield Difference(_("Who sees it"), "", viewers.of(model).words)
    yield from _asking({"text": "", "needs_approval": False}, _asked_now(model))
    dossier = Dossier.objects.filter(model=model).first() or Dossier()
    facts = {name: getattr(dossier, name) for name in SHOWN}
    yield from _measured(Dossier(), {**facts, "energy": dossiers.plain(dossier.energy)})
    for entry in showcase.offers_of(model):
        yield from _offered(entry)
    yield from _ways(model)


def _offered(entry: showcase.PricedOffer) -> Iterator[Difference]:
    """Yield under which name, where, at which prices and within which limits it is to be sold."""
    prices = ((_("input"), entry.input_price), (_("output"), entry.output_price))
    words = languages.listed(f"{it} {_written(price)}" for it, price in prices)
    yield Difference(entry.api_name, "", f"{words} · {entry.region}")
    offer, version = entry.offer, entry.offer.model_version
    said, told = _("Version"), f"{version.label} {version.quantization}".rstrip()
    yield Difference(f"{entry.api_name} · {said}", "", told)
    for name, field in TermsForm.base_fields.items():
        value = getattr(offer, name)
        yield Difference(f"{entry.api_name} · {field.label}", "", _named(value))


def _ways(model: AIModel) -> Iterator[Difference]:
    """Yield where requests will go, way by way: who approves a publication agrees to all of them."""
    found = Route.objects.filter(offer__model_version__model=model)
    for way in found.select_related("offer", "upstream").order_by("offer__name", "priority", "id"):
        server = way.upstream
        facts = [way.offer.name, server.name, server.base_url, way.upstream_model]
        if way.is_on_trial:
            facts += [str(way.get_role_display()), per_cent(Decimal(way.share))]
        if not server.is_enabled:
            facts.append(_("Switched off"))
        yield Difference(_("Way to the server"), "", " · ".join(facts))


def in_languages(texts: translating.Texts, before: ByName, after: ByName) -> Iterator[Difference]:
    """Yield what is written otherwise in other languages; where nothing is, what is written."""
    said = before == after
    for name, (label, rows, _most) in texts.items():
        for code in languages.others():
            old, new = (it.get(name, {}).get(code, "") for it in (before, after))
            if old == new and not (said and new):
                continue
            told = f"{label} ({languages.own_name(code)})"
            if rows > SHORT_ROWS:
                yield Difference(told, "", "", tuple(lines(old, new)))
            else:
                yield Difference(told, old, new)


def _field(model: AIModel, name: str, value: Any) -> Difference:
    before = _present(model, name)
    if name == LONG:
        return Difference(_label(name), "", "", tuple(lines(before, value)))
    return Difference(_label(name), _words(name, before), _words(name, value))


def _label(name: str) -> StrOrPromise:
    found = CardForm.base_fields[name].label
    return found if found is not None else name


def _present(model: AIModel, name: str) -> Any:
    return model.publisher.name if name == "publisher_name" else getattr(model, name)


def _words(name: str, value: Any) -> str:
    if isinstance(value, list):
        return languages.listed(WORDS.get(it, it) for it in value)
    if name == "origin":
        return str(countries.NAMES.get(value, value))
    if name in CardForm.Meta.fields:
        choices = dict(getattr(AIModel._meta.get_field(name), "flatchoices", ()))
        return str(choices.get(value, value))
    return str(value)


def lines(before: str, after: str) -> Iterable[Line]:
    """Return the lines of two texts, what is gone and what is new marked."""
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        sign, text = line[:1], line[2:]
        if sign != "?":
            yield Line(text, is_new=sign == "+", is_gone=sign == "-")


def _dossier(change: ModelChange) -> Iterator[Difference]:
    model = change.model
    present = Dossier.objects.filter(model=model).first() or Dossier(model=model)
    yield from _measured(present, change.facts)


def _measured(present: Dossier, facts: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what customers read of the dossier beside what the facts say."""
    if "evaluations" in facts:
        before, after = (
            dossiers.written(present.evaluations),
            dossiers.written(facts["evaluations"]),
        )
        yield Difference(_("Evaluations"), "", "", tuple(lines(before, after)))
    if "files" in facts:
        before, after = (_files(present.files), _files(facts["files"]))
        yield Difference(_("Files for customers"), "", "", tuple(lines(before, after)))
    if "energy" in facts:
        label = _("Energy per million tokens, in watt-hours")
        before = dossiers.plain(present.energy) or ""
        yield Difference(label, before, str(facts["energy"] or ""))
    if "energy_source" in facts:
        label = _("How it was measured")
        yield Difference(label, present.energy_source, facts["energy_source"])


def _files(entries: Iterable[dict[str, Any]]) -> str:
    return "\n".join(f"{it['name']} · {it['about']} · SHA-256 {it['sha256']}" for it in entries)


def _audience(change: ModelChange) -> Iterator[Difference]:
    wanted = viewers.proposed(change.facts)
    yield Difference(_("Who sees it"), viewers.of(change.model).words, wanted.words)
    if change.is_open and (losing := viewers.losing(change.model, wanted)):
        names = languages.listed(it.name for it in losing)
        yield Difference(_("Used it of late, and will not see it"), "", names)


def _access(change: ModelChange) -> Iterator[Difference]:
    yield from _asking(_asked_now(change.model), change.facts)


def _asked_now(model: AIModel) -> dict[str, Any]:
    text = model.terms.text if model.terms else ""
    return {"text": text, "needs_approval": model.needs_approval}


def _asking(present: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what the model asks of customers beside what the facts say."""
    if "text" in facts:
        changed_lines = tuple(lines(present["text"], facts["text"]))
        yield Difference(_("Terms to accept"), "", "", changed_lines)
    if "needs_approval" in facts:
        before, after = (_asked(it["needs_approval"]) for it in (present, facts))
        yield Difference(_("Each customer asks for access"), before, after)


def _asked(is_so: bool) -> str:
    return _("yes") if is_so else _("no")


def _terms(change: ModelChange) -> Iterator[Difference]:
    offer, facts = _offer(change), change.facts
    for name, value in facts.items():
        label = TermsForm.base_fields[name].label or name
        if name == "token_class":
            found = TokenClass.objects.filter(pk=value).first() if value else None
            yield Difference(label, _named(offer.token_class), _named(found))
        else:
            yield Difference(label, str(getattr(offer, name)), str(value))


def _named(thing: object | None) -> str:
    return str(thing) if thing else ""


def _prices(change: ModelChange) -> Iterator[Difference]:
    """Yield each price per million beside the one that holds now."""
    offer, facts = _offer(change), change.facts
    named = (("per_million", ServiceTier.STANDARD), ("batch_per_million", ServiceTier.BATCH))
    for key, tier in named:
        present = history.present(offer, service_tier=tier)
        for part, amount in facts[key].items():
            label = str(TokenPart(part).label)
            batch = _("%(part)s in batches") % {"part": label}
            yield Difference(
                label if tier == ServiceTier.STANDARD else batch,
                _cost(present.get(part)),
                _cost(Decimal(amount)),
            )
    if begins := facts.get("effective_from"):
        yield Difference(_("From"), "", formatted(moment(begins), "DATETIME_FORMAT"))


def _level(change: ModelChange) -> Iterator[Difference]:
    """Yield all that the level says beside what holds now."""
    offer, facts = _offer(change), change.facts
    before, after = (level_forms.initial(it) for it in (levels.present(offer), facts))
    for name, field in ServiceLevelForm.base_fields.items():
        old, new = before.get(name), after.get(name)
        if old is not None or new is not None:
            words = ["" if it is None else str(it) for it in (old, new)]
            yield Difference(field.label or name, words[0], words[1])


def _cost(amount: Decimal | None) -> str:
    return "" if amount is None else _written(Money(amount, DEFAULT_CURRENCY))


def _written(price: Money | None) -> str:
    """Return a price to its last digit, as text: programs read it too."""
    if price is None:
        return NOTHING
    shown = trimmed(price.amount, minor_digits(price.currency))
    return f"{grouped(shown)}{SPACE}{price.currency}"


def _deprecation(change: ModelChange) -> Iterator[Difference]:
    yield from _end(change.model, change.facts)


def _end(model: AIModel, facts: dict[str, Any]) -> Iterator[Difference]:
    last = facts["retires_at"]
    after = _day(moment(last)) if last else ""
    yield Difference(_("Last day"), _day(model.retires_at), after)
    yield Difference(_("Use instead"), _named(model.replaced_by), _model(facts["replaced_by"]))


def _day(at: Any) -> str:
    return formatted(at - timedelta(microseconds=1), "DATE_FORMAT") if at else ""


def _model(key: UUID | str | None) -> str:
    return _named(AIModel.objects.filter(pk=key).first()) if key else ""


def _state(model: AIModel) -> str:
    return str(Status(model.status).label)


def _offer(change: ModelChange) -> Offer:
    assert change.offer is not None  # noqa: S101 - such changes are of an offer
    return change.offer


SAID: dict[str, Callable[[ModelChange], Iterable[Difference]]] = {
    Kind.PUBLISH: _publication,
    Kind.CARD: _card,
    Kind.DOSSIER: _dossier,
    Kind.AUDIENCE: _audience,
    Kind.ACCESS: _access,
    Kind.TERMS: _terms,
    Kind.PRICES: _prices,
    Kind.LEVEL: _level,
    Kind.DEPRECATE: _deprecation,
    Kind.RETIRE: _retirement,
}
