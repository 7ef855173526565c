"""What was done, by whom."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from common.models import AppendOnly
from tenants.models.organization import Organization


class AuditEntry(AppendOnly):
    """One administrative act. ``organization`` is empty for acts of the operator's own."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, related_name="audit_entries"
    )
    actor_kind = models.CharField(max_length=10)
    actor_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    actor_label = models.CharField(max_length=254)
    action = models.CharField(max_length=60)
    target_kind = models.CharField(max_length=60)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    occurred_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-occurred_at", "-id")
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=("organization", "-occurred_at"), name="audit_by_organization"),
        )

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.target_label}"
