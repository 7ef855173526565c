"""Holding a customer to something, in three grades: a warning, nothing new, nothing at all.

Each comes into force at its start, by itself where that lies ahead, and is told to the customer
then: on their pages, in their audit log and by mail. It ends when one of the staff lifts it, or at
its own end.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from common import sweeping
from common.database import atomic, service
from common.errors import Forbidden
from tenants import ports
from tenants.errors import EndsBeforeItStarts, InForce, NothingNew
from tenants.models import Membership, Organization, Restriction, User
from tenants.services import audit, organizations, owed, sign_ups

Level = Restriction.Level
#: What the log calls trouble with one of them.
PUT_OFF = "restriction_put_off"
ENDED = "It ended on the day that was set"
OVERDUE = "An invoice is overdue"


@atomic()
def impose(
    organization: Organization,
    *,
    level: str,
    reason: str,
    by: User,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Restriction:
    """Hold the customer to a grade from its start on; one of the same grade is replaced.

    The same again changes nothing. Who belongs to the customer replaces nothing.
    """
    now = timezone.now()
    starts_at = max(starts_at or now, now)
    if ends_at is not None and ends_at <= starts_at:
        raise EndsBeforeItStarts(field_errors={"ends_at": [EndsBeforeItStarts.detail]})
    organization = Organization.objects.locked(organization.pk)
    present = Restriction.objects.open().filter(organization=organization, level=level).first()
    if present is not None:
        if present.begun_at is not None and starts_at > now:
            raise InForce
        is_same = (present.reason, present.ends_at) == (reason, ends_at)
        if is_same and present.starts_at <= now:
            return present
        _refuse_own(organization, by)
        _close(present, now, by)
    made = Restriction.objects.create(
        organization=organization,
        level=level,
        reason=reason,
        starts_at=starts_at,
        ends_at=ends_at,
        set_by=by,
    )
    if starts_at <= now:
        _begin(made, organization)
    else:
        _record("restriction.planned", made, by)
    return made


@atomic()
def lift(organization: Organization, *, level: str, reason: str, by: User) -> Organization:
    """Undo what holds the customer to this grade; where nothing does, this changes nothing.

    The end of a stop of everything lets them call again, whoever stopped them. Who belongs to the
    customer is refused.
    """
    organization = Organization.objects.locked(organization.pk)
    _refuse_own(organization, by)
    present = Restriction.objects.open().filter(organization=organization, level=level).first()
    if present is not None:
        _close(present, timezone.now(), by)
    if level == Level.ALL:
        return organizations.reactivate(organization, reason=reason, by=by)
    if present is not None:
        _record("restriction.lifted", present, by, reason=reason)
        if present.begun_at is not None:
            _tell(present, is_over=True, reason=reason)
    return organization


def stops_new(organization: Organization) -> bool:
    """Whether the customer may begin nothing new at this moment."""
    holding = Restriction.objects.in_force(timezone.now())
    return holding.filter(organization=organization, level__in=(Level.NEW, Level.ALL)).exists()


def refuse_new(organization: Organization) -> None:
    """Refuse to begin anything new for a customer of whom that is stopped, or who is not let in."""
    sign_ups.refuse_unadmitted(organization)
    if stops_new(organization):
        raise NothingNew


def sweep() -> int:
    """Begin what is due and end what is over; trouble with one keeps no other back."""
    now = timezone.now()
    with service():
        due = Restriction.objects.open().filter(begun_at=None, starts_at__lte=now)
        over = Restriction.objects.open().filter(ends_at__lte=now)
        # What is over is not begun any more.
        ends = list(over.values_list("pk", flat=True))
        begins = list(due.exclude(pk__in=ends).values_list("pk", flat=True))
    works = [partial(_begin_due, pk) for pk in begins] + [partial(_end_due, pk, now) for pk in ends]
    return sweeping.each(works, trouble=PUT_OFF)


def _refuse_own(organization: Organization, by: User) -> None:
    """Refuse who would make it easier for a customer that they belong to."""
    if Membership.objects.filter(organization=organization, user=by).exists():
        raise Forbidden(_("You belong to this organization: somebody else has to decide this."))


def _begin_due(pk: UUID) -> None:
    with service():
        restriction, organization = _locked(pk)
        if restriction.lifted_at is None and restriction.begun_at is None:
            _begin(restriction, organization)


def _end_due(pk: UUID, now: datetime) -> None:
    with service():
        restriction, organization = _locked(pk)
        if restriction.lifted_at is not None:
            return
        _close(restriction, now, None)
        if restriction.begun_at is None:
            return
        if restriction.level == Level.ALL:
            _let_in(organization)
        else:
            _record("restriction.ended", restriction, None)
            _tell(restriction, is_over=True, reason=ENDED)


def _locked(pk: UUID) -> tuple[Restriction, Organization]:
    """Return the restriction and its customer, locked: the customer first, as everywhere."""
    found = Restriction.objects.get(pk=pk)
    organization = Organization.objects.locked(found.organization_id)
    return Restriction.objects.locked(pk), organization


def _begin(restriction: Restriction, organization: Organization) -> None:
    restriction.begun_at = timezone.now()
    restriction.save(update_fields=["begun_at", "updated_at"])
    if restriction.level == Level.ALL:
        # It writes what was done into the log, and mails.
        organizations.suspend(organization, reason=restriction.reason, by=restriction.set_by)
        return
    _record("restriction.begun", restriction, restriction.set_by)
    _tell(restriction, is_over=False, reason=restriction.reason)


def _let_in(organization: Organization) -> None:
    """Let a customer call again, unless a debt has come to keep them out, or somebody lets them in."""
    if not organizations.is_suspended_by_a_person(organization):
        return
    if ports.debts.keep_out(organization):
        organizations.keep_suspended(organization, reason=OVERDUE)
    else:
        organizations.reactivate(organization, reason=ENDED, by=None)


def _close(restriction: Restriction, at: datetime, by: User | None) -> None:
    restriction.lifted_at, restriction.lifted_by = at, by
    restriction.save(update_fields=["lifted_at", "lifted_by", "updated_at"])


def _record(action: str, restriction: Restriction, by: User | None, reason: str = "") -> None:
    audit.record(
        organization=restriction.organization,
        actor=by,
        action=action,
        target=restriction,
        after={
            "level": restriction.level,
            "reason": reason or restriction.reason,
            "starts_at": restriction.starts_at,
            "ends_at": restriction.ends_at,
        },
    )


def _tell(restriction: Restriction, *, is_over: bool, reason: str) -> None:
    owed.owe(
        "tenants.tell_restriction",
        organization_id=restriction.organization_id,
        restriction_id=str(restriction.pk),
        is_over=is_over,
        reason=reason,
    )
