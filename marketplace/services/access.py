"""Terms that customers accept before they call a model, and access that the operator grants."""

from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from marketplace import ports, viewers
from marketplace.errors import AccessDecided, NothingToAccept, NothingToAsk, TermsChanged
from marketplace.models import (
    AccessGrace,
    AccessRequest,
    AIModel,
    ModelTerms,
    TermsAcceptance,
)
from tenants.models import ApiKey, Organization, User
from tenants.services import audit, owed, sign_ups

State = AccessRequest.State
#: What can be decided of a request, and from where.
ALLOWED: dict[str, frozenset[str]] = {
    State.WAITING: frozenset({State.APPROVED, State.DENIED}),
    State.APPROVED: frozenset({State.REVOKED}),
    State.DENIED: frozenset(),
    State.REVOKED: frozenset(),
}


@atomic()
def ask_for(model: AIModel, *, text: str, needs_approval: bool, by: User | None) -> AIModel:
    """Set what the model asks customers for; another wording is asked of everybody again.

    Without a text nobody need agree any more. What was agreed to stays on record. Who may call a
    model on sale by now, or used it of late where it asked for nothing, goes on for as long as
    notice of higher prices is given, and is told so.
    """
    model = AIModel.objects.locked(model.pk)
    text = worded(text)
    before = {"terms": _version(model), "needs_approval": model.needs_approval}
    asks_more = needs_approval and not model.needs_approval
    asks_more |= text not in ("", model.terms.text if model.terms else "")
    present = _present(model) if asks_more and model.is_on_sale else []
    if text != (model.terms.text if model.terms else ""):
        model.terms = _next_terms(model, text) if text else None
    model.needs_approval = needs_approval
    after = {"terms": _version(model), "needs_approval": needs_approval}
    if before == after:
        return model
    model.save(update_fields=["terms", "needs_approval", "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="model.access_changed",
        target=model,
        before=before,
        after=after,
    )
    _let_go_on(model, present)
    return model


def _present(model: AIModel) -> list[Organization]:
    """Return who may call the model by what it asks for now; of one that asks for nothing, who did."""
    if model.owner_id is not None or not settings.PRICE_NOTICE:
        return []
    if model.terms is None and not model.needs_approval:
        names = model.versions.values_list("offers__name", flat=True)
        since = timezone.now() - viewers.LATE
        used = (ports.demand.customers(name, since=since) for name in names if name)
        return list({it.pk: it for customers in used for it in customers}.values())
    found = Organization.objects.all()
    if model.terms is not None:
        found = found.filter(accepted_terms__terms=model.terms)
    if model.needs_approval:
        granted = AccessRequest.objects.granted().filter(model=model)
        found = found.filter(pk__in=granted.values("organization"))
    return list(found)


def _let_go_on(model: AIModel, present: Iterable[Organization]) -> None:
    until = timezone.now() + settings.PRICE_NOTICE
    for organization in present:
        grace, _new = AccessGrace.objects.update_or_create(
            organization=organization, model=model, defaults={"until": until}
        )
        owed.owe(
            "marketplace.tell_of_terms",
            organization_id=organization.pk,
            grace_id=str(grace.pk),
            until=until.isoformat(),
        )


def worded(text: str) -> str:
    """Return a wording as it is kept: browsers send other ends of lines."""
    return text.replace("\r\n", "\n").strip()


def _version(model: AIModel) -> int | None:
    return model.terms.version if model.terms else None


def _next_terms(model: AIModel, text: str) -> ModelTerms:
    last = model.all_terms.first()
    return ModelTerms.objects.create(
        model=model, version=last.version + 1 if last else 1, text=text
    )


@atomic()
def accept(
    organization: Organization,
    model: AIModel,
    *,
    version: int,
    by: User,
    through: ApiKey | None = None,
) -> TermsAcceptance:
    """Agree for the organization to the wording that was read; twice is once.

    Where another wording came into force meanwhile, it is refused: nobody agrees to what they have
    not read.
    """
    terms = AIModel.objects.select_related("terms").get(pk=model.pk).terms
    if terms is None:
        raise NothingToAccept
    if terms.version != version:
        raise TermsChanged
    facts = {"user": by, "accepted_by": by.email}
    accepted, is_new = TermsAcceptance.objects.get_or_create(
        organization=organization, terms=terms, defaults=facts
    )
    if is_new:
        audit.record(
            organization=organization,
            actor=through or by,
            action="model_terms.accepted",
            target=model,
            after={"version": version, "model": model.name},
        )
    return accepted


@atomic()
def request(
    organization: Organization,
    model: AIModel,
    *,
    reason: str,
    by: User,
    through: ApiKey | None = None,
) -> AccessRequest:
    """Ask the operator to let the organization call the model; one request at a time."""
    sign_ups.refuse_unadmitted(organization)
    if not AIModel.objects.filter(pk=model.pk, needs_approval=True).exists():
        raise NothingToAsk
    try:
        # The database says who was first: a look beforehand would let two through.
        with atomic():
            asked = AccessRequest.objects.create(
                organization=organization, model=model, reason=reason.strip(), asked_by=by
            )
    except IntegrityError as error:
        raise NothingToAsk from error
    audit.record(
        organization=organization,
        actor=through or by,
        action="model_access.requested",
        target=asked,
        after={"model": model.name, "reason": asked.reason},
    )
    return asked


@atomic()
def decide(asked: AccessRequest, state: str, *, answer: str = "", by: User | None) -> AccessRequest:
    """Let the organization in, refuse it, or take back what was granted; who asked gets a mail.

    Gateways follow within five seconds.
    """
    asked = AccessRequest.objects.locked(asked.pk)
    if state not in ALLOWED[asked.state]:
        raise AccessDecided
    before = asked.state
    asked.state, asked.answer, asked.decided_at = state, answer.strip(), timezone.now()
    asked.save(update_fields=["state", "answer", "decided_at", "updated_at"])
    if state == State.REVOKED:
        # Taken back is at once, whatever the model has begun to ask for meanwhile.
        AccessGrace.objects.filter(organization=asked.organization, model=asked.model).delete()
    audit.record(
        organization=asked.organization,
        actor=by,
        action=f"model_access.{state}",
        target=asked,
        before={"state": before},
        after={"state": state, "model": asked.model.name, "answer": asked.answer},
    )
    owed.owe(
        "marketplace.tell_of_access",
        organization_id=asked.organization_id,
        request_id=str(asked.pk),
    )
    return asked
