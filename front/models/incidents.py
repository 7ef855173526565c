"""What does not work, what is worked on, and what was said of it."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from common.models import AppendOnly, LockingQuerySet, TimeStamped
from marketplace.models import AIModel
from tenants.models import Region


class Part(models.TextChoices):
    """The parts of the service that people know."""

    API = "api", _("Calls of models")
    PORTAL = "portal", _("Accounts and pages")
    BILLING = "billing", _("Billing and payments")
    TUNING = "tuning", _("Fine-tuning")


class Impact(models.TextChoices):
    """How bad it is, the least first."""

    MAINTENANCE = "maintenance", _("Maintenance")
    DEGRADED = "degraded", _("Slower or less reliable")
    PARTIAL = "partial", _("Some of it does not work")
    OUTAGE = "outage", _("Does not work")


class State(models.TextChoices):
    """Where an incident or a maintenance stands."""

    INVESTIGATING = "investigating", _("Looked into")
    IDENTIFIED = "identified", _("Cause found")
    MONITORING = "monitoring", _("Watched after a repair")
    RESOLVED = "resolved", _("Resolved")
    SCHEDULED = "scheduled", _("Planned")
    UNDER_WAY = "under_way", _("Under way")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")


CLOSED = (State.RESOLVED, State.COMPLETED, State.CANCELLED)
OPEN_INCIDENT = (State.INVESTIGATING, State.IDENTIFIED, State.MONITORING)
#: An update may also say more of the same state.
ALLOWED: dict[str, tuple[State, ...]] = {
    State.INVESTIGATING: (*OPEN_INCIDENT, State.RESOLVED),
    State.IDENTIFIED: (*OPEN_INCIDENT, State.RESOLVED),
    State.MONITORING: (*OPEN_INCIDENT, State.RESOLVED),
    State.SCHEDULED: (State.SCHEDULED, State.UNDER_WAY, State.COMPLETED, State.CANCELLED),
    State.UNDER_WAY: (State.UNDER_WAY, State.COMPLETED),
    State.RESOLVED: (),
    State.COMPLETED: (),
    State.CANCELLED: (),
}


class IncidentQuerySet(LockingQuerySet["Incident"]):
    """Incidents and maintenance."""

    def open(self) -> "IncidentQuerySet":
        """Those that are not over."""
        return self.exclude(state__in=CLOSED)

    def maintenance(self) -> "IncidentQuerySet":
        """Planned work that was not called off."""
        return self.filter(impact=Impact.MAINTENANCE).exclude(state=State.CANCELLED)

    def told(self) -> "IncidentQuerySet":
        """With all that was said of them."""
        return self.prefetch_related("updates", "named_models", "regions")


class Incident(TimeStamped):
    """Something that does not work as it should, or planned work on it."""

    #: By language.
    titles = models.JSONField()
    parts = ArrayField(models.CharField(max_length=10, choices=Part))
    named_models = models.ManyToManyField(AIModel, related_name="incidents", blank=True)
    regions = models.ManyToManyField(Region, related_name="incidents", blank=True)
    impact = models.CharField(_("impact"), max_length=12, choices=Impact)
    state = models.CharField(max_length=15, choices=State)
    started_at = models.DateTimeField(_("began"))
    #: Until when work was announced; empty for an incident.
    planned_until = models.DateTimeField(_("planned until"), null=True, blank=True)
    ended_at = models.DateTimeField(null=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(impact="maintenance") & Q(planned_until__gt=F("started_at"))
                | ~Q(impact="maintenance") & Q(planned_until=None),
                name="maintenance_has_a_window",
            ),
            models.CheckConstraint(
                condition=Q(
                    impact="maintenance",
                    state__in=("scheduled", "under_way", "completed", "cancelled"),
                )
                | ~Q(impact="maintenance")
                & Q(state__in=("investigating", "identified", "monitoring", "resolved")),
                name="incident_state_fits_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=("resolved", "completed", "cancelled"), ended_at__isnull=False
                )
                | ~Q(state__in=("resolved", "completed", "cancelled")) & Q(ended_at=None),
                name="incident_over_has_an_end",
            ),
            models.CheckConstraint(condition=~Q(parts=[]), name="incident_concerns_a_part"),
        )

    def __str__(self) -> str:
        return self.title(settings.LANGUAGE_CODE)

    @property
    def is_maintenance(self) -> bool:
        """Whether it was planned."""
        return self.impact == Impact.MAINTENANCE

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state not in CLOSED

    @property
    def part_labels(self) -> list[Any]:
        """The parts it concerns, in words."""
        return [Part(it).label for it in self.parts]

    @property
    def heading(self) -> str:
        """What it is called, in the language that is spoken now."""
        return self.title(get_language() or "")

    def title(self, language: str) -> str:
        """Return what it is called, for readers of a language."""
        return in_language(self.titles, language)


class IncidentUpdate(AppendOnly):
    """What was said of an incident at a moment; never changed."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="updates")
    state = models.CharField(max_length=15, choices=State)
    impact = models.CharField(max_length=12, choices=Impact)
    #: By language.
    texts = models.JSONField()
    is_first = models.BooleanField(default=False)
    #: How many addresses were written to of it.
    mailed_to = models.PositiveIntegerField(default=0)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    occurred_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-occurred_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("incident",), condition=Q(is_first=True), name="incident_begins_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.incident} {self.state}"

    @property
    def words(self) -> str:
        """What was said, in the language that is spoken now."""
        return self.text(get_language() or "")

    def text(self, language: str) -> str:
        """Return what was said, for readers of a language."""
        return in_language(self.texts, language)


def in_language(texts: dict[str, str], language: str) -> str:
    """Return the text of a language, of the portal's first one, or of any there is."""
    for code in (language, settings.LANGUAGE_CODE, *texts):
        if texts.get(code):
            return texts[code]
    return ""
