"""Writes to those who asked for access what was decided, and to users what a model will ask for."""

from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from common import jobs
from marketplace import access
from marketplace.models import AccessGrace, AccessRequest
from tenants import mails
from tenants.models import Permission
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


def tell_of_terms(organization_id: UUID, grace_id: UUID, until: str) -> None:
    """Write to those who may agree, and those who may ask, what a model they use asks for by then.

    What is done meanwhile, or over, is told nobody.
    """
    with scope(organization_id):
        found = AccessGrace.objects.select_related("organization", "model__terms")
        grace = found.filter(pk=grace_id, until=until).first()
        if grace is None or access.standing(grace.organization, grace.model).is_done:
            return
        addresses = {
            *mails.who_may(grace.organization, Permission.SETTINGS_MANAGE),
            *mails.who_may(grace.organization, Permission.KEYS_MANAGE),
        }
    subject = _("%(model)s asks for more from %(day)s on") % {
        "model": grace.model.name,
        "day": date_format(grace.until, "DATE_FORMAT"),
    }
    link = mails.link("marketplace:access", grace.organization.slug, grace.model.slug)
    context = {"grace": grace, "link": link}
    occasion = f"terms:{grace.pk}:{until}"
    mails.write(sorted(addresses), subject, "terms_notice", context, occasion=occasion)
