"""What customers see of models changes under four eyes: one person proposes, another approves.

A draft is its author's alone; from the moment it is in review, and as long as customers see it, every
change of it is a row here, compared with what is live, and done by :mod:`applying` once.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic
from common.errors import Conflict, Forbidden
from marketplace import viewers
from marketplace.errors import (
    ChangeProposed,
    InReview,
    NothingChanges,
    NoticeTooShort,
    ShortNoticeNotAccepted,
    TakesEffectInThePast,
)
from marketplace.models import AIModel, ModelChange, Offer, Status
from marketplace.models.dossier import SHOWN
from marketplace.services import access, applying, catalogue, dossiers, pricing, publishing
from marketplace.services import viewers as showing
from marketplace.viewers import Audience
from tenants.models import User
from tenants.services import audit

Kind, State = ModelChange.Kind, ModelChange.Status


@atomic()
def submit(
    model: AIModel, *, by: User, words: str = "", takes_effect_at: datetime | None = None
) -> ModelChange:
    """Ask for a model to be put on sale, at once or at a moment to come, if nothing is missing."""
    model = AIModel.objects.locked(model.pk)
    publishing.check_step(model, Status.PUBLISHED if model.is_on_sale else Status.IN_REVIEW)
    publishing.check_ready(model)
    change = propose(model, Kind.PUBLISH, {}, by=by, words=words, takes_effect_at=takes_effect_at)
    if not model.is_on_sale:
        publishing.review(model, by=by)
    return change


@atomic()
def edit(
    model: AIModel, *, card: Mapping[str, Any], publisher_name: str, by: User, words: str = ""
) -> ModelChange | None:
    """Change a draft's card; of a model that customers see, propose it. None: it is done."""
    model = AIModel.objects.locked(model.pk)
    if model.status == Status.IN_REVIEW:
        raise InReview
    if not model.is_on_sale:
        catalogue.edit(model, card=card, publisher_name=publisher_name, by=by)
        return None
    wanted = {**card, "publisher_name": publisher_name}
    present = {name: getattr(model, name) for name in card}
    present["publisher_name"] = model.publisher.name
    facts = {name: value for name, value in wanted.items() if present[name] != value}
    return propose(model, Kind.CARD, facts, by=by, words=words)


@atomic()
def change_dossier(model: AIModel, wanted: Mapping[str, Any], *, by: User) -> ModelChange | None:
    """Keep what staff alone reads; propose the rest, where customers read it. None: it is done."""
    model = AIModel.objects.locked(model.pk)
    if model.status == Status.IN_REVIEW:
        raise InReview
    wanted = applying.with_energy(wanted)
    if not model.is_on_sale:
        dossiers.save(model, wanted, by=by)
        return None
    kept = {name: value for name, value in wanted.items() if name not in SHOWN}
    dossier = dossiers.save(model, kept, by=by)
    shown = (name for name in SHOWN if name in wanted)
    facts = {name: wanted[name] for name in shown if getattr(dossier, name) != wanted[name]}
    return propose(model, Kind.DOSSIER, facts, by=by) if facts else None


@atomic()
def change_audience(model: AIModel, audience: Audience, *, by: User) -> ModelChange | None:
    """Say whom a draft will be shown to; of a model that customers see, propose it. None: done."""
    model = AIModel.objects.locked(model.pk)
    showing.check(model)
    if model.status == Status.IN_REVIEW:
        raise InReview
    if not model.is_on_sale:
        showing.show_to(model, audience, by=by)
        return None
    facts = audience.facts if audience != viewers.of(model) else {}
    return propose(model, Kind.AUDIENCE, facts, by=by)


@atomic()
def change_access(
    model: AIModel, *, text: str, needs_approval: bool, by: User
) -> ModelChange | None:
    """Set what a draft will ask for; of a model that customers see, propose it. None: it is done."""
    model = AIModel.objects.locked(model.pk)
    if model.status == Status.IN_REVIEW:
        raise InReview
    if not model.is_on_sale:
        access.ask_for(model, text=text, needs_approval=needs_approval, by=by)
        return None
    text = access.worded(text)
    wanted = {"text": text, "needs_approval": needs_approval}
    present = {
        "text": model.terms.text if model.terms else "",
        "needs_approval": model.needs_approval,
    }
    facts = {name: value for name, value in wanted.items() if present[name] != value}
    return propose(model, Kind.ACCESS, facts, by=by)


