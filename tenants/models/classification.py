"""How confidential data is, and who may be given it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Classification(models.TextChoices):
    """Levels from the least to the most confidential; data goes only where its level is cleared."""

    PUBLIC = "public", _("Public")
    INTERNAL = "internal", _("Internal")
    CONFIDENTIAL = "confidential", _("Confidential")
    RESTRICTED = "restricted", _("Restricted")


RANKS: dict[str, int] = {level.value: rank for rank, level in enumerate(Classification)}


def strictest(*levels: str) -> str:
    """Return the most confidential of these levels; without any, data is public."""
    return max(levels, key=RANKS.__getitem__, default=Classification.PUBLIC.value)


def is_cleared(clearance: str, level: str) -> bool:
    """Tell whether data of this level may go where so much is cleared."""
    return RANKS[level] <= RANKS[clearance]


def cleared_for(level: str) -> list[str]:
    """Return the clearances that suffice for data of this level."""
    return [clearance for clearance in RANKS if is_cleared(clearance, level)]
