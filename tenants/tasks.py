"""Doorbells of tenancy."""

import uuid

from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.models import GRANTS, Invitation, Permission, WebhookEndpoint
from tenants.scope import scope
from tenants.services import deliveries


@shared_task(
    name="tenants.send_invitation", autoretry_for=(OSError,), retry_backoff=True, max_retries=8
)
def send_invitation(organization_id: str, invitation_id: str, token: str) -> None:
    """Mail the link to the invited address, unless the invitation is no longer open."""
    with scope(uuid.UUID(organization_id)):
        invitation = (
            Invitation.objects.pending()
            .select_related("organization", "invited_by")
            .filter(pk=invitation_id)
            .first()
        )
    if invitation is None:
        return
    link = settings.PUBLIC_URL + reverse("tenants:invitation", args=[token])
    context = {"invitation": invitation, "link": link, "operator": settings.OPERATOR}
    message = EmailMultiAlternatives(
        _("Join %(organization)s on %(operator)s")
        % {"organization": invitation.organization, "operator": settings.OPERATOR["name"]},
        render_to_string("emails/invitation.txt", context),
        to=[invitation.email],
    )
    message.attach_alternative(render_to_string("emails/invitation.html", context), "text/html")
    message.send()


@shared_task(name="tenants.deliver_webhook")
def deliver_webhook(delivery_id: str) -> None:
    """Tell an endpoint of an event."""
    deliveries.deliver(uuid.UUID(delivery_id))


@shared_task(name="tenants.sweep_webhooks")
def sweep_webhooks() -> None:
    """Ring for the webhooks whose time has come."""
    deliveries.sweep()


@shared_task(
    name="tenants.tell_webhook_disabled",
    autoretry_for=(OSError,),
    retry_backoff=True,
    max_retries=8,
)
def tell_webhook_disabled(organization_id: str, endpoint_id: str) -> None:
    """Mail those who manage the settings that an endpoint is told no more."""
    roles = [role for role, granted in GRANTS.items() if Permission.SETTINGS_MANAGE in granted]
    with scope(uuid.UUID(organization_id)):
        endpoint = WebhookEndpoint.objects.select_related("organization").get(pk=endpoint_id)
        members = endpoint.organization.memberships.filter(role__in=roles, user__is_active=True)
        addresses = list(members.values_list("user__email", flat=True))
    link = settings.PUBLIC_URL + reverse(
        "tenants:webhook-detail", args=[endpoint.organization.slug, endpoint.pk]
    )
    context = {"endpoint": endpoint, "link": link, "operator": settings.OPERATOR}
    for address in addresses:
        message = EmailMultiAlternatives(
            _("Webhooks to %(url)s are switched off") % {"url": endpoint.url},
            render_to_string("emails/webhook_disabled.txt", context),
            to=[address],
        )
        message.attach_alternative(
            render_to_string("emails/webhook_disabled.html", context), "text/html"
        )
        message.send()
