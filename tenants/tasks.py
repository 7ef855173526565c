"""Doorbells of tenancy."""

import uuid

from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.models import Invitation
from tenants.scope import scope


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
