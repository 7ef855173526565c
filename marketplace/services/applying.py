"""What each kind of change does once two people want it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.errors import DomainError, in_words
from marketplace import viewers
from marketplace.models import AIModel, ModelChange, Offer, TokenClass
from marketplace.services import access, beginning, catalogue, dossiers, pricing, publishing
from marketplace.services import viewers as showing
from tenants.models import User

__all__ = ["REFUSALS", "apply", "check", "in_words", "moment", "with_energy"]

#: What may have become impossible by the day that was agreed on.
REFUSALS = (DomainError,)
Kind = ModelChange.Kind


def apply(change: ModelChange) -> None:
    """Do what the change says, in the name of who approved it."""
    assert change.decided_by is not None  # noqa: S101 - the database says so too
    ACTS[change.kind](change, change.decided_by)


def check(change: ModelChange) -> None:
    """Refuse what could not be done now."""
    if change.kind == Kind.PUBLISH:
        publishing.check_ready(change.model)
    elif change.kind == Kind.DEPRECATE:
        facts = _deprecation(change.facts)
        publishing.check_deprecation(change.model, **facts)


def moment(text: str | datetime) -> datetime:
    """Return a moment that was kept as a text."""
    return text if isinstance(text, datetime) else datetime.fromisoformat(text)


def _publish(change: ModelChange, by: User) -> None:
    publishing.publish(change.model, by=by)


def _card(change: ModelChange, by: User) -> None:
    facts = dict(change.facts)
    model = AIModel.objects.select_related("publisher").get(pk=change.model_id)
    publisher_name = facts.pop("publisher_name", model.publisher.name)
    catalogue.edit(model, card=facts, publisher_name=publisher_name, by=by)


def _dossier(change: ModelChange, by: User) -> None:
    dossiers.save(change.model, with_energy(change.facts), by=by)


def with_energy(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dossier's facts, whose energy was kept as a text."""
    energy = facts.get("energy")
    return {**facts, "energy": Decimal(energy)} if energy else dict(facts)


def _audience(change: ModelChange, by: User) -> None:
    showing.show_to(change.model, viewers.proposed(change.facts), by=by)


def _access(change: ModelChange, by: User) -> None:
    model = AIModel.objects.select_related("terms").get(pk=change.model_id)
    present = model.terms.text if model.terms else ""
    access.ask_for(
        model,
        text=change.facts.get("text", present),
        needs_approval=change.facts.get("needs_approval", model.needs_approval),
        by=by,
    )


def _terms(change: ModelChange, by: User) -> None:
    facts = dict(change.facts)
    if key := facts.get("token_class"):
        facts["token_class"] = TokenClass.objects.get(pk=key)
    catalogue.change_terms(_offer(change), facts, by=by)


def _prices(change: ModelChange, by: User) -> None:
    facts = change.facts
    begins = facts.get("effective_from")
    pricing.change(
        _offer(change),
        _amounts(facts["per_million"]),
        batch_per_million=_amounts(facts["batch_per_million"]),
        by=by,
        effective_from=moment(begins) if begins else None,
        is_agreed=True,
    )


def _level(change: ModelChange, _by: User) -> None:
    beginning.begin(_offer(change), change.facts, change=change)


def _deprecate(change: ModelChange, by: User) -> None:
    publishing.deprecate(change.model, by=by, **_deprecation(change.facts))


def _retire(change: ModelChange, by: User) -> None:
    publishing.retire(change.model, by=by, reason=change.facts["reason"])


def _deprecation(facts: Mapping[str, Any]) -> dict[str, Any]:
    key = facts.get("replaced_by")
    return {
        "retires_at": moment(facts["retires_at"]),
        "replaced_by": AIModel.objects.get(pk=key) if key else None,
    }


def _amounts(facts: Mapping[str, str]) -> dict[str, Decimal]:
    return {part: Decimal(amount) for part, amount in facts.items()}


def _offer(change: ModelChange) -> Offer:
    assert change.offer is not None  # noqa: S101 - such changes are of an offer
    return change.offer


ACTS: dict[str, Callable[[ModelChange, User], None]] = {
    Kind.PUBLISH: _publish,
    Kind.CARD: _card,
    Kind.DOSSIER: _dossier,
    Kind.AUDIENCE: _audience,
    Kind.ACCESS: _access,
    Kind.TERMS: _terms,
    Kind.PRICES: _prices,
    Kind.LEVEL: _level,
    Kind.DEPRECATE: _deprecate,
    Kind.RETIRE: _retire,
}
