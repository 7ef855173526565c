"""What policy says of a call: where it may be computed, and whether the model is cleared for it."""

from collections.abc import Mapping

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


def is_within(caller: Caller, offer: OfferSnapshot) -> bool:
    """Tell whether policy lets the caller's organization use the offer: by its jurisdiction."""
    allowed = caller.allowed_jurisdictions
    return not allowed or offer.jurisdiction in allowed


def check(caller: Caller, offer: OfferSnapshot, level: str) -> None:
    """Refuse what policy forbids; it is no secret, for everybody sees the model in the catalogue."""
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
