"""What the management API answered, for whoever asks again under the same name."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from tenants.models.organization import Organization


class RememberedAnswer(models.Model):
    """The answer to a request that came with an ``Idempotency-Key``; secrets are left out of it."""

    #: A hash of who asked, where, and under which key.
    name = models.CharField(max_length=64, primary_key=True)
    #: A hash of what was asked.
    digest = models.CharField(max_length=64)
    #: Empty where staff asked: their rows are the service's alone.
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", null=True
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("user", "asked_at"), name="answers_by_age"),)

    def __str__(self) -> str:
        return self.name
