"""Which legal pages hold today."""

from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone

from front.models import LegalKind, LegalText
from front.remembered import Remembered


def _in_force() -> Mapping[str, LegalText]:
    today = timezone.localdate()
    return {it.kind: it for it in LegalText.objects.in_force(today)}


in_force: Remembered[Mapping[str, LegalText]] = Remembered(_in_force, {})


def terms_version() -> str:
    """Return which version of the terms people accept today; the built-in one has its own."""
    terms = in_force().get(LegalKind.TERMS)
    return terms.version if terms else settings.TERMS_VERSION


def footer_kinds() -> list[LegalKind]:
    """Return the pages there are beyond terms and privacy, which are always there."""
    return [kind for kind in (LegalKind.USE, LegalKind.IMPRINT) if kind in in_force()]
