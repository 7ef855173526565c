"""Who may approve what somebody else proposed, give credit away, and decide what is paid."""

from uuid import UUID

from django.utils.translation import gettext as _

from common.errors import Forbidden
from tenants.models import Membership, User


def check(by: User, *, proposed_by_id: UUID, organization_id: UUID) -> None:
    """Refuse who proposed it, and who belongs to the customer that it is about."""
    if proposed_by_id == by.pk:
        raise Forbidden(_("Somebody else has to approve what you proposed."))
    if _belongs(by, organization_id):
        raise Forbidden(_("You belong to this customer: somebody else has to approve this."))


def check_signature(by: User, *, drafted_by_id: UUID | None, organization_id: UUID) -> None:
    """Refuse who wrote the terms, and who belongs to the customer that they are for.

    Of terms from before it was noted who wrote them, that could be anybody.
    """
    if drafted_by_id is None:
        raise Forbidden(
            _(
                "It was not noted who drafted this: change or draft it anew, for somebody else to sign."
            )
        )
    if drafted_by_id == by.pk:
        raise Forbidden(_("Somebody else has to sign what you drafted."))
    if _belongs(by, organization_id):
        raise Forbidden(_("You belong to this customer: somebody else has to sign this."))


def check_gift(by: User, *, organization_id: UUID) -> None:
    """Refuse who would give credit to a customer that they belong to."""
    if _belongs(by, organization_id):
        raise Forbidden(_("You belong to this customer: somebody else has to give it credit."))


def check_decision(by: User, *, organization_id: UUID) -> None:
    """Refuse who would decide what a customer that they belong to pays for."""
    if _belongs(by, organization_id):
        raise Forbidden(_("You belong to this customer: somebody else has to decide this."))


def _belongs(by: User, organization_id: UUID) -> bool:
    return Membership.objects.filter(organization=organization_id, user=by).exists()
