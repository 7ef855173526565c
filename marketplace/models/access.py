"""What a model asks for before it is called: terms that are accepted, and the operator's approval."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models import AppendOnly, LockingQuerySet, TimeStamped
from marketplace.models.catalogue import AIModel
from tenants.models import Organization, User


class ModelTerms(AppendOnly):
    """One wording of what a model asks customers to agree to; the model names the one in force."""

    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="all_terms")
    version = models.PositiveIntegerField()
    text = models.TextField()
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-version",)
        constraints = (
            models.UniqueConstraint(fields=("model", "version"), name="terms_version_once"),
        )

    def __str__(self) -> str:
        return f"{self.model_id} {self.version}"


class TermsAcceptance(AppendOnly):
    """An organization's word: who agreed for it, when, to which wording."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="accepted_terms"
    )
    terms = models.ForeignKey(ModelTerms, on_delete=models.PROTECT, related_name="acceptances")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    #: As the person was known then.
    accepted_by = models.CharField(max_length=254)
    accepted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-accepted_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "terms"), name="terms_accepted_once_per_organization"
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.terms_id}"


class AccessGrace(TimeStamped):
    """Until when an organization calls a model as before, though it asks for more by now."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="access_graces"
    )
    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="graces")
    until = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "model"), name="access_grace_once_per_model"
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.model_id} until {self.until:%Y-%m-%d}"


class AccessRequestQuerySet(LockingQuerySet["AccessRequest"]):
    """Requests for access."""

    def waiting(self) -> "AccessRequestQuerySet":
        """Those that nobody has decided."""
        return self.filter(state=AccessRequest.State.WAITING)

    def granted(self) -> "AccessRequestQuerySet":
        """Those that let their organization call the model."""
        return self.filter(state=AccessRequest.State.APPROVED)


class AccessRequest(TimeStamped):
    """An organization that asks to call a model, why, and what the operator said."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPROVED = "approved", _("Approved")
        DENIED = "denied", _("Denied")
        REVOKED = "revoked", _("Revoked")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="access_requests"
    )
    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="access_requests")
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(_("reason"))
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    decided_at = models.DateTimeField(null=True)
    #: What the operator said to it, for the customer to read.
    answer = models.CharField(_("answer"), max_length=500, blank=True)

    objects = AccessRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "model"),
                condition=models.Q(state__in=("waiting", "approved")),
                name="access_asked_for_once_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.model_id}"
