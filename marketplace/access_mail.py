"""Writes to those who asked for access to a model what the operator decided."""

from uuid import UUID

from django.utils.translation import gettext as _

from common import jobs
from marketplace.models import AccessRequest
from tenants import mails
from tenants.scope import scope


def send(organization_id: UUID, request_id: UUID) -> None:
    """Mail the decision to who asked, if the person is still there."""
    with scope(organization_id):
        found = AccessRequest.objects.select_related("organization", "model", "asked_by")
        asked = found.get(pk=request_id)
    if asked.asked_by is None:
        return
    link = mails.link("marketplace:access", asked.organization.slug, asked.model.slug)
    subject = _("Access to %(name)s") % {"name": asked.model.name}
    context = {"asked": asked, "link": link}
    mails.write([asked.asked_by.email], subject, "access", context, occasion=jobs.running())
