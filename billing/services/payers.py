"""Agreeing that one organization pays for another's months, and ending it.

Both begin and end with a month of the organization's own time zone: usage of a month that is
running goes as a whole to who pays at its end, so that none is invoiced twice or left out.
"""

from django.db import IntegrityError
from django.utils.translation import gettext as _

from billing import groups, periods
from billing.models import Payer
from billing.services import holding, limits
from common.database import atomic
from common.errors import Conflict, DomainError
from tenants.models import Organization, User
from tenants.services import audit


@atomic()
def begin(
    organization: Organization, payer: Organization, *, by: User, next_month: bool = False
) -> Payer:
    """Let another organization pay for the running month, or from the next one on."""
    if organization.pk == payer.pk:
        raise _refused(_("An organization pays for itself already."))
    organization, payer = _locked(organization, payer)
    if organization.currency != payer.currency:
        raise _refused(_("Both must be invoiced in the same currency."))
    month = periods.parse(groups.this_month(organization), organization.time_zone)
    if next_month:
        month = periods.containing(month.end, organization.time_zone)
    on_payers = periods.parse(month.label, payer.time_zone)
    if _is_closed(organization, month) or _is_closed(payer, on_payers):
        raise Conflict(_("This month is invoiced already; begin with the next one."))
    try:
        with atomic():
            made = Payer.objects.create(
                organization=organization,
                organization_name=organization.name,
                payer=payer,
                payer_name=payer.name,
                first_month=month.label,
            )
    except IntegrityError as error:
        raise _refused(
            _("Somebody pays for one of the two then, or it pays for others.")
        ) from error
    _told(made, "payer.began", by)
    limits.sync(payer)
    return made


@atomic()
def end(agreed: Payer, *, by: User) -> None:
    """End it with the running month; what has not begun yet is gone."""
    organization, payer = _locked(agreed.organization, agreed.payer)
    agreed = Payer.objects.locked(agreed.pk)
    month = groups.this_month(organization)
    if agreed.last_month:
        raise Conflict(_("It was ended already."))
    agreed.last_month = month
    _told(agreed, "payer.ended", by)
    if agreed.first_month > month:
        agreed.delete()
    else:
        agreed.save(update_fields=["last_month", "updated_at"])
    limits.sync(payer)
    limits.sync(organization)


def _is_closed(organization: Organization, month: periods.Period) -> bool:
    """Whether the month is invoiced, or its invoice is or was held."""
    is_held = month.start in holding.kept_back([organization.pk]).get(organization.pk, ())
    return is_held or groups.is_invoiced(organization, month)


def _locked(one: Organization, other: Organization) -> tuple[Organization, Organization]:
    held = {pk: Organization.objects.locked(pk) for pk in sorted({one.pk, other.pk})}
    return held[one.pk], held[other.pk]


def _refused(words: str) -> DomainError:
    return DomainError(field_errors={"payer": [words]})


def _told(agreed: Payer, action: str, by: User) -> None:
    for organization in (agreed.organization, agreed.payer):
        audit.record(
            organization=organization,
            actor=by,
            action=action,
            target=agreed,
            after={
                "organization": agreed.organization_name,
                "payer": agreed.payer_name,
                "first_month": agreed.first_month,
                "last_month": agreed.last_month,
            },
        )
