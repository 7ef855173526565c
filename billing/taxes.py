"""Which VAT stands on a document: plain facts in, category and rate out."""

from dataclasses import dataclass
from decimal import Decimal

#: Where a confirmed VAT number moves the tax to the buyer (Directive 2006/112/EC, article 196).
EUROPEAN_UNION = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
STANDARD, ZERO_RATED, REVERSE_CHARGE, EXEMPT = "S", "Z", "AE", "E"
REVERSE_CHARGE_WORDS = "Reverse charge"
EXEMPT_WORDS = "Exempt from VAT"
#: What an electronic invoice says beside the words (VATEX code list).
REASON_CODES = {REVERSE_CHARGE: "VATEX-EU-AE"}


@dataclass(frozen=True, slots=True)
class Tax:
    """A category of EN 16931 (UNTDID 5305), its rate, and why nothing is asked for."""

    category: str
    rate: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of the seller."""

    standard: Decimal
    reduced: Decimal


def tax_of(
    treatment: str, *, seller: str, buyer: str, is_verified: bool, rates: Rates, reason: str = ""
) -> Tax:
    """Return the VAT between two countries; a person's choice stands above the countries' rule.

    An unconfirmed number moves nothing: until staff have confirmed it, the buyer pays the VAT.
    """
    if treatment == "automatic":
        treatment = "standard"
        if is_verified and seller != buyer and {seller, buyer} <= EUROPEAN_UNION:
            treatment = "reverse_charge"
    if treatment == "reverse_charge":
        return Tax(REVERSE_CHARGE, Decimal(0), reason or REVERSE_CHARGE_WORDS)
    if treatment == "exempt":
        return Tax(EXEMPT, Decimal(0), reason or EXEMPT_WORDS)
    rate = rates.reduced if treatment == "reduced" else rates.standard
    return Tax(STANDARD if rate else ZERO_RATED, rate)
