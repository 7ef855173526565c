"""What is done about invoices that are not paid in time, and what was done."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice
from common.models import LockingQuerySet, Row, TimeStamped
from tenants.models import Organization


class Act(models.TextChoices):
    """What a stage does."""

    MAIL = "mail", _("Reminder by e-mail")
    RESTRICT = "restrict", _("Fewer calls a minute")
    SUSPEND = "suspend", _("Calls are refused")


def usual_stages() -> list[dict[str, Any]]:
    """Return the stages of those who agreed on none of their own."""
    return [
        {"days": 3, "act": Act.MAIL.value},
        {"days": 10, "act": Act.MAIL.value},
        {"days": 20, "act": Act.RESTRICT.value},
        {"days": 30, "act": Act.SUSPEND.value},
    ]


class DunningPolicy(TimeStamped):
    """Stages: so many days after an invoice was due, this is done. Of nobody: the operator's usual."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="dunning_policy", null=True
    )
    stages = models.JSONField(default=usual_stages)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(organization=None),
                name="one_usual_dunning_policy",
            ),
        )

    def __str__(self) -> str:
        return str(self.organization_id)


class DunningStepQuerySet(LockingQuerySet["DunningStep"]):
    """Steps."""

    def standing(self) -> "DunningStepQuerySet":
        """Those that hold somebody back now."""
        return self.filter(undone_at=None).exclude(act=Act.MAIL)


class DunningStep(Row):
    """A stage that was reached for an invoice, once, and what it changed."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="dunning_steps"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="dunning_steps")
    #: Which of the invoice's steps it is, from 0.
    position = models.PositiveSmallIntegerField()
    act = models.CharField(max_length=10, choices=Act)
    taken_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)
    #: What it changed, as it was before: the undo puts it back.
    before = models.JSONField(default=dict)

    objects = DunningStepQuerySet.as_manager()

    class Meta:
        ordering = ("taken_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("invoice", "position"),
                name="dunning_stage_once_per_invoice",
            ),
        )

    def __str__(self) -> str:
        return self.act
