"""Writes to those who used a model of late what will change of it."""

from django.utils.translation import gettext as _

from common.database import service
from marketplace import viewers
from marketplace.models import AIModel, Notice
from marketplace.services import notices
from tenants import mails
from tenants.models import Permission
from tenants.scope import scope


def send_notices() -> int:
    """Write what nobody was written about yet, each once; return how many went out."""
    claimed = (notices.claim(pk) for pk in notices.unsent())
    return sum(_send(notice) for notice in claimed if notice is not None)


def _send(notice: Notice) -> bool:
    try:
        _write(notice)
    except OSError:
        # The mail server is away: the next sweep tries again.
        notices.give_back(notice)
        return False
    return True


def _write(notice: Notice) -> None:
    organization = notice.organization
    with scope(organization.pk):
        addresses = {
            *mails.who_may(organization, Permission.BILLING_MANAGE),
            *mails.who_may(organization, Permission.KEYS_MANAGE),
        }
    is_retirement = notice.kind == Notice.Kind.RETIREMENT
    subject = (
        _("%(model)s will be retired") if is_retirement else _("The prices of %(model)s will rise")
    )
    context = {
        "organization": organization,
        "notice": notice,
        "is_retirement": is_retirement,
        "replacement": _replacement(notice),
        "link": mails.link("marketplace:model-detail", notice.model.slug),
    }
    mails.write(sorted(addresses), subject % {"model": notice.model.name}, "model_notice", context)


def _replacement(notice: Notice) -> AIModel | None:
    """Return what the customer can use instead, if it sees it."""
    found = notice.model.replaced_by
    if found is None:
        return None
    with service():
        return found if viewers.within(viewers.of(found), [notice.organization]) else None
