"""Services: packaged applications and blueprints that the operator offers beside the models.

In code they are applications: a service of :mod:`compute` is a long-running job of a cluster.
"""

import hashlib

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.languages import Said
from common.models import LockingQuerySet, TimeStamped
from marketplace.models.catalogue import LIVE, AIModel, Publisher, Status
from marketplace.models.translated import Translated
from tenants.models import ApiKey, Classification, Organization, Region


class ApplicationKind(models.TextChoices):
    """How much of it is ready made."""

    APPLICATION = "application", _("Application")
    BLUEPRINT = "blueprint", _("Blueprint")


class ApplicationQuerySet(LockingQuerySet["Application"]):
    """Applications."""

    def live(self) -> "ApplicationQuerySet":
        """Those that customers see, up to the moment they retire."""
        unretired = models.Q(retires_at=None) | models.Q(retires_at__gt=Now())
        return self.filter(unretired, status__in=LIVE)

    def due_to_retire(self) -> "ApplicationQuerySet":
        """Those whose day has come, and which nobody has marked as retired yet."""
        return self.filter(status__in=LIVE, retires_at__lte=Now())


class Application(Translated, TimeStamped):
    """One service: what it is, which models it calls, and where it runs."""

    slug = models.SlugField(_("address"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, related_name="applications")
    kind = models.CharField(
        _("kind"), max_length=12, choices=ApplicationKind, default=ApplicationKind.APPLICATION
    )
    summary = models.CharField(_("summary"), max_length=250)
    description = models.TextField(_("description"))
    languages = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    #: What it calls; its key may call these alone, and their tokens are its price.
    uses = models.ManyToManyField(AIModel, related_name="applications")
    #: Where it computes; an organization's policy has to allow each of them.
    regions = models.ManyToManyField(Region, related_name="applications")
    #: The most confidential data that it may be given.
    clearance = models.CharField(
        _("cleared for data up to"),
        max_length=12,
        choices=Classification,
        default=Classification.INTERNAL,
    )
    data_policy = models.TextField(_("what it keeps of your data"))
    limits = models.TextField(_("limits"), blank=True)
    terms = models.TextField(_("terms"), blank=True)
    documentation_url = models.URLField(_("documentation"), blank=True)
    #: Where members of an organization that has it enabled reach it; empty: it does not run yet.
    base_url = models.URLField(_("where it runs"), max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    published_at = models.DateTimeField(null=True, blank=True)
    deprecated_at = models.DateTimeField(null=True, blank=True)
    retires_at = models.DateTimeField(null=True, blank=True)
    #: The change that made it what customers see; the database lets nothing else do so.
    agreed = models.OneToOneField(
        "marketplace.ApplicationChange",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def said_description(self) -> Said:
        """What it does, as readers of today's language read it."""
        return self.said("description")

    @property
    def said_data_policy(self) -> Said:
        """What it keeps of their data, as readers of today's language read it."""
        return self.said("data_policy")

    @property
    def said_limits(self) -> Said:
        """What it cannot do, as readers of today's language read it."""
        return self.said("limits")

    @property
    def is_on_sale(self) -> bool:
        """Whether customers see it: what they see of it, one person alone does not change."""
        return self.status in LIVE

    @property
    def terms_version(self) -> str:
        """Name the wording of its terms, so that nobody agrees to another than they read."""
        return hashlib.sha256(self.terms.encode()).hexdigest()[:16] if self.terms else ""

    @property
    def is_running(self) -> bool:
        """Whether the operator has said where it runs."""
        return bool(self.base_url)


class ApplicationChangeQuerySet(LockingQuerySet["ApplicationChange"]):
    """Changes of applications."""

    def waiting(self) -> "ApplicationChangeQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=ApplicationChange.Status.PROPOSED)


class ApplicationChange(TimeStamped):
    """One change of what customers see of a service: proposed by one, approved by another."""

    class Kind(models.TextChoices):
        PUBLISH = "publish", _("Put on sale")
        CARD = "card", _("Description")
        DEPRECATE = "deprecate", _("Last day")
        RETIRE = "retire", _("Retire at once")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPLIED = "applied", _("Done")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=10, choices=Kind)
    #: What it will say, by field; what is not named stays.
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    words = models.CharField(_("note"), max_length=1000, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    #: Why it was refused.
    answer = models.CharField(max_length=1000, blank=True)

    objects = ApplicationChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("application",),
                condition=models.Q(status="proposed"),
                name="one_change_of_an_application_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="applied")
                | models.Q(decided_by__isnull=False)
                & ~models.Q(decided_by=models.F("proposed_by")),
                name="application_change_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.application} {self.kind}"

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED


class EnabledApplicationQuerySet(LockingQuerySet["EnabledApplication"]):
    """Services of organizations."""

    def running(self) -> "EnabledApplicationQuerySet":
        """Those that nobody has disabled."""
        return self.filter(disabled_at=None)


class EnabledApplication(TimeStamped):
    """A service that an organization has enabled, and the key that was made for it.

    The key dies with it: the database ends no such row while its key still opens the door.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="enabled_applications"
    )
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="enabled")
    api_key = models.OneToOneField(ApiKey, on_delete=models.PROTECT, related_name="+")
    enabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    enabled_at = models.DateTimeField(default=timezone.now)
    #: The wording that was agreed to, as it read then.
    accepted_terms = models.TextField(blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    #: Nobody: the operator has retired it.
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    objects = EnabledApplicationQuerySet.as_manager()

    class Meta:
        ordering = ("-enabled_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "application"),
                condition=models.Q(disabled_at=None),
                name="application_enabled_once_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.application_id}"
