"""Hands credit over between an organization and who pays for it: as good as it was, and never twice."""

from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext as _

from billing import groups
from billing.errors import OrganizationSuspended
from billing.models import CreditGrant
from billing.services import credits
from common.database import service
from common.errors import Conflict, DomainError, NotFound
from common.money import exact
from tenants.models import ApiKey, Organization, User
from tenants.services import audit, restrictions


def partners(organization: Organization) -> list[Organization]:
    """Return whom credit can be handed to: who pays for it, or for whom it pays; not one another.

    Opens the service's transaction itself: an organization sees no other one's rows.
    """
    with service():
        return _partners(organization)


def _partners(organization: Organization) -> list[Organization]:
    payer, members = groups.around(organization)
    return members if payer.pk == organization.pk else [payer]


def hand_over(
    organization: Organization,
    grant_id: UUID,
    *,
    to: str,
    operation_key: str,
    by: User,
    quantity: Decimal | None = None,
    through: ApiKey | None = None,
) -> CreditGrant:
    """Hand so much of a grant over, or all that is free of it, once per operation key.

    What it cost, its priority and its end go with it. What requests hold stays where it is. Of neither
    may what is new be stopped; what was handed over before is still answered.
    """
    if organization.status != Organization.Status.ACTIVE:
        raise OrganizationSuspended
    with service():
        partner = next((it for it in _partners(organization) if it.slug == to), None)
        if partner is None:
            words = _("Credit goes to who pays for you, or to those you pay for.")
            raise DomainError(field_errors={"to": [words]})
        # Both rows in one order: two who hand over to each other wait, and nobody's payer changes.
        for pk in sorted((organization.pk, partner.pk)):
            Organization.objects.locked(pk)
        key = f"hand-over:{organization.pk}:{operation_key}"
        if known := CreditGrant.objects.filter(organization=partner, source_key=key).first():
            return _same(known, quantity)
        restrictions.refuse_new(organization)
        if restrictions.stops_new(partner):
            raise Conflict(_("The operator has stopped what is new in their organization."))
        given = _locked(organization, grant_id)
        wanted = _wanted(given, quantity)
        if partner.currency != given.wallet.currency:
            raise Conflict(_("They pay in another currency."))
        return _move(given, partner, wanted, key=key, actor=through or by)


def _same(known: CreditGrant, quantity: Decimal | None) -> CreditGrant:
    if quantity is not None and known.granted != exact(quantity):
        raise Conflict(_("This was asked for before, with another quantity."))
    return known


def _locked(organization: Organization, grant_id: UUID) -> CreditGrant:
    own = CreditGrant.objects.usable().prepaid().filter(organization=organization, pk=grant_id)
    if not own.exists():
        raise NotFound
    return CreditGrant.objects.locked(grant_id)


def _wanted(given: CreditGrant, quantity: Decimal | None) -> Decimal:
    """Return how much goes over; more than is free, or a part of a token, does not."""
    free = given.remaining - given.leased
    wanted = free if quantity is None else quantity
    is_tokens = given.unit == CreditGrant.Unit.TOKENS
    words = ""
    if not wanted.is_finite() or wanted <= 0 or wanted > free:
        words = _("So much of it is not free.")
    elif wanted != exact(wanted) or (is_tokens and quantity is not None and wanted % 1):
        words = _("A number of tokens is whole, and money has twelve decimals at most.")
    if words:
        raise DomainError(field_errors={"quantity": [words]})
    return wanted


def _move(
    given: CreditGrant, partner: Organization, wanted: Decimal, *, key: str, actor: User | ApiKey
) -> CreditGrant:
    paid = credits.take_out(given, wanted)
    audit.record(
        organization=given.organization,
        actor=actor,
        action="credit.handed_over",
        target=given,
        after={"quantity": wanted, "unit": given.unit, "to": partner.slug},
    )
    return credits.grant(
        partner,
        unit=given.unit,
        quantity=wanted,
        source_key=key,
        kind=given.kind,
        expires_at=given.expires_at,
        token_class=given.token_class,
        cost_basis=paid,
        priority=given.priority,
        by=actor,
        currency=given.wallet.currency,
        reason=_("From %(name)s") % {"name": given.organization.name},
    )
