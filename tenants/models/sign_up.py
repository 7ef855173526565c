"""Who may become a customer, on which first limits, and who asked to."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import AppendOnly, LockingQuerySet, TimeStamped
from tenants.models.organization import Organization


class SignUpPolicy(AppendOnly):
    """Who may found an organization, from the moment it is written until the next one is.

    What is founded keeps the first limits of the policy it was founded under. Before there is any,
    everybody may, without limits.
    """

    class Way(models.TextChoices):
        OPEN = "open", _("Open: everybody may")
        APPROVAL = "approval", _("By approval: a person of the staff decides")
        INVITED = "invited", _("By invitation: only who is on the list of the welcome")

    #: From one, without a gap: who writes the next one has read the one before.
    number = models.PositiveIntegerField(unique=True)
    way = models.CharField(_("who may sign up"), max_length=8, choices=Way, default=Way.OPEN)
    #: Domains with all below them, and single addresses: they wait for nobody.
    welcome = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    #: Domains with all below them: they found nothing, unless the very address is welcome.
    blocked = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    first_rpm = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    first_tpm = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    first_concurrency = models.PositiveIntegerField(_("parallel calls"), null=True, blank=True)
    written_at = models.DateTimeField(default=timezone.now)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.CheckConstraint(
                condition=(Q(first_rpm=None) | Q(first_rpm__gt=0))
                & (Q(first_tpm=None) | Q(first_tpm__gt=0))
                & (Q(first_concurrency=None) | Q(first_concurrency__gt=0)),
                name="first_limits_let_something_through",
            ),
        )

    def __str__(self) -> str:
        return f"{self.number}"


class SignUpQuerySet(LockingQuerySet["SignUp"]):
    """Sign-ups."""

    def waiting(self) -> "SignUpQuerySet":
        """Those that somebody of the staff has to decide."""
        return self.filter(organization__admission=Organization.Admission.WAITING)

    def decided(self) -> "SignUpQuerySet":
        """Those that a person decided, whichever way."""
        return self.exclude(decided_by=None)


class SignUp(TimeStamped):
    """That somebody founded an organization, and what the operator's staff said to it.

    How it stands is the organization's ``admission``. Organizations from before there were sign-ups
    have none.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="sign_up"
    )
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    #: The applicant's address as it was then.
    email = models.EmailField(max_length=254)
    #: What it will be used for, in the applicant's words.
    use = models.CharField(max_length=500, blank=True)
    #: What the link that led here ended in; another app knows whose it is.
    referral = models.CharField(max_length=16, blank=True)
    #: When it was let in, by the policy or by a person.
    admitted_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    #: Why it was refused; the applicant reads it.
    answer = models.CharField(max_length=500, blank=True)

    objects = SignUpQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("applicant")),
                name="nobody_lets_themselves_in",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None, decided_at=None)
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="sign_up_is_decided_by_somebody",
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.organization}"

    @property
    def domain(self) -> str:
        """What follows the @ of the applicant's address."""
        return self.email.rpartition("@")[2]
