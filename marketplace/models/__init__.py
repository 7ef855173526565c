"""What is offered, where, at what price since when."""

from marketplace.models.bundles import Bundle, GrantUnit
from marketplace.models.catalogue import AIModel, Kind, ModelVersion, Publisher, Status
from marketplace.models.offers import Offer, Reachability, Route, TokenClass, TokenWeight, Upstream
from marketplace.models.prices import (
    FALLBACK,
    Price,
    PriceBook,
    ServiceTier,
    TokenPart,
    with_twins,
)

__all__ = [
    "FALLBACK",
    "AIModel",
    "Bundle",
    "GrantUnit",
    "Kind",
    "ModelVersion",
    "Offer",
    "Price",
    "PriceBook",
    "Publisher",
    "Reachability",
    "Route",
    "ServiceTier",
    "Status",
    "TokenClass",
    "TokenPart",
    "TokenWeight",
    "Upstream",
    "with_twins",
]
