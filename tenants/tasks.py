"""Doorbells of tenancy."""

import uuid

from celery import shared_task
from django.utils.translation import gettext as _

from common import jobs
from common.mail import FIRST_PAUSE
from tenants import mails, ports
from tenants.models import Invitation, Permission, WebhookEndpoint
from tenants.scope import scope
from tenants.services import deliveries, owed, restrictions


@shared_task(
    name="tenants.send_invitation",
    autoretry_for=(OSError,),
    retry_backoff=FIRST_PAUSE,
    max_retries=8,
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
    context = {"invitation": invitation, "link": mails.link("tenants:invitation", token)}
    names = {"organization": invitation.organization, "operator": ports.operator.face().name}
    subject = _("Join %(organization)s on %(operator)s") % names
    mails.write([invitation.email], subject, "invitation", context, occasion=jobs.running())


@shared_task(name="tenants.send_owed")
def send_owed(owed_id: str) -> None:
    """Write a mail that is owed."""
    owed.send(uuid.UUID(owed_id))


@shared_task(name="tenants.sweep_owed")
def sweep_owed() -> None:
    """Ring for the mails whose time has come."""
    owed.sweep()


@shared_task(name="tenants.deliver_webhook")
def deliver_webhook(delivery_id: str) -> None:
    """Tell an endpoint of an event."""
    deliveries.deliver(uuid.UUID(delivery_id))


@shared_task(name="tenants.sweep_webhooks")
def sweep_webhooks() -> None:
    """Ring for the webhooks whose time has come."""
    deliveries.sweep()


@shared_task(name="tenants.tell_webhook_disabled")
def tell_webhook_disabled(organization_id: str, endpoint_id: str) -> None:
    """Mail those who manage the settings that an endpoint is told no more."""
    with scope(uuid.UUID(organization_id)):
        endpoint = WebhookEndpoint.objects.select_related("organization").get(pk=endpoint_id)
        addresses = mails.who_may(endpoint.organization, Permission.SETTINGS_MANAGE)
    link = mails.link("tenants:webhook-detail", endpoint.organization.slug, endpoint.pk)
    subject = _("Webhooks to %(url)s are switched off") % {"url": endpoint.url}
    occasion = f"webhook:{endpoint.pk}:{endpoint.disabled_at}"
    context = {"endpoint": endpoint, "link": link}
    mails.write(addresses, subject, "webhook_disabled", context, occasion=occasion)


@shared_task(name="tenants.tell_status")
def tell_status(organization_id: str, reason: str) -> None:
    """Mail owners and admins that the operator has shut them out, or let them in again."""
    mails.tell_status(uuid.UUID(organization_id), reason)


@shared_task(name="tenants.tell_restriction")
def tell_restriction(organization_id: str, restriction_id: str, is_over: bool, reason: str) -> None:
    """Mail owners and admins that the operator holds them to something, or no longer does."""
    mails.tell_restriction(uuid.UUID(organization_id), uuid.UUID(restriction_id), is_over, reason)


@shared_task(name="tenants.tell_sign_up")
def tell_sign_up(organization_id: str) -> None:
    """Mail whoever founded an organization that it may begin, or that it was refused."""
    mails.tell_sign_up(uuid.UUID(organization_id))


@shared_task(name="tenants.sweep_restrictions")
def sweep_restrictions() -> None:
    """Begin what the operator holds customers to, and end what is over."""
    restrictions.sweep()


@shared_task(name="tenants.tell_support")
def tell_support(organization_id: str, access_id: str) -> None:
    """Mail owners and admins that staff asks to read their pages, or does so in an emergency."""
    mails.tell_support(uuid.UUID(organization_id), uuid.UUID(access_id))


@shared_task(name="tenants.tell_leaked_key")
def tell_leaked_key(
    organization_id: str, key_id: str, prefix: str = "", last_four: str = ""
) -> None:
    """Mail those who manage keys that one was reported as leaked, and is revoked."""
    mails.tell_leaked_key(uuid.UUID(organization_id), uuid.UUID(key_id), (prefix, last_four))
