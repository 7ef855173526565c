"""What customers' own systems are told: where to, what, and how each delivery went."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common.encryption import EncryptedField
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from tenants.models.organization import Organization

#: Why an attempt got no answer, in words; the codes are those of ``common.http``.
TROUBLES: dict[str, StrOrPromise] = {
    "refused": _("The server refused the connection"),
    "unknown_name": _("No server has this name"),
    "silent": _("The server did not answer in time"),
    "untrusted": _("The server's certificate is not valid"),
    "broken": _("The connection broke off"),
    "forbidden": _("The address leads into a private network, or is not https"),
}


class SigningSecret(EncryptedField):
    """What an endpoint's deliveries are signed with."""

    use = "tenants.webhook"


class WebhookEndpointQuerySet(LockingQuerySet["WebhookEndpoint"]):
    """Endpoints."""

    def present(self) -> "WebhookEndpointQuerySet":
        """Those that were not removed."""
        return self.filter(removed_at=None)

    def telling(self) -> "WebhookEndpointQuerySet":
        """Those that are told."""
        return self.present().filter(is_active=True)


class WebhookEndpoint(TimeStamped):
    """An address of a customer's, and which events it is told of; none named means all."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="webhook_endpoints"
    )
    url = models.URLField(_("address"), max_length=500)
    description = models.CharField(_("description"), max_length=100, blank=True)
    events = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    secret = SigningSecret()
    #: The secret before the last rotation; it signs too, until the customer has changed over.
    former_secret = SigningSecret(blank=True, default="")
    former_until = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    #: Since when every delivery has failed.
    failing_since = models.DateTimeField(null=True)
    #: When we stopped telling it, because it failed for too long or said that it is gone.
    disabled_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.url


class WebhookEvent(AppendOnly):
    """A fact that is told; its row stands in the transaction of the fact."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="webhook_events"
    )
    type = models.CharField(max_length=40)
    #: What happened; the same never makes two.
    key = models.CharField(max_length=200)
    data = models.JSONField()
    occurred_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-occurred_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "type", "key"), name="webhook_event_once_per_fact"
            ),
        )

    def __str__(self) -> str:
        return self.type


class WebhookDeliveryQuerySet(LockingQuerySet["WebhookDelivery"]):
    """Deliveries."""

    def due(self) -> "WebhookDeliveryQuerySet":
        """Those whose time has come."""
        return self.filter(state=WebhookDelivery.State.WAITING, next_attempt_at__lte=timezone.now())


class WebhookDelivery(TimeStamped):
    """One event on its way to one endpoint; the row is the queue."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="webhook_deliveries"
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    event = models.ForeignKey(WebhookEvent, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    #: Attempts since it was made or replayed.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("endpoint", "event"), name="webhook_told_once_per_endpoint"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_attempt_at",),
                condition=models.Q(state="waiting"),
                name="webhooks_to_deliver",
            ),
            models.Index(fields=("endpoint", "-created_at"), name="webhooks_of_an_endpoint"),
        )

    def __str__(self) -> str:
        return f"{self.event_id} {self.endpoint_id}"


class WebhookAttempt(AppendOnly):
    """One try to deliver and what came of it: a status, or why there was none."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.PROTECT, related_name="attempt_rows"
    )
    attempted_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    trouble = models.CharField(max_length=20, blank=True)
    #: The beginning of what was answered.
    answer = models.CharField(max_length=200, blank=True)
    took_ms = models.PositiveIntegerField()

    class Meta:
        ordering = ("-attempted_at", "-id")
        indexes = (models.Index(fields=("delivery", "-attempted_at"), name="webhook_attempts"),)

    def __str__(self) -> str:
        return f"{self.status or self.trouble}"

    @property
    def outcome(self) -> StrOrPromise:
        """What came of it, as people read it."""
        return str(self.status) if self.status else TROUBLES.get(self.trouble, self.trouble)