@atomic()
def show_file(model: AIModel, sha256: str, *, by: User) -> ModelChange | None:
    """Let customers have a file of the dossier; propose it, where they see the model."""
    dossier = dossiers.locked(model)
    added = dossiers.found(dossier.kept_files, sha256)
    if any(it["sha256"] == sha256 for it in dossier.files):
        raise NothingChanges
    return change_dossier(model, {"files": [*dossier.files, added]}, by=by)


@atomic()
def hide_file(model: AIModel, sha256: str, *, by: User) -> ModelChange | None:
    """Let customers have it no more; propose it, where they see the model."""
    dossier = dossiers.locked(model)
    dossiers.found(dossier.files, sha256)
    left = [it for it in dossier.files if it["sha256"] != sha256]
    return change_dossier(model, {"files": left}, by=by)


@atomic()
def change_terms(offer: Offer, wanted: Mapping[str, Any], *, by: User) -> ModelChange | None:
    """Change the terms of a draft's offer; of one that customers see, propose it. None: done."""
    offer = Offer.objects.locked(offer.pk)
    model = offer.model_version.model
    if model.status == Status.IN_REVIEW:
        raise InReview
    if not model.is_on_sale:
        catalogue.change_terms(offer, wanted, by=by)
        return None
    facts = {
        name: getattr(value, "pk", value)
        for name, value in wanted.items()
        if getattr(offer, name) != value
    }
    return propose(model, Kind.TERMS, facts, by=by, offer=offer)


@atomic()
def propose_prices(
    offer: Offer,
    per_million: Mapping[str, Decimal],
    batch_per_million: Mapping[str, Decimal],
    *,
    by: User,
    effective_from: datetime | None = None,
) -> ModelChange:
    """Propose prices of the list that rise with less notice than customers were promised."""
    facts = {
        "per_million": {part: str(amount) for part, amount in per_million.items()},
        "batch_per_million": {part: str(amount) for part, amount in batch_per_million.items()},
        "effective_from": effective_from.isoformat() if effective_from else None,
    }
    return propose(offer.model_version.model, Kind.PRICES, facts, by=by, offer=offer)


@atomic()
def set_prices(
    offer: Offer,
    per_million: Mapping[str, Decimal],
    batch_per_million: Mapping[str, Decimal],
    *,
    by: User,
    effective_from: datetime | None = None,
) -> ModelChange | None:
    """Set prices of the list; propose them, where they rise with too little notice. None: done."""
    try:
        pricing.change(
            offer,
            per_million,
            batch_per_million=batch_per_million,
            by=by,
            effective_from=effective_from,
        )
    except NoticeTooShort:
        return propose_prices(
            offer, per_million, batch_per_million, by=by, effective_from=effective_from
        )
    return None


@atomic()
def propose_end(
    model: AIModel, kind: ModelChange.Kind, facts: Mapping[str, Any], *, by: User
) -> ModelChange:
    """Propose a last day, or that the model goes at once."""
    model = AIModel.objects.locked(model.pk)
    publishing.check_step(model, Status.RETIRED if kind == Kind.RETIRE else Status.DEPRECATED)
    return propose(model, kind, facts, by=by)


@atomic()
def propose(
    model: AIModel,
    kind: ModelChange.Kind,
    facts: Mapping[str, Any],
    *,
    by: User,
    words: str = "",
    offer: Offer | None = None,
    takes_effect_at: datetime | None = None,
) -> ModelChange:
    """Put a change before a second person; until then nothing is different."""
    if not facts and kind != Kind.PUBLISH:
        raise NothingChanges
    if takes_effect_at is not None and takes_effect_at <= timezone.now():
        raise TakesEffectInThePast(field_errors={"takes_effect_at": [TakesEffectInThePast.detail]})
    try:
        with atomic():
            change = ModelChange.objects.create(
                model=model,
                offer=offer,
                kind=kind,
                facts=dict(facts),
                words=words,
                takes_effect_at=takes_effect_at,
                proposed_by=by,
            )
    except IntegrityError as error:
        raise ChangeProposed from error
    applying.check(change)
    return _written(change, "proposed", by)


