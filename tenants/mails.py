"""How every message to people is written, in text and in HTML, and to whom."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from common import jobs, mail
from tenants import ports
from tenants.models import (
    GRANTS,
    ApiKey,
    Organization,
    Permission,
    Restriction,
    SignUp,
    SupportAccess,
)
from tenants.restriction_words import WORDS
from tenants.scope import scope


def who_may(organization: Organization, permission: Permission) -> list[str]:
    """Return the addresses of those whose role grants it; the organization's scope must be open."""
    roles = [role for role, granted in GRANTS.items() if permission in granted]
    members = organization.memberships.filter(role__in=roles, user__is_active=True)
    return list(members.values_list("user__email", flat=True))


def link(name: str, *args: object) -> str:
    """Return the whole address of a page."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def message(
    subject: str, template: str, context: dict[str, Any], *, to: Iterable[str]
) -> EmailMultiAlternatives:
    """Return the message that ``emails/<template>`` makes; of a subject, one line."""
    face = ports.operator.face()
    context = {"operator": face, **context}
    text = render_to_string(f"emails/{template}.txt", context)
    # Names of customers may hold a line break; a header may not.
    made = EmailMultiAlternatives(" ".join(subject.split()), text, face.sender, list(to))
    made.attach_alternative(render_to_string(f"emails/{template}.html", context), "text/html")
    return made


def write(
    addresses: Iterable[str],
    subject: str,
    template: str,
    context: dict[str, Any],
    *,
    occasion: str,
) -> int:
    """Send each address a message of its own: nobody reads who else got it. Answers how many do.

    An address that takes no mail is passed over. Raises ``OSError`` where one takes it later, or
    the mail server is away: done again, only those get it who did not. They are known by the
    occasion, whatever it says by then; the same words on another occasion are written again.
    """
    messages = (message(subject, template, context, to=[address]) for address in addresses)
    return mail.deliver(messages, occasion=occasion)


def tell_status(organization_id: UUID, reason: str) -> None:
    """Write to owners and admins that the operator has shut them out, or let them in again."""
    with scope(organization_id):
        organization = Organization.objects.get(pk=organization_id)
        addresses = who_may(organization, Permission.SETTINGS_MANAGE)
    is_suspended = organization.status == Organization.Status.SUSPENDED
    subject = (
        _("%(organization)s is suspended")
        if is_suspended
        else _("%(organization)s is active again")
    )
    context = {
        "organization": organization,
        "is_suspended": is_suspended,
        "reason": reason,
        "link": link("portal:dashboard", organization.slug),
    }
    write(
        addresses,
        subject % {"organization": organization},
        "status",
        context,
        occasion=jobs.running(),
    )


def tell_restriction(
    organization_id: UUID, restriction_id: UUID, is_over: bool, reason: str
) -> None:
    """Write to owners and admins what the operator holds them to from now on, or no longer does."""
    with scope(organization_id):
        restriction = Restriction.objects.select_related("organization").get(pk=restriction_id)
        organization = restriction.organization
        addresses = who_may(organization, Permission.SETTINGS_MANAGE)
    words = WORDS[restriction.level]
    subject = str(words.over if is_over else words.subject)
    context = {
        "restriction": restriction,
        "words": words,
        "is_over": is_over,
        "reason": reason,
        "link": link("portal:dashboard", organization.slug),
    }
    occasion = f"restriction:{restriction.pk}:{is_over}"
    named = subject % {"organization": organization}
    write(addresses, named, "restriction", context, occasion=occasion)


def tell_sign_up(organization_id: UUID) -> None:
    """Write to whoever founded the organization what the operator decided, and why."""
    with scope(organization_id):
        sign_up = SignUp.objects.select_related("organization", "applicant").get(
            organization=organization_id
        )
    organization = sign_up.organization
    subject = (
        _("%(organization)s is approved")
        if organization.is_admitted
        else _("%(organization)s was not approved")
    )
    context = {"sign_up": sign_up, "link": link("portal:dashboard", organization.slug)}
    addresses = [sign_up.applicant.email]
    named = subject % {"organization": organization}
    write(addresses, named, "sign_up", context, occasion=jobs.running())


def tell_support(organization_id: UUID, access_id: UUID) -> None:
    """Write to owners and admins that staff asks to read their pages, or does so from now on."""
    with scope(organization_id):
        access = SupportAccess.objects.select_related("organization").get(pk=access_id)
        organization = access.organization
        addresses = who_may(organization, Permission.SETTINGS_MANAGE)
    is_open = access.state == SupportAccess.State.GRANTED
    subject = (
        _("The operator's support reads the pages of %(organization)s")
        if is_open
        else _("The operator's support asks to read the pages of %(organization)s")
    )
    context = {
        "access": access,
        "is_open": is_open,
        "link": link("tenants:support", organization.slug),
    }
    occasion = f"support:{access.pk}:{access.state}"
    named = subject % {"organization": organization}
    write(addresses, named, "support", context, occasion=occasion)


def tell_leaked_key(organization_id: UUID, key_id: UUID, ends: tuple[str, str]) -> None:
    """Write to those who manage keys that one was reported as leaked and is revoked.

    ``ends`` are the first and the last letters of the text that was found; empty, of the present.

    Where it was found stands in their audit log: an address that a stranger wrote is no link to
    send out in our name.
    """
    with scope(organization_id):
        api_key = ApiKey.objects.select_related("organization").get(pk=key_id)
        addresses = who_may(api_key.organization, Permission.KEYS_MANAGE)
    slug = api_key.organization.slug
    context = {
        "api_key": api_key,
        "prefix": ends[0] or api_key.prefix,
        "last_four": ends[1] or api_key.last_four,
        "link": link("tenants:key-list", slug),
        "log": link("tenants:audit-log", slug),
    }
    subject = _("A key of %(organization)s leaked and is revoked")
    named = subject % {"organization": api_key.organization}
    write(addresses, named, "leaked_key", context, occasion=f"leak:{api_key.pk}:{ends[1]}")
