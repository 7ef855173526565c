"""Letting the operator's staff read a customer's pages, for half an hour at most, and ending that.

The customer lets them in, or in an emergency somebody else of the staff. Who has switched support
off is read by nobody, emergencies included. All of it runs as the service: customers' pages may
read these rows and not write them.
"""

from datetime import timedelta

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic, service
from common.errors import Forbidden
from tenants.errors import SupportAskedAlready, SupportIsOff, SupportNotOpen
from tenants.models import Membership, Organization, SupportAccess, User
from tenants.services import audit, organizations, owed

State = SupportAccess.State
Way = SupportAccess.Way
#: So long a customer has to answer.
PATIENCE = timedelta(hours=24)


def ask(
    organization: Organization, *, by: User, reason: str, ticket: str, minutes: int, way: str
) -> SupportAccess:
    """Ask to read the customer's pages; whoever decides is told by mail."""
    try:
        with service():
            organization = Organization.objects.locked(organization.pk)
            if not organization.allows_support:
                raise SupportIsOff
            # What nobody answered in time stands in nobody's way.
            SupportAccess.objects.filter(
                organization=organization,
                supporter=by,
                state=State.ASKED,
                lapses_at__lte=timezone.now(),
            ).update(state=State.ENDED, ended_at=timezone.now())
            with atomic():
                access = SupportAccess.objects.create(
                    organization=organization,
                    supporter=by,
                    reason=reason,
                    ticket=ticket,
                    minutes=minutes,
                    way=way,
                    lapses_at=timezone.now() + PATIENCE,
                )
            _record("support.asked", access, by)
            _tell(access)
    except IntegrityError as error:
        if "one_open_question" not in str(error):
            raise
        raise SupportAskedAlready from error
    return access


def grant(access: SupportAccess, *, by: User) -> SupportAccess:
    """Let the supporter in from now on, for as long as they asked for.

    As one of the customer's people; in an emergency as somebody else of the staff, who does not
    belong to the customer.
    """
    with service():
        organization = Organization.objects.locked(access.organization_id)
        access = _decidable(access, by)
        if not organization.allows_support:
            raise SupportIsOff
        now = timezone.now()
        access.state, access.decided_by, access.decided_at = State.GRANTED, by, now
        access.expires_at = now + timedelta(minutes=access.minutes)
        access.save(update_fields=["state", "decided_by", "decided_at", "expires_at", "updated_at"])
        _record("support.granted", access, by)
        _tell(access)
    return access


def refuse(access: SupportAccess, *, by: User) -> SupportAccess:
    """Let nobody in."""
    with service():
        access = _decidable(access, by)
        access.state, access.decided_by, access.decided_at = State.REFUSED, by, timezone.now()
        access.save(update_fields=["state", "decided_by", "decided_at", "updated_at"])
        _record("support.denied", access, by)
    return access


def end(access: SupportAccess, *, by: User | None) -> SupportAccess:
    """End it now, whoever asks for that; it holds from the next page on. Twice is once."""
    with service():
        access = SupportAccess.objects.locked(access.pk)
        if access.state in (State.ASKED, State.GRANTED):
            access.state, access.ended_at = State.ENDED, timezone.now()
            access.save(update_fields=["state", "ended_at", "updated_at"])
            _record("support.ended", access, by)
    return access


def end_all_of(supporter: User) -> None:
    """End what is open to somebody who signs out; what they asked for stays asked."""
    with service():
        found = list(SupportAccess.objects.filter(supporter=supporter, state=State.GRANTED))
    for access in found:
        end(access, by=supporter)


def switch(organization: Organization, *, is_allowed: bool, by: User) -> Organization:
    """Let the customer be read on request, or by nobody; the latter ends what is open."""
    with service():
        organization = organizations.change(organization, by=by, allows_support=is_allowed)
        found = list(
            SupportAccess.objects.filter(
                organization=organization, state__in=(State.ASKED, State.GRANTED)
            )
        )
        for access in found if not is_allowed else []:
            end(access, by=by)
    return organization


def seen(access: SupportAccess, *, path: str, action: str = "support.viewed") -> None:
    """Note in the customer's own log which page the supporter opened, or was refused."""
    with service():
        audit.record(
            organization=access.organization,
            actor=access.supporter,
            action=action,
            target=access,
            after={
                "page": path[:500],
                "subject": access.decided_by.email if access.decided_by else "",
                "way": access.way,
                "ticket": access.ticket,
            },
        )


def _decidable(access: SupportAccess, by: User) -> SupportAccess:
    access = SupportAccess.objects.locked(access.pk)
    if access.state != State.ASKED or access.lapses_at <= timezone.now():
        raise SupportNotOpen
    if access.supporter_id == by.pk:
        raise Forbidden
    belongs = Membership.objects.filter(organization=access.organization_id, user=by).exists()
    if belongs != (access.way == Way.INVITED) or (access.way == Way.EMERGENCY and not by.is_staff):
        raise Forbidden
    return access


def _record(action: str, access: SupportAccess, by: User | None) -> None:
    audit.record(
        organization=access.organization,
        actor=by,
        action=action,
        target=access,
        after={
            "supporter": access.supporter.email,
            "reason": access.reason,
            "ticket": access.ticket,
            "minutes": access.minutes,
            "way": access.way,
        },
    )


def _tell(access: SupportAccess) -> None:
    owed.owe(
        "tenants.tell_support",
        organization_id=access.organization_id,
        access_id=str(access.pk),
    )
