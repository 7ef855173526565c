"""Who becomes a customer: the policy that staff write, and what a person decides where it says so.

How an organization stands is its ``admission``; whoever changes it holds the organization's lock.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from allauth.account.models import EmailAddress
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.database import atomic, beside, on_commit
from common.errors import Conflict, DomainError, Forbidden
from tenants.errors import (
    AddressBlocked,
    NotWaiting,
    SignUpClosed,
    SignUpRefused,
    WaitsForApproval,
)
from tenants.models import Membership, Organization, SignUp, SignUpPolicy, User
from tenants.services import audit, owed
from tenants.signals import organization_admitted

Admission = Organization.Admission
Way = SignUpPolicy.Way
#: What a policy says.
FIELDS = ("way", "welcome", "blocked", "first_rpm", "first_tpm", "first_concurrency")


def policy() -> SignUpPolicy:
    """Return the policy that holds now; open and without limits where none was ever written."""
    with beside():
        return SignUpPolicy.objects.first() or SignUpPolicy(number=0)


def write_policy(*, after: int, by: User, **facts: Any) -> SignUpPolicy:
    """Let another policy hold from now on, for organizations that are founded from now on.

    ``after`` is the number of the policy that was read: where another came meanwhile, ``Conflict``.
    The same again writes nothing.
    """
    present = policy()
    if present.number != after:
        raise Conflict
    before = {name: getattr(present, name) for name in FIELDS}
    if present.number and before == facts:
        return present
    try:
        with atomic():
            written = SignUpPolicy.objects.create(number=after + 1, written_by=by, **facts)
    except IntegrityError as error:
        if "number" not in str(error):
            raise
        raise Conflict from error
    audit.record(
        organization=None,
        actor=by,
        action="sign_up_policy.written",
        target=written,
        before=before,
        after=facts,
    )
    return written


def names(address: str, entries: Iterable[str]) -> bool:
    """Whether an e-mail address, its domain, or a domain above it is among these."""
    address = address.strip().lower()
    labels = address.rpartition("@")[2].split(".")
    domains = {".".join(labels[start:]) for start in range(len(labels))}
    return not {address, *domains}.isdisjoint(entries)


def is_welcome(holding: SignUpPolicy, address: str) -> bool:
    """Whether the address waits for nobody: named itself, or of a domain that is not blocked too."""
    if address.strip().lower() in holding.welcome:
        return True
    return names(address, holding.welcome) and not names(address, holding.blocked)


def check_address(holding: SignUpPolicy, address: str) -> None:
    """Refuse an address with which nothing can be founded."""
    if is_welcome(holding, address):
        return
    if names(address, holding.blocked):
        raise AddressBlocked
    if holding.way == Way.INVITED:
        raise SignUpClosed


def admission(holding: SignUpPolicy, owner: User) -> Admission:
    """Return how an organization of this person begins, or refuse it.

    Of a list's names profits who has shown that the address is theirs.
    """
    check_address(holding, owner.email)
    is_known = is_welcome(holding, owner.email)
    if is_known and holding.way != Way.OPEN and not is_verified(owner):
        raise Forbidden(_("Confirm your e-mail address first."))
    waits = holding.way == Way.APPROVAL and not is_known
    return Admission.WAITING if waits else Admission.ADMITTED


def is_verified(person: User) -> bool:
    """Whether the person has shown that the address they sign in with is theirs."""
    addresses = EmailAddress.objects.filter(user=person, verified=True)
    return bool(addresses.filter(email__iexact=person.email).exists())


#: What a link may end in; anything else that a browser says it followed is none of ours.
REFERRAL = re.compile(r"[a-z0-9]{1,16}")


def begin(organization: Organization, owner: User, *, use: str, referral: str = "") -> SignUp:
    """Note who founded the organization, what for, and which link led there.

    Part of the transaction that founds it.
    """
    is_in = organization.is_admitted
    sign_up = SignUp.objects.create(
        organization=organization,
        applicant=owner,
        email=owner.email,
        use=use,
        referral=referral if REFERRAL.fullmatch(referral) else "",
        admitted_at=timezone.now() if is_in else None,
    )
    if is_in:
        _tell_admitted(organization)
    return sign_up


@atomic()
def approve(sign_up: SignUp, *, by: User) -> SignUp:
    """Let an organization in that waits, or was refused; never by who belongs to it."""
    sign_up, organization = _open(sign_up, by, {Admission.WAITING, Admission.REFUSED})
    sign_up.admitted_at, sign_up.answer = timezone.now(), ""
    _decide(sign_up, organization, Admission.ADMITTED, by)
    _tell_admitted(organization)
    return sign_up


@atomic()
def refuse(sign_up: SignUp, *, reason: str, by: User) -> SignUp:
    """Keep an organization that waits out, for a reason that its people read."""
    if not reason.strip():
        raise DomainError(field_errors={"reason": [_("Say why: the applicant reads it.")]})
    sign_up, organization = _open(sign_up, by, {Admission.WAITING})
    sign_up.answer = reason.strip()
    _decide(sign_up, organization, Admission.REFUSED, by)
    return sign_up


def refuse_unadmitted(organization: Organization) -> None:
    """Refuse whatever an organization begins that the operator has not let in."""
    if organization.admission == Admission.WAITING:
        raise WaitsForApproval
    if organization.admission == Admission.REFUSED:
        raise SignUpRefused


@atomic()
def lift_first_limits(organization: Organization, *, by: User | None, reason: str) -> Organization:
    """Hold the organization no longer to what new customers may do; of others this changes nothing."""
    organization = Organization.objects.locked(organization.pk)
    if not organization.has_first_limits:
        return organization
    fields = ("first_rpm", "first_tpm", "first_concurrency")
    before = {name: getattr(organization, name) for name in fields}
    for name in fields:
        setattr(organization, name, None)
    organization.save(update_fields=[*fields, "updated_at"])
    audit.record(
        organization=organization,
        actor=by,
        action="first_limits.lifted",
        target=organization,
        before=before,
        after={"reason": reason},
    )
    return organization


def _open(sign_up: SignUp, by: User, states: set[Admission]) -> tuple[SignUp, Organization]:
    """Return what is to be decided, locked: the customer first, as everywhere."""
    organization = Organization.objects.locked(sign_up.organization_id)
    sign_up = SignUp.objects.locked(sign_up.pk)
    if organization.admission not in states:
        raise NotWaiting
    belongs = Membership.objects.filter(organization=organization, user=by).exists()
    if belongs or sign_up.applicant_id == by.pk:
        raise Forbidden(_("You belong to this organization: somebody else has to decide this."))
    return sign_up, organization


def _decide(sign_up: SignUp, organization: Organization, to: Admission, by: User) -> None:
    before, organization.admission = organization.admission, to
    organization.save(update_fields=["admission", "updated_at"])
    sign_up.decided_by, sign_up.decided_at = by, timezone.now()
    sign_up.save()
    sign_up.organization = organization
    audit.record(
        organization=organization,
        actor=by,
        action=f"organization.{to.value}",
        target=organization,
        before={"admission": before},
        after={"admission": to.value, "reason": sign_up.answer},
    )
    owed.owe("tenants.tell_sign_up", organization_id=organization.pk)


def _tell_admitted(organization: Organization) -> None:
    pk = organization.pk
    on_commit(lambda: _send(pk))


def _send(pk: Any) -> None:
    organization_admitted.send(sender=Organization, organization_id=pk)


def normalized(lines: Sequence[str]) -> list[str]:
    """Return domains and addresses as policies keep them: in small letters, each once, in order."""
    plain = (line.strip().lower().removeprefix("@").rstrip(".") for line in lines)
    return list(dict.fromkeys(line for line in plain if line))