@atomic()
def approve(change: ModelChange, *, by: User, accepts_short_notice: bool = False) -> ModelChange:
    """Let come about what somebody else proposed: now, or at the moment that it names."""
    change = _locked(change, State.PROPOSED)
    if change.proposed_by_id == by.pk:
        raise Forbidden(_("Somebody else has to approve what you proposed."))
    if is_short(change) and not accepts_short_notice:
        raise ShortNoticeNotAccepted(
            field_errors={"accepts_short_notice": [ShortNoticeNotAccepted.detail]}
        )
    applying.check(change)
    change.decided_by, change.decided_at = by, timezone.now()
    if change.takes_effect_at is not None and change.takes_effect_at > timezone.now():
        return _moved(change, State.APPROVED, by)
    return _apply(change)


@atomic()
def refuse(change: ModelChange, *, by: User, answer: str) -> ModelChange:
    """Close a proposal without effect, and say why."""
    change = _locked(change, State.PROPOSED)
    change.answer, change.decided_by, change.decided_at = answer, by, timezone.now()
    _reopen(change, by)
    return _moved(change, State.REFUSED, by)


@atomic()
def take_back(change: ModelChange, *, by: User) -> ModelChange:
    """Close what has not come about yet: what was proposed, and what waits for its day."""
    change = _locked(change, State.PROPOSED, State.APPROVED)
    _reopen(change, by)
    return _moved(change, State.WITHDRAWN, by)


@atomic()
def apply_due(change: ModelChange) -> ModelChange:
    """Do what was agreed for a moment that has come, if it still can be; once, whoever else tries."""
    change = _locked(change, State.APPROVED)
    try:
        with atomic():
            return _apply(change)
    except applying.REFUSALS as refusal:
        change.answer = applying.in_words(refusal)[:1000]
        _reopen(change, None)
        return _moved(change, State.FAILED, None)


def is_short(change: ModelChange) -> bool:
    """Whether customers would have less notice than the operator's settings promise."""
    if change.kind == Kind.DEPRECATE:
        last = applying.moment(change.facts["retires_at"])
        earlier = change.model.retires_at
        is_later = earlier is not None and last >= earlier
        return not is_later and last < timezone.now() + settings.RETIREMENT_NOTICE
    if change.kind == Kind.AUDIENCE:
        # To who uses it, it is as if it were retired today.
        return bool(viewers.losing(change.model, viewers.proposed(change.facts)))
    # A price that keeps its notice needs nobody's approval.
    return change.kind in (Kind.PRICES, Kind.RETIRE)


def _apply(change: ModelChange) -> ModelChange:
    applying.apply(change)
    change.applied_at = timezone.now()
    return _moved(change, State.APPLIED, change.decided_by)


def _locked(change: ModelChange, *states: ModelChange.Status) -> ModelChange:
    # As everywhere: the model's row first, then what is said of it.
    AIModel.objects.locked(change.model_id)
    change = ModelChange.objects.locked(change.pk)
    if change.status not in states:
        raise Conflict
    return change


def _reopen(change: ModelChange, by: User | None) -> None:
    """Give a model that was in review back to its author."""
    if change.kind == Kind.PUBLISH and change.model.status == Status.IN_REVIEW:
        publishing.redraft(change.model, by=by)


def _moved(change: ModelChange, status: ModelChange.Status, by: User | None) -> ModelChange:
    change.status = status
    change.save()
    return _written(change, status.value, by)


def _written(change: ModelChange, act: str, by: User | None) -> ModelChange:
    audit.record(
        organization=None,
        actor=by,
        action=f"model_change.{act}",
        target=change,
        after={
            "model": change.model.name,
            "kind": change.kind,
            "offer": change.offer.name if change.offer else None,
            "facts": change.facts,
            "words": change.words,
            "answer": change.answer,
            "takes_effect_at": change.takes_effect_at,
        },
    )
    return change
