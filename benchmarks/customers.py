"""Customers with keys and money for the gateway's load: ``python -m benchmarks.customers``.

Takes how many, makes them beside the demo's catalogue and prints their keys. Half of them pay with
money alone, half have bought tokens as well.
"""

import os
import sys
from decimal import Decimal

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from billing.models import CreditGrant  # noqa: E402 - Django must be set up before
from billing.services import credits  # noqa: E402
from common.database import service  # noqa: E402
from marketplace import demo as catalogue  # noqa: E402
from marketplace.models import Offer, TokenClass  # noqa: E402
from tenants.models import Organization, User  # noqa: E402
from tenants.services import api_keys, organizations  # noqa: E402

MODEL = "atlas-mini"
#: Enough for everything, with limits that are looked at and never reached.
MONEY, TOKENS = Decimal(1_000), Decimal(5_000_000)
PLENTY = {"default_rpm": 10**8, "default_tpm": 2 * 10**9, "default_concurrency": 10**6}


def make(number: int) -> str:
    """Make one customer and return its key."""
    owner = User.objects.create_user(f"owner-{number}@bench.example", "not used to sign in")
    organization = organizations.found(name=f"Customer {number}", owner=owner, country="FR")
    with service():
        _pay(organization, number)
        return api_keys.create(organization, name="load", by=owner).text


def _pay(organization: Organization, number: int) -> None:
    money = CreditGrant.Unit.MONEY
    credits.grant(organization, unit=money, quantity=MONEY, source_key="money", cost_basis=MONEY)
    if number % 2:
        credits.grant(
            organization,
            unit=CreditGrant.Unit.TOKENS,
            quantity=TOKENS,
            source_key="tokens",
            cost_basis=Decimal(10),
            token_class=TokenClass.objects.get(code="standard"),
        )


def main() -> None:
    """Make as many as the input says."""
    count = msgspec.json.decode(sys.stdin.buffer.read(), type=int)
    catalogue.seed()
    with service():
        Offer.objects.filter(name=MODEL).update(**PLENTY)
    keys = [make(number) for number in range(count)]
    sys.stdout.buffer.write(msgspec.json.encode({"model": MODEL, "keys": keys}))


if __name__ == "__main__":
    main()
