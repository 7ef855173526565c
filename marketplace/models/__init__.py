"""What is offered, where, at what price since when."""

from marketplace.models.access import AccessGrace, AccessRequest, ModelTerms, TermsAcceptance
from marketplace.models.applications import (
    Application,
    ApplicationChange,
    ApplicationKind,
    EnabledApplication,
)
from marketplace.models.books import CustomerGroup, DraftPrice, GroupMember, PriceBookVersion
from marketplace.models.bundles import Bundle, GrantUnit
from marketplace.models.catalogue import AIModel, Kind, ModelVersion, Publisher, Status
from marketplace.models.curation import ModelChange
from marketplace.models.dossier import Dossier
from marketplace.models.edits import CatalogueEdit
from marketplace.models.finding import ModelWords
from marketplace.models.health import ServerCheck
from marketplace.models.levels import TARGETS, Measurement, ServiceLevel, is_enough
from marketplace.models.moves import PriceMove
from marketplace.models.notices import Notice
from marketplace.models.offers import (
    Offer,
    Reachability,
    Route,
    RouteRole,
    ServerPreset,
    TokenClass,
    TokenWeight,
    TrialArm,
    TrialOutcome,
    TrialTally,
    Upstream,
)
from marketplace.models.playground import SavedChat
from marketplace.models.prices import (
    FALLBACK,
    PRICED_PARTS,
    OtherPart,
    Price,
    PriceBook,
    ServiceTier,
    TokenPart,
    with_twins,
)
from marketplace.models.private import ModelShare, TunedTerms
from marketplace.models.server_changes import ServerChange
from marketplace.models.viewers import ModelViewer

__all__ = [
    "FALLBACK",
    "PRICED_PARTS",
    "TARGETS",
    "AIModel",
    "AccessGrace",
    "AccessRequest",
    "Application",
    "ApplicationChange",
    "ApplicationKind",
    "Bundle",
    "CatalogueEdit",
    "CustomerGroup",
    "Dossier",
    "DraftPrice",
    "EnabledApplication",
    "GrantUnit",
    "GroupMember",
    "Kind",
    "Measurement",
    "ModelChange",
    "ModelShare",
    "ModelTerms",
    "ModelVersion",
    "ModelViewer",
    "ModelWords",
    "Notice",
    "Offer",
    "OtherPart",
    "Price",
    "PriceBook",
    "PriceBookVersion",
    "PriceMove",
    "Publisher",
    "Reachability",
    "Route",
    "RouteRole",
    "SavedChat",
    "ServerChange",
    "ServerCheck",
    "ServerPreset",
    "ServiceLevel",
    "ServiceTier",
    "Status",
    "TermsAcceptance",
    "TokenClass",
    "TokenPart",
    "TokenWeight",
    "TrialArm",
    "TrialOutcome",
    "TrialTally",
    "TunedTerms",
    "Upstream",
    "is_enough",
    "with_twins",
]
