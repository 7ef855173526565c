"""How the operator's portal looks and what it calls itself, version by version."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from front.models.pictures import Picture

#: Texts that the operator writes in each language.
WORDS = ("tagline", "mail_intro", "mail_footer", "links", "legal_lines")


class SiteVersionQuerySet(LockingQuerySet["SiteVersion"]):
    """Versions of the site."""

    def live(self) -> "SiteVersionQuerySet":
        """The one that everybody sees, if any was ever published."""
        return self.filter(status=SiteVersion.Status.LIVE)

    def drafts(self) -> "SiteVersionQuerySet":
        """The one that is being prepared, if any."""
        return self.filter(status=SiteVersion.Status.DRAFT)

    def published(self) -> "SiteVersionQuerySet":
        """What everybody sees or saw."""
        return self.exclude(status=SiteVersion.Status.DRAFT)

    def pictured(self) -> "SiteVersionQuerySet":
        """With their pictures' addresses, and without their content."""
        pictures = ("logo", "logo_dark", "favicon")
        contents = [f"{name}__content" for name in pictures]
        return self.select_related(*pictures).defer(*contents)


class SiteVersion(TimeStamped):
    """One version of name, pictures, colour and texts; what is empty is as the settings have it."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        LIVE = "live", _("Live")
        PAST = "past", _("Past")

    status = models.CharField(max_length=5, choices=Status, default=Status.DRAFT)
    name = models.CharField(_("name"), max_length=60, blank=True)
    short_name = models.CharField(_("short name"), max_length=20, blank=True)
    accent = models.CharField(_("accent colour"), max_length=7, blank=True)
    contact = models.CharField(_("support"), max_length=200, blank=True)
    sender_name = models.CharField(_("sender of e-mails"), max_length=60, blank=True)
    sender_address = models.EmailField(_("address of the sender"), blank=True)
    logo = models.ForeignKey(
        Picture, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    logo_dark = models.ForeignKey(
        Picture, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    favicon = models.ForeignKey(
        Picture, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: By the names of ``WORDS``, and then by language.
    words = models.JSONField(default=dict, blank=True)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    published_at = models.DateTimeField(null=True)

    objects = SiteVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-published_at", "-created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("status",), condition=Q(status="live"), name="one_live_site"
            ),
            models.UniqueConstraint(
                fields=("status",), condition=Q(status="draft"), name="one_draft_of_the_site"
            ),
            models.CheckConstraint(
                condition=Q(status="draft")
                | Q(published_at__isnull=False, published_by__isnull=False),
                name="site_is_published_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return self.name or f"{self.created_at:%Y-%m-%d}"

    def facts(self) -> dict[str, Any]:
        """Return what it says, for a record of it."""
        plain = {
            name: getattr(self, name)
            for name in ("name", "short_name", "accent", "contact", "sender_name", "sender_address")
        }
        pictures = {
            name: str(getattr(self, name) or "") for name in ("logo", "logo_dark", "favicon")
        }
        return {**plain, **pictures, **self.words}
