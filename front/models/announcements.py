"""What the operator announces on every page, to whom, and who has read it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from common.models import AppendOnly, LockingQuerySet, TimeStamped
from front.models.incidents import in_language
from marketplace.models import CustomerGroup
from tenants.models import Organization


class Audience(models.TextChoices):
    """Who reads it."""

    EVERYONE = "everyone", _("Everyone")
    MEMBERS = "members", _("Who is signed in")
    STAFF = "staff", _("The operator's staff")
    CUSTOMERS = "customers", _("Members of these groups and organizations")


class AnnouncementQuerySet(LockingQuerySet["Announcement"]):
    """Announcements."""

    def present(self) -> "AnnouncementQuerySet":
        """Those that were not taken back."""
        return self.filter(withdrawn_at=None)


class Announcement(TimeStamped):
    """A sentence on every page, from a moment until another."""

    class Tone(models.TextChoices):
        NOTE = "note", _("Information")
        WARN = "warn", _("Warning")

    #: By language.
    texts = models.JSONField()
    tone = models.CharField(_("kind"), max_length=4, choices=Tone, default=Tone.NOTE)
    audience = models.CharField(_("audience"), max_length=9, choices=Audience)
    groups = models.ManyToManyField(CustomerGroup, related_name="+", blank=True)
    organizations = models.ManyToManyField(Organization, related_name="+", blank=True)
    #: Where more stands; empty when all is said.
    link = models.CharField(_("link"), max_length=300, blank=True)
    is_dismissible = models.BooleanField(_("people can put it away"), default=True)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="announcement_ends_after_it_begins",
            ),
        )

    def __str__(self) -> str:
        return in_language(self.texts, settings.LANGUAGE_CODE)[:60]

    @property
    def words(self) -> str:
        """What it says, in the language that is spoken now."""
        return in_language(self.texts, get_language() or "")


class Dismissal(AppendOnly):
    """A person has put an announcement away."""

    announcement = models.ForeignKey(
        Announcement, on_delete=models.PROTECT, related_name="dismissals"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("announcement", "user"), name="announcement_put_away_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.announcement_id}"
