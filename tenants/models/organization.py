"""The tenant row, its projects and the regions its work may run in."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from common.models import LockingQuerySet, TimeStamped
from tenants.models.classification import Classification


class Region(models.Model):
    """A place where the operator computes, and the law that holds there."""

    code = models.SlugField(primary_key=True, max_length=40)
    name = models.CharField(max_length=100)
    jurisdiction = models.CharField(max_length=10, help_text=_("ISO country code or EU"))
    country = CountryField()

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Limited(models.Model):
    """Something whose calls of models have limits of their own; empty is no limit."""

    rpm_limit = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    tpm_limit = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    concurrency_limit = models.PositiveIntegerField(_("parallel calls"), null=True, blank=True)

    class Meta:
        abstract = True


class Classified(models.Model):
    """Something whose data is at least so confidential; a request may say that its own is more so."""

    classification = models.CharField(
        _("classification of its data"),
        max_length=12,
        choices=Classification,
        default=Classification.PUBLIC,
    )

    class Meta:
        abstract = True


class OrganizationQuerySet(LockingQuerySet["Organization"]):
    """Organizations."""


class Organization(Limited, Classified, TimeStamped):
    """A customer: everything they own hangs below this row."""

    class Kind(models.TextChoices):
        STARTUP = "startup", _("Startup")
        ENTERPRISE = "enterprise", _("Enterprise")
        GOVERNMENT = "government", _("Government")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    class Admission(models.TextChoices):
        """Whether the operator lets it in at all; see ``tenants.services.sign_ups``."""

        WAITING = "waiting", _("Waiting for approval")
        ADMITTED = "admitted", _("Let in")
        REFUSED = "refused", _("Refused")

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("address"), max_length=50, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.STARTUP)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    admission = models.CharField(
        max_length=8, choices=Admission.choices, default=Admission.ADMITTED
    )
    country = CountryField(_("country"))
    currency = models.CharField(max_length=3, default="EUR")
    time_zone = models.CharField(_("billing time zone"), max_length=50, default="UTC")
    allowed_jurisdictions = ArrayField(
        models.CharField(max_length=10),
        default=list,
        blank=True,
        help_text=_("Where requests may be served; empty means everywhere the operator does."),
    )
    #: So much and no more, whatever the customer's own limits say: these are not theirs.
    restricted_rpm = models.PositiveIntegerField(null=True, blank=True)
    restricted_tpm = models.PositiveIntegerField(null=True, blank=True)
    restricted_concurrency = models.PositiveIntegerField(null=True, blank=True)
    #: What the policy of sign-ups lets a new customer do, until they have bought something.
    first_rpm = models.PositiveIntegerField(null=True, blank=True)
    first_tpm = models.PositiveIntegerField(null=True, blank=True)
    first_concurrency = models.PositiveIntegerField(null=True, blank=True)
    #: Whether the operator's staff may ask to read its pages at all.
    allows_support = models.BooleanField(_("support may ask to look"), default=True)
    is_demo = models.BooleanField(default=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        indexes = (
            models.Index(
                fields=("created_at",),
                condition=models.Q(admission="waiting"),
                name="organizations_that_wait",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_admitted(self) -> bool:
        """Whether the operator has let it in."""
        return self.admission == self.Admission.ADMITTED

    @property
    def has_first_limits(self) -> bool:
        """Whether its calls are held to what new customers may do."""
        return any((self.first_rpm, self.first_tpm, self.first_concurrency))


class ProjectQuerySet(LockingQuerySet["Project"]):
    """Projects."""


class Project(Limited, Classified, TimeStamped):
    """A part of an organization's work that keys and usage are filed under."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="projects"
    )
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(max_length=50)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "slug"), name="project_slug_once_per_organization"
            ),
        )

    def __str__(self) -> str:
        return self.name
