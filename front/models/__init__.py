"""What the operator says of itself."""

from front.models.legal import LegalKind, LegalText
from front.models.pictures import Picture
from front.models.site import WORDS, SiteVersion

__all__ = ["WORDS", "LegalKind", "LegalText", "Picture", "SiteVersion"]
