"""What customers see of models, before a second person has agreed to it."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from marketplace.models.catalogue import AIModel
from marketplace.models.offers import Offer


class ModelChangeQuerySet(LockingQuerySet["ModelChange"]):
    """Changes of models."""

    def waiting(self) -> "ModelChangeQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=ModelChange.Status.PROPOSED)

    def open(self) -> "ModelChangeQuerySet":
        """Those that have not come about yet, and still may."""
        return self.filter(status__in=OPEN)

    def due(self) -> "ModelChangeQuerySet":
        """Those that were agreed to for a moment that has come."""
        return self.filter(status=ModelChange.Status.APPROVED, takes_effect_at__lte=Now())


class ModelChange(TimeStamped):
    """One change of what customers see: proposed by one of the staff, approved by another."""

    class Kind(models.TextChoices):
        PUBLISH = "publish", _("Put on sale")
        CARD = "card", _("Card")
        DOSSIER = "dossier", _("Dossier")
        AUDIENCE = "audience", _("Who sees it")
        ACCESS = "access", _("Terms and access")
        TERMS = "terms", _("Limits and token class")
        PRICES = "prices", _("Prices")
        LEVEL = "level", _("Service level")
        DEPRECATE = "deprecate", _("Last day")
        RETIRE = "retire", _("Retire at once")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("Waits for its day")
        APPLIED = "applied", _("Done")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")
        FAILED = "failed", _("Could not be done")

    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="changes")
    #: Of whose terms or prices it is.
    offer = models.ForeignKey(
        Offer, on_delete=models.PROTECT, related_name="changes", null=True, blank=True
    )
    kind = models.CharField(max_length=10, choices=Kind)
    #: What it will say, by field; what is not named stays.
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    words = models.CharField(_("note"), max_length=1000, blank=True)
    #: The moment that was agreed on; empty: when it is approved.
    takes_effect_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    #: Why it was refused, or what stood in the way on its day.
    answer = models.CharField(max_length=1000, blank=True)

    objects = ModelChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("model", "kind", "offer"),
                condition=models.Q(status__in=("proposed", "approved")),
                nulls_distinct=False,
                name="one_change_of_a_kind_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=("approved", "applied"))
                | models.Q(decided_by__isnull=False)
                & ~models.Q(decided_by=models.F("proposed_by")),
                name="model_change_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} {self.kind}"

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

    @property
    def is_approver_gone(self) -> bool:
        """Whether it waits for its day, and who approved it is not staff any more: it stands."""
        approver = self.decided_by
        if approver is None or self.status != self.Status.APPROVED:
            return False
        return not (approver.is_staff and approver.is_active)

    @property
    def is_open(self) -> bool:
        """Whether it can still come about, or be taken back."""
        return self.status in OPEN


#: What has not come about yet, and still may.
OPEN = (ModelChange.Status.PROPOSED, ModelChange.Status.APPROVED)
