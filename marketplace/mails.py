"""Writes to those who used a model of late what will change of it."""

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from common import sweeping
from common.database import service
from common.mail import PutOff, ShutOut
from marketplace import raised, viewers
from marketplace.models import AIModel, Notice
from marketplace.services import notices
from tenants import mails
from tenants.models import Permission
from tenants.scope import scope


def send_notices() -> int:
    """Write what nobody was written about yet, each once; return how many mails' worth went out.

    What rises on one day is one mail to each address.
    """
    sends = (partial(_send, pk) for pk in notices.unsent())
    return sum(sweeping.answers(sends, trouble="notice_put_off"))


def _send(pk: UUID) -> bool:
    told = notices.claim(pk)
    if not told:
        return False
    try:
        if not _write(told):
            notices.put_off(told)
            return False
    except ShutOut:
        notices.put_off(told)
        return False
    except PutOff:
        # Some addresses take it later: the claim runs out, and another sends to them.
        return False
    except OSError:
        # The mail server is away: the next sweep tries again.
        notices.give_back(told)
        return False
    notices.sent(told)
    return True


def _write(told: list[Notice]) -> bool:
    """Write to all whom it concerns; tell whether one of them got it, or there is nobody."""
    first = told[0]
    organization = first.organization
    with scope(organization.pk):
        addresses = {
            *mails.who_may(organization, Permission.BILLING_MANAGE),
            *mails.who_may(organization, Permission.KEYS_MANAGE),
        }
    if first.kind == Notice.Kind.PRICES:
        day = date_format(first.happens_at, "DATE_FORMAT")
        subject = _("Prices of models that you use rise on %(day)s") % {"day": day}
        rises = [(it, raised.lines(it), _page(it)) for it in told]
        context = {"organization": organization, "rises": rises}
        return _wrote(addresses, subject, "price_notice", context, told)
    subject = _("%(model)s will be retired") % {"model": first.model.name}
    context = {
        "organization": organization,
        "notice": first,
        "replacement": _replacement(first),
        "link": _page(first),
    }
    return _wrote(addresses, subject, "model_notice", context, told)


def _wrote(
    addresses: Collection[str],
    subject: str,
    template: str,
    context: dict[str, Any],
    told: list[Notice],
) -> bool:
    """Write to these; what was told anew since is another mail, though it says the same again."""
    said = ",".join(sorted(f"{it.pk}:{it.updated_at}" for it in told))
    wanted = sorted(addresses)
    done = mails.write(wanted, subject, template, context, occasion=f"notices:{said}")
    return done > 0 or not wanted


def _page(notice: Notice) -> str:
    return mails.link("marketplace:model-detail", notice.model.slug)


def _replacement(notice: Notice) -> AIModel | None:
    """Return what the customer can use instead, if it sees it."""
    found = notice.model.replaced_by
    if found is None:
        return None
    with service():
        return found if viewers.within(viewers.of(found), [notice.organization]) else None
