"""The demo operator: people, organizations and keys to try everything with."""

import json
import os
import secrets
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.utils import timezone

from billing.models import CreditGrant, Issuer, Overage, Plan
from billing.services import credits, gpu_costs, invoicing, issuers, plans, profiles
from common.database import service
from compute import demo as clusters
from marketplace import demo as catalogue
from marketplace import demo_books
from marketplace.models import Offer
from portal import demo_history, demo_levels, demo_studio, reachability
from portal.environment import Environment
from tenants.models import Membership, Organization, Role, User
from tenants.scope import scope
from tenants.services import api_keys, organizations

KEY_NAME = "Demo scripts"
#: A gift in euros to each demo organization.
CREDIT = Decimal(25)
CURRENCY = "EUR"
#: Who pays the list's prices and has a past, and who owns it.
AT_LIST_PRICES = {
    "Harbour Robotics": ("owner@robotics.example", "Rae Robotics"),
    "Morning Press": ("owner@press.example", "Pat Press"),
}
#: By model: its GPUs, and what one costs an hour.
COSTS = {"atlas-mini": ("0.001", "2.10"), "atlas-reason": ("0.005", "2.80")}


def path() -> Path:
    """Return where the demo's sign-ins and keys are written, readable by their user alone."""
    return Path(settings.STATE_DIR) / "demo.json"


def _person(email: str, name: str, password: str, **facts: Any) -> User:
    """Make the person, or give the one that an interrupted seed left the new password."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, name=name, **facts)
    user.set_password(password)
    user.save()
    EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"primary": True, "verified": True}
    )
    return user


def _second_factor(user: User) -> str:
    Authenticator.objects.filter(user=user).delete()
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def _organization(name: str, owner: User, kind: str) -> Organization:
    facts: dict[str, Any] = {"kind": kind, "country": "FR", "is_demo": True, "currency": "EUR"}
    with service():
        organization = Organization.objects.filter(name=name, is_demo=True).first()
    if organization is None:
        organization = organizations.found(name=name, owner=owner, **facts)
    return organization


def _ready_key(organization: Organization, owner: User) -> str:
    """Return a key that can call at once: there is credit, given once however often seeded."""
    with service():
        credits.grant(
            organization,
            unit=CreditGrant.Unit.MONEY,
            quantity=CREDIT,
            kind=CreditGrant.Kind.PROMOTIONAL,
            source_key="demo",
        )
    with scope(organization):
        return _key(organization, owner)


def _key(organization: Organization, owner: User) -> str:
    """Make the key for scripts; one that an interrupted seed left is lost, and closed."""
    for lost in organization.api_keys.usable().filter(name=KEY_NAME):
        api_keys.revoke(lost, by=owner)
    return api_keys.create(organization, name=KEY_NAME, by=owner).text


def _catalogue() -> None:
    env: Environment = settings.ENV
    if env.embedded_engine:
        catalogue.seed()
    else:
        catalogue.seed(reachability.engine_models(env.engine_url, env.engine_api_key))


def _issuer(staff: User) -> None:
    """Name a legal entity on the demo's invoices; the address is made up and says so."""
    facts = {
        "legal_name": f"{settings.OPERATOR['name']} (demo)",
        "address": "1 rue de l'Exemple\n75001 Paris",
    }
    with service():
        issuers.change(invoicing.default_issuer(), facts, by=staff)


def _public_sector(ministry: Organization, staff: User) -> None:
    """Let a second legal entity invoice the ministry, electronically as public buyers ask."""
    facts = {
        "code": "pub",
        "legal_name": f"{settings.OPERATOR['name']} Public Sector (demo)",
        "address": "2 rue de l'Exemple\n13002 Marseille",
        "country": "FR",
        "vat_id": "FR40303265045",
        "vat_rate": Decimal("0.2"),
        "iban": "FR7630006000011234567890189",
        "words_language": "fr",
        "is_electronic": True,
    }
    details = {
        "legal_name": ministry.name,
        "line1": "3 rue de l'Exemple",
        "postal_code": "75007",
        "city": "Paris",
        "country": "FR",
        "buyer_reference": "SERVICE-4",
    }
    with service():
        if Issuer.objects.filter(code=facts["code"]).exists():
            return
        profiles.update(ministry, by=staff, facts=details)
        issuer = issuers.create(facts, by=staff)
        profiles.decide(ministry, by=staff, facts={"issuer": issuer, "is_verified": False})


