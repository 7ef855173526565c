"""Who sees a model that is not for everybody: groups of customers, and customers by name."""

from django.db import models

from common.models import Row
from marketplace.models.books import CustomerGroup, GroupMember
from marketplace.models.catalogue import AIModel
from tenants.models import Organization


class ModelViewerQuerySet(models.QuerySet["ModelViewer"]):
    """Viewers."""

    def of(self, organization: Organization) -> "ModelViewerQuerySet":
        """Those that are the organization, or a group that it is in."""
        # By its membership, which the customer may read; the groups themselves are the operator's.
        groups = GroupMember.objects.filter(organization=organization).values("group_id")
        return self.filter(models.Q(organization=organization) | models.Q(group_id__in=groups))


class ModelViewer(Row):
    """One of those who see a restricted model: a customer, or all of a group, whoever joins it."""

    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="viewers")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    group = models.ForeignKey(
        CustomerGroup, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = ModelViewerQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(organization=None) ^ models.Q(group=None),
                name="viewer_is_a_customer_or_a_group",
            ),
            models.UniqueConstraint(
                fields=("model", "organization"), name="customer_sees_a_model_once"
            ),
            models.UniqueConstraint(fields=("model", "group"), name="group_sees_a_model_once"),
        )

    def __str__(self) -> str:
        return f"{self.model_id} {self.organization_id or self.group_id}"
