"""The end of a contract, before a second person has agreed to it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.contracts import Contract, Plan
from common.models import LockingQuerySet, TimeStamped
from tenants.models import Organization


class ContractEndQuerySet(LockingQuerySet["ContractEnd"]):
    """Ends of contracts."""

    def waiting(self) -> "ContractEndQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=ContractEnd.Status.PROPOSED)


class ContractEnd(TimeStamped):
    """A contract's last day: proposed by one of the staff, approved by another."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="contract_ends"
    )
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="ends")
    ends_on = models.DateField()
    #: The plan whose terms hold from the day after; nothing is prepaid credit at list prices.
    followed_by = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    words = models.CharField(max_length=1000)
    status = models.CharField(max_length=8, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)

    objects = ContractEndQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("contract",),
                condition=models.Q(status="proposed"),
                name="one_end_of_a_contract_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="approved")
                | models.Q(decided_by__isnull=False)
                & ~models.Q(decided_by=models.F("proposed_by")),
                name="contract_end_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.contract_id} {self.ends_on}"

    @property
    def version(self) -> str:
        """Tell one state of what would come about from the next, for who approves what they read."""
        return self.followed_by.version if self.followed_by else self.updated_at.isoformat()

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED
