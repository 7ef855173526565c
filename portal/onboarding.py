"""The way to the first call, derived from what is really there; nobody ticks a box."""

from dataclasses import dataclass, replace

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import Exists
from django.urls import reverse
from django.utils.translation import gettext as _

from billing import queries as billing
from common.languages import listed
from metering import queries as metering
from tenants.models import GRANTS, Membership, Organization, Permission, Role, User


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, whether it is done, and where it is done.

    ``url`` is empty where the reader's role may not do it; the text then says whose may.
    """

    name: str
    title: str
    text: str
    is_done: bool
    url: str
    action: str = ""
    is_optional: bool = False
    #: The first that is open and must be done.
    is_next: bool = False


def steps(membership: Membership, person: User) -> list[Step]:
    """Return the steps in order, as they stand for this person; the scope must be open."""
    is_done = _done(membership.organization, person)
    found = [
        _email(is_done=is_done["has_email"]),
        _second_factor(is_done=is_done["has_second_factor"]),
        _organization(membership),
        _credit(membership, is_done=is_done["has_bought"], may_call=is_done["has_credit"]),
        _key(membership, is_done=is_done["has_key"]),
        _first_call(membership, is_done=is_done["has_first_call"]),
    ]
    first = next((step for step in found if not step.is_done and not step.is_optional), None)
    return [replace(step, is_next=step is first) for step in found]


def following(found: list[Step]) -> Step | None:
    """Return what must be done next; nothing once all is done that must be."""
    return next((step for step in found if step.is_next), None)


def _done(organization: Organization, person: User) -> dict[str, bool]:
    """Return what is there; one query."""
    factors = Authenticator.objects.filter(user=person)
    told = (
        User.objects.filter(pk=person.pk)
        .annotate(
            has_email=Exists(EmailAddress.objects.filter(user=person, verified=True)),
            has_second_factor=Exists(factors.exclude(type=Authenticator.Type.RECOVERY_CODES)),
            has_credit=billing.has_credit(organization),
            has_bought=billing.has_bought(organization),
            has_key=Exists(organization.api_keys.made().usable()),
            has_first_call=metering.has_usage(organization),
        )
        .values(
            "has_email",
            "has_second_factor",
            "has_credit",
            "has_bought",
            "has_key",
            "has_first_call",
        )
        .get()
    )
    return {name: bool(it) for name, it in told.items()}


def _email(*, is_done: bool) -> Step:
    return Step(
        name="email",
        title=_("Confirm your e-mail address"),
        text=_("Invoices, warnings and invitations reach you there."),
        is_done=is_done,
        url=reverse("account_email"),
        action=_("Confirm"),
    )


def _second_factor(*, is_done: bool) -> Step:
    return Step(
        name="second-factor",
        title=_("Add a passkey or an authenticator app"),
        text=_("Optional: a stolen password alone then opens nothing."),
        is_done=is_done,
        url=reverse("mfa_index"),
        action=_("Add"),
        is_optional=True,
    )


def _organization(membership: Membership) -> Step:
    return Step(
        name="organization",
        title=_("Create your organization"),
        text=_("Keys, usage and invoices belong to it."),
        is_done=True,
        url=reverse("tenants:settings", args=[membership.organization.slug]),
    )


def _credit(membership: Membership, *, is_done: bool, may_call: bool) -> Step:
    """Ask for a purchase; nobody must make one while credit that was given away pays for calls."""
    may, text = _who(membership, Permission.BILLING_MANAGE)
    is_optional = may_call and not is_done
    if is_optional:
        text = _("Optional for now: credit that you were given pays for your first requests.")
    return Step(
        name="credit",
        title=_("Buy a bundle of tokens"),
        text=text
        or _("Requests are paid from it, to the last digit, and stop when it is used up."),
        is_done=is_done,
        url=reverse("billing:bundle-list", args=[membership.organization.slug]) if may else "",
        action=_("Choose a bundle"),
        is_optional=is_optional,
    )


def _key(membership: Membership, *, is_done: bool) -> Step:
    may, text = _who(membership, Permission.KEYS_MANAGE)
    return Step(
        name="key",
        title=_("Create an API key"),
        text=text or _("Your programs call with it. It is shown once."),
        is_done=is_done,
        url=reverse("tenants:key-create", args=[membership.organization.slug]) if may else "",
        action=_("Create a key"),
    )


def _first_call(membership: Membership, *, is_done: bool) -> Step:
    page = "portal:onboarding"
    url = reverse(page, args=[membership.organization.slug]) if membership.is_shown(page) else ""
    waiting = _("Waiting for your first request… It is noticed within seconds.")
    return Step(
        name="first-call",
        title=_("Make the first call"),
        text=_("It stands under Usage, with its tokens and its cost.") if is_done else waiting,
        is_done=is_done,
        url=url and f"{url}#samples",
        action=_("Copy a sample"),
    )


def _who(membership: Membership, permission: Permission) -> tuple[bool, str]:
    """Return whether the member may do it, and for those who may not, a sentence on who may."""
    if membership.can(permission):
        return True, ""
    roles = [role.label for role in Role if permission in GRANTS[role]]
    sentence = _("Your role does not allow this. Ask a member with one of these roles: %(roles)s.")
    return False, sentence % {"roles": listed(roles)}
