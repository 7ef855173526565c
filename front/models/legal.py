"""Legal pages as the operator's lawyers wrote them, version by version."""

import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped


class LegalKind(models.TextChoices):
    """Which pages there are; the value stands in their address."""

    TERMS = "terms", _("Terms of service")
    PRIVACY = "privacy", _("Data and privacy")
    IMPRINT = "imprint", _("Legal notice")
    USE = "acceptable-use", _("Acceptable use")


class LegalTextQuerySet(LockingQuerySet["LegalText"]):
    """Versions of legal pages."""

    def published(self) -> "LegalTextQuerySet":
        """Those that a second person agreed to."""
        return self.filter(status=LegalText.Status.APPROVED)

    def in_force(self, day: datetime.date) -> "LegalTextQuerySet":
        """The version of each page that holds on a day."""
        held = self.published().filter(effective_on__lte=day)
        return held.order_by("kind", "-effective_on", "-decided_at").distinct("kind")


class LegalText(TimeStamped):
    """One version of a page: written by one of the staff, approved by another, and then kept."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")

    kind = models.CharField(_("page"), max_length=20, choices=LegalKind)
    #: What people are recorded to have accepted: ``2027-01``.
    version = models.CharField(_("version"), max_length=20)
    #: Markdown, by language; the page falls back to the portal's first language.
    texts = models.JSONField()
    effective_on = models.DateField(_("in force from"))
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=1000, blank=True)

    objects = LegalTextQuerySet.as_manager()

    class Meta:
        ordering = ("kind", "-effective_on", "-created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "version"),
                condition=Q(status__in=("proposed", "approved")),
                name="legal_version_once_per_page",
            ),
            models.UniqueConstraint(
                fields=("kind",), condition=Q(status="proposed"), name="one_legal_proposal_per_page"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("approved",))
                | Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by")),
                name="legal_text_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

    def text(self, language: str) -> tuple[str, str]:
        """Return the text for readers of a language, and in which language it is."""
        for code in (language, settings.LANGUAGE_CODE, *self.texts):
            if self.texts.get(code):
                return self.texts[code], code
        return "", language
