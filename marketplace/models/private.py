"""Models of one customer: which projects may call them, and how their price is found."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from marketplace.models.catalogue import AIModel
from marketplace.models.offers import Offer
from tenants.models import Organization, Project


class ModelShareQuerySet(LockingQuerySet["ModelShare"]):
    """Shares."""

    def kept(self) -> "ModelShareQuerySet":
        """Those that nobody took back, agreed to or not."""
        return self.filter(revoked_at=None)

    def open(self) -> "ModelShareQuerySet":
        """Those that let their project call the model."""
        return self.kept().exclude(accepted_at=None)


class ModelShare(TimeStamped):
    """A project that may call a private model: one of the owner's, or another organization's.

    The other organization has to agree first; a row that was taken back stays, so that what was
    used through it can still be read.
    """

    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="shares")
    owner = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    #: As it was called then: whom it is shared with cannot see the owner's own row.
    owner_name = models.CharField(max_length=100)
    #: Whose project it is.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="model_shares"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ModelShareQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("model", "project"),
                condition=models.Q(revoked_at=None),
                name="model_shared_once_with_a_project",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model_id} {self.project_id}"


class TunedTerms(TimeStamped):
    """What models that were made of an offer's model cost: its price times a factor, or their own."""

    offer = models.OneToOneField(Offer, on_delete=models.PROTECT, related_name="tuned_terms")
    factor = models.DecimalField(
        _("times the price of the model"), max_digits=6, decimal_places=3, default=1
    )
    #: Price definitions by part, where they are set apart; empty: the factor counts.
    definitions = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(factor__gt=0), name="factor_above_zero"),
        )

    def __str__(self) -> str:
        return f"{self.offer} x {self.factor}"
