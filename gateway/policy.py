"""What stands between a call and a model: where it is computed, its clearance, terms and approval."""

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings

from gateway.errors import InvalidRequest, Refused
from gateway.keys import Caller
from marketplace.queries import OfferSnapshot
from tenants.models.classification import RANKS, is_cleared, strictest

#: With which a request says that its data is more confidential than its organization's usually is.
HEADER = b"x-tessera-classification"


def level(caller: Caller, headers: Mapping[bytes, bytes]) -> str:
    """Return how confidential a request's data is: the strictest of what is said of it."""
    declared = headers.get(HEADER)
    if declared is None:
        return caller.level
    name = declared.decode("latin-1").strip().lower()
    if name not in RANKS:
        raise InvalidRequest(
            f"'{HEADER.decode()}' must be one of {', '.join(RANKS)}.",
            param=HEADER.decode(),
            code="invalid_value",
        )
    return strictest(name, caller.level)


def sees(caller: Caller, viewers: frozenset[UUID] | None) -> bool:
    """Tell whether the caller's organization is among those that a model is shown to."""
    if viewers is None:
        return True
    return caller.organization_id in viewers or caller.customer_group in viewers


def is_within(caller: Caller, offer: OfferSnapshot) -> bool:
    """Tell whether policy lets the caller's organization use the offer: by its jurisdiction."""
    allowed = caller.allowed_jurisdictions
    return not allowed or offer.jurisdiction in allowed


def is_let_in(caller: Caller, offer: OfferSnapshot) -> bool:
    """Tell whether the caller's organization agreed to the model's terms and was let in, or has time."""
    if offer.model_id in caller.graced_models:
        return True
    is_agreed = offer.terms is None or offer.terms in caller.accepted_terms
    return is_agreed and (not offer.needs_approval or offer.model_id in caller.granted_models)


def check(caller: Caller, offer: OfferSnapshot, level: str) -> None:
    """Refuse what policy forbids; it is no secret: who gets here sees the model in the catalogue."""
    if not is_within(caller, offer):
        raise Refused(
            f"The model '{offer.name}' is computed in {offer.jurisdiction}; your organization allows"
            f" {', '.join(caller.allowed_jurisdictions)}. GET /v1/models lists what you may"
            " call; an owner or admin can change the jurisdictions in the settings.",
            param="model",
            code="jurisdiction_not_allowed",
        )
    if not is_cleared(offer.clearance, level):
        # Where the request itself asked for more, changing the settings would change nothing.
        advice = (
            "an owner or admin can change its classification in the settings"
            if level == caller.level
            else f"the request's own header '{HEADER.decode()}' asked for it"
        )
        raise Refused(
            f"The model '{offer.name}' is cleared for {offer.clearance} data; this request's is"
            f" {level}. GET /v1/models lists what your project's data may be given to; {advice}.",
            param="model",
            code="classification_not_cleared",
        )
    if not is_let_in(caller, offer):
        raise _not_let_in(caller, offer)


def _not_let_in(caller: Caller, offer: OfferSnapshot) -> Refused:
    page = f"{settings.PUBLIC_URL}/o/{caller.organization_slug}/models/{offer.slug}/access/"
    if offer.needs_approval and offer.model_id not in caller.granted_models:
        return Refused(
            f"The operator lets customers in to the model '{offer.name}' one by one, and your"
            f" organization has no access. Ask for it at {page}",
            param="model",
            code="access_not_granted",
        )
    return Refused(
        f"The model '{offer.name}' has terms that your organization has not accepted, or not in their"
        f" present wording. An owner or admin can read and accept them at {page}",
        param="model",
        code="terms_not_accepted",
    )
