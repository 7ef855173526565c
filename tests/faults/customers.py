"""Customers, models and money for a run: ``python -m tests.faults.customers``.

Takes the engines' addresses and how many keys are wanted, and prints the customers. Later, as
``python -m tests.faults.customers fill``, tops up the poor ones and rings the worker's bells until
the input ends.
"""

import os
import select
import sys
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before
from django.db import Error, connections  # noqa: E402
from django.utils import timezone  # noqa: E402
from redis.exceptions import RedisError  # noqa: E402

from billing.models import CreditGrant  # noqa: E402
from billing.services import budgeting, credits  # noqa: E402
from common import jobs  # noqa: E402
from common.database import service  # noqa: E402
from marketplace.models import (  # noqa: E402
    AIModel,
    Kind,
    ModelVersion,
    Offer,
    Price,
    PriceBook,
    Publisher,
    ServiceTier,
    Status,
    TokenClass,
    TokenWeight,
    Upstream,
)
from marketplace.models.prices import halved  # noqa: E402
from tenants.models import Organization, Region, User  # noqa: E402
from tenants.services import api_keys, organizations  # noqa: E402
from tests.faults.journals import Customer  # noqa: E402
from tests.support.ways import let_answer  # noqa: E402

KEYS_EACH = 4
#: Every third organization is poor: it lives from one small top-up to the next.
POOR_EVERY = 3
RICH_MONEY, POOR_MONEY, TOP_UP = Decimal(1000), Decimal("0.02"), Decimal("0.05")
TOKENS = Decimal(200_000)
#: Every organization has a budget that it never reaches; one key in some has one that it does.
WIDE, NARROW, NARROW_EVERY = Decimal(500), Decimal("0.01"), 4
PLENTY = {"default_rpm": 10**8, "default_tpm": 2 * 10**9, "default_concurrency": 10**6}
MODELS = {"words": Kind.CHAT, "vectors": Kind.EMBEDDING, "ranks": Kind.RERANK}
PRICES = {"input": "0.000001", "cached_input": "0.0000005", "output": "0.00001"}
TOP_UP_EVERY = 1.0
BELLS = ("billing.expire_grants", "billing.reclaim_leases", "gateway.sweep_batches")


def publish(engines):
    """Publish a model of each kind that every engine serves, with prices for batches too."""
    region = Region.objects.create(
        code=settings.FILES_REGION, name="Here", jurisdiction="EU", country="FR"
    )
    publisher = Publisher.objects.create(slug="lab", name="Lab")
    token_class = TokenClass.objects.create(code="standard", name="Standard")
    for part, weight in (("input", 1), ("cached_input", 1), ("output", 3), ("reasoning", 3)):
        TokenWeight.objects.create(token_class=token_class, token_part=part, weight=weight)
    book = PriceBook.objects.get(currency="EUR", is_default=True)
    upstreams = [
        Upstream.objects.create(name=f"e{place}", slug=f"e{place}", base_url=url, region=region)
        for place, url in enumerate(engines)
    ]
    for name, kind in MODELS.items():
        offer = _offer(name, kind, publisher, region, token_class)
        for upstream in upstreams:
            let_answer(offer, upstream=upstream, upstream_model=name)
        for part, amount in PRICES.items():
            definition = {"model": "per_unit", "unit_amount": amount}
            price(book, offer, part, definition, ServiceTier.STANDARD)
            price(book, offer, part, halved(definition), ServiceTier.BATCH)
    return token_class


def price(book, offer, part, definition, tier):
    """Set one price, for ever."""
    Price.objects.create(
        book=book,
        offer=offer,
        token_part=part,
        definition=definition,
        service_tier=tier,
        effective_from="2026-01-01T00:00:00Z",
    )


def _offer(name, kind, publisher, region, token_class):
    model = AIModel.objects.create(
        slug=name,
        name=name,
        publisher=publisher,
        kind=kind,
        status=Status.PUBLISHED,
        context_window=8192,
        max_output=400,
        licence="MIT",
        template_tokens_base=16,
    )
    return Offer.objects.create(
        model_version=ModelVersion.objects.create(model=model, label="1"),
        region=region,
        name=name,
        status=Status.PUBLISHED,
        token_class=token_class,
        **PLENTY,
    )


def make(number, token_class):
    """Make one organization with its keys."""
    owner = User.objects.create_user(f"owner-{number}@faults.example", "not used to sign in")
    organization = organizations.found(name=f"Customer {number}", owner=owner, country="FR")
    is_rich = number % POOR_EVERY != POOR_EVERY - 1
    with service():
        pay(organization, RICH_MONEY if is_rich else POOR_MONEY, "money")
        if is_rich and number % 2:
            facts = {"unit": "tokens", "token_class": token_class, "cost_basis": Decimal(10)}
            credits.grant(organization, quantity=TOKENS, source_key="tokens", **facts)
        minted = [api_keys.create(organization, name="load", by=owner) for _ in range(KEYS_EACH)]
        limit(organization, owner, "wide", WIDE)
        if number % NARROW_EVERY == 0:
            limit(organization, owner, "narrow", NARROW, api_key=minted[0].api_key)
    return [Customer(each.text, each.api_key.pk.hex, *MODELS, is_rich=is_rich) for each in minted]


def limit(organization, owner, name, amount, **facts):
    """Set a hard budget whose one window is the whole run."""
    now = timezone.now()
    ends = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(days=1)}
    budgeting.create(
        organization, name=name, amount=amount, by=owner, window="fixed", **ends, **facts
    )


def pay(organization, amount, source, **facts):
    """Give money, once for each source."""
    credits.grant(
        organization,
        unit=CreditGrant.Unit.MONEY,
        quantity=amount,
        cost_basis=amount,
        source_key=source,
        **facts,
    )


def found(order):
    """Make all that a run needs, and print its customers."""
    with service():
        token_class = publish(order["engines"])
    organizations_wanted = -(-order["keys"] // KEYS_EACH)
    made = [each for number in range(organizations_wanted) for each in make(number, token_class)]
    sys.stdout.buffer.write(msgspec.json.encode(made[: order["keys"]]))


def fill():
    """Top up until the input ends, whatever fails meanwhile; every other top-up soon expires."""
    number = 0
    while not select.select([sys.stdin], [], [], TOP_UP_EVERY)[0]:
        # The same source again, until it is known to be granted.
        if attempt(lambda source=f"top-up {number}": top_up(source)):
            number += 1
        attempt(ring)
    while not attempt(ring):
        time.sleep(TOP_UP_EVERY)


def top_up(source):
    """Give every poor organization a little."""
    is_short = not int(source.split()[1]) % 2
    facts = {"expires_at": timezone.now() + timedelta(seconds=5)} if is_short else {}
    with service():
        poor = list(Organization.objects.order_by("pk"))[POOR_EVERY - 1 :: POOR_EVERY]
        for organization in poor:
            pay(organization, TOP_UP, source, **facts)


def ring():
    """Have the worker do what beat would ask of it."""
    for bell in BELLS:
        jobs.enqueue(bell)


def attempt(work):
    """Do something that may fail while storage is away; whether it did not."""
    try:
        work()
    except (Error, RedisError, OSError):
        with suppress(Error):
            connections.close_all()
        return False
    return True


if __name__ == "__main__":
    if sys.argv[1:] == ["fill"]:
        fill()
    else:
        found(msgspec.json.decode(sys.stdin.buffer.read()))