def _plans(staff: User) -> None:
    """Offer two plans: for those who pay beforehand, and for those who are invoiced."""
    with service():
        if Plan.objects.exists():
            return
        plans.open_plan(code="pay-first", name="Pay first", by=staff)
        plans.open_plan(
            code="invoiced",
            name="Invoiced monthly",
            commitment=Decimal(100),
            overage=Overage.CREDIT_THEN_INVOICE,
            credit_limit=Decimal(1_000),
            grace_days=2,
            by=staff,
        )


def _costs(staff: User) -> None:
    """State what some models' GPUs cost since last month; the numbers are made up."""
    first = (timezone.now().date().replace(day=1) - timedelta(days=1)).replace(day=1)
    with service():
        for offer in Offer.objects.filter(name__in=COSTS, gpu_costs=None):
            gpus, per_hour = COSTS[offer.name]
            gpu_costs.state(
                offer,
                starts_on=first,
                currency=CURRENCY,
                gpus=Decimal(gpus),
                per_hour=Decimal(per_hour),
                note="made up for the demo",
                by=staff,
            )


def seed() -> dict[str, Any]:
    """Make the demo once; a second call returns what the first one wrote.

    The catalogue follows the engine: its address, and which models it serves.
    """
    _catalogue()
    if path().exists():
        found: dict[str, Any] = json.loads(path().read_text())
        return found
    password = secrets.token_urlsafe(12)
    clusters.seed()
    staff = _person("staff@operator.example", "Sam Staff", password, is_staff=True)
    colleague = _person("colleague@operator.example", "Cleo Colleague", password, is_staff=True)
    _issuer(staff)
    _plans(staff)
    _costs(staff)
    founder = _person("founder@startup.example", "Fay Founder", password)
    minister = _person("admin@ministry.example", "Ada Admin", password)
    developer = _person("developer@startup.example", "Dan Developer", password)
    startup = _organization("Northwind AI", founder, "startup")
    ministry = _organization("Ministry of Works", minister, "government")
    demo_history.seed(ministry, owner=minister, staff=staff, colleague=colleague)
    for name, (address, person) in AT_LIST_PRICES.items():
        owner = _person(address, person, password)
        demo_history.seed_other(_organization(name, owner, "enterprise"), owner=owner)
    demo_levels.seed(ministry, staff=staff, colleague=colleague)
    with service():
        Membership.objects.get_or_create(
            organization=startup, user=developer, defaults={"role": Role.DEVELOPER}
        )
    demo_books.seed(ministry, by=staff)
    demo_studio.seed(startup, owner=founder)
    _public_sector(ministry, staff)
    facts = {
        "base_url": f"{settings.PUBLIC_URL}/v1",
        "password": password,
        "staff": {"email": staff.email, "totp_secret": _second_factor(staff)},
        "colleague": {"email": colleague.email, "totp_secret": _second_factor(colleague)},
        "people": [
            founder.email,
            developer.email,
            minister.email,
            *(address for address, _person in AT_LIST_PRICES.values()),
        ],
        "organizations": {
            startup.slug: {"owner": founder.email, "api_key": _ready_key(startup, founder)},
            ministry.slug: {"owner": minister.email, "api_key": _ready_key(ministry, minister)},
        },
    }
    _write(facts)
    return facts


def _write(facts: dict[str, Any]) -> None:
    draft = path().with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file, indent=2)
    draft.replace(path())
