"""Acme with credit, and finished requests to record."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.utils import timezone

from billing import funds, queries
from billing.funds import Settled, split
from billing.models import Contract, CreditGrant, Invoice, LedgerEntry, PaymentMethod
from billing.services import credits, invoicing, methods
from common.database import service
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Offer, Price, PriceBook, TokenClass
from tenants.models import Project
from tenants.scope import scope
from tests.billing.loopback.driver import API_KEY, SECRET, Loopback
from tests.billing.referring import agree, code, come, kim, propose, sam  # noqa: F401 - fixtures
from tests.support import servers

NOON = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
OFFER = uuid7()


@pytest.fixture(autouse=True)
def _rows_are_read_beside_the_loop(monkeypatch):
    """Let coroutine tests look at rows through the ORM; nothing else runs meanwhile."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def connect(db):
    """Open connections as the service role, as a gateway process does."""

    async def connect():
        role = servers.database(servers.SERVICE_ROLE)
        return await psycopg.AsyncConnection.connect(**role.keywords(), autocommit=True)

    return connect


@pytest.fixture
async def conn(connect):
    """One such connection."""
    async with await connect() as connection:
        yield connection


@pytest.fixture
def token_class(db):
    """Tokens of small models."""
    with service():
        return TokenClass.objects.create(code="small", name="Small models")


@pytest.fixture
def give(acme):
    """Give Acme money, or tokens where a class is named."""

    def give(quantity, *, token_class=None, cost="", organization=acme, **facts):
        facts.setdefault("source_key", f"test:{uuid7()}")
        with service():
            return credits.grant(
                organization,
                unit="tokens" if token_class else "money",
                quantity=Decimal(quantity),
                token_class=token_class,
                cost_basis=Decimal(cost or quantity),
                **facts,
            )

    return give


@pytest.fixture
def project(acme):
    """Acme's only project."""
    with scope(acme):
        return Project.objects.get()


@pytest.fixture
def settled(acme, project):
    """Make a finished request that these leases pay for."""

    def settled(event_id, amount, leases=(), *, tokens=0, **facts):
        paid = split(leases, money=Decimal(amount), tokens=Decimal(tokens))
        return Settled(
            **{
                "organization_id": acme.pk,
                "project_id": project.pk,
                "api_key_id": None,
                "event_id": event_id,
                "occurred_at": NOON,
                "offer_id": OFFER,
                "offer_name": "llama-8b",
                "region": "eu-fr",
                "parts": {"input": 100, "output": 20},
                "price_ids": {"output": OFFER},
                "amounts": {"output": Decimal(amount)},
                "allocations": list(paid.allocations),
                "ttft_ms": 40,
                "latency_ms": 900,
            }
            | facts
        )

    return settled


@pytest.fixture
def take(acme):
    """Lease so much money of Acme's, and tokens where a class is named."""

    async def take(conn, money, *, tokens=0, token_class=None, process="p1"):
        return await funds.take(
            conn,
            process_id=process,
            organization_id=acme.pk,
            token_class_id=token_class and token_class.pk,
            currency="EUR",
            money_needed=Decimal(money),
            tokens_needed=Decimal(tokens),
        )

    return take


@pytest.fixture
def left(acme):
    """Return what is left and what is leased of each of Acme's grants, oldest first."""

    def left():
        with scope(acme):
            return list(CreditGrant.objects.values_list("remaining", "leased"))

    return left


@pytest.fixture
def books(acme):
    """Return Acme's accounts that are not zero."""

    def books():
        with scope(acme):
            rows = LedgerEntry.objects.values_list("account__kind", "amount")
            sums = {}
            for kind, amount in rows:
                sums[kind] = sums.get(kind, Decimal(0)) + amount
            # What pages show is read from the grants; it is the ledger's, whatever was done.
            assert queries.balance(acme).settled.amount == -sums.get("customer_prepaid", Decimal(0))
        return {kind: amount for kind, amount in sums.items() if amount}

    return books


@pytest.fixture
def price(db):
    """Put a price on record, whichever offer asks for it."""
    demo.seed()
    book, offer = PriceBook.objects.get(code="standard"), Offer.objects.first()
    ended = datetime(2025, 1, 1, tzinfo=UTC)

    def price(amount):
        definition = {"model": "per_unit", "unit_amount": amount}
        facts = {"effective_from": ended, "effective_until": ended}
        with service():
            return Price.objects.create(
                book=book, offer=offer, token_part="input", definition=definition, **facts
            )

    return price


@pytest.fixture
def use(conn, settled):
    """Record a request of so many input tokens, by default paid by nobody."""

    async def use(price, tokens, at, leases=(), **facts):
        amount = price.per_token * tokens
        one = settled(
            f"r-{uuid7()}",
            amount,
            leases,
            parts={"input": tokens},
            amounts={"input": amount},
            price_ids={"input": price.pk},
            occurred_at=at,
            **facts,
        )
        await funds.record(conn, process_id="p1", batch=[one])

    return use


@pytest.fixture(scope="session")
def silent_stripe(tmp_path_factory):
    """A Stripe that delivers nothing by itself."""
    server = Loopback(tmp_path_factory.mktemp("top-up-stripe")).start()
    yield server
    server.stop()


@pytest.fixture
def stripe(silent_stripe, settings):
    """The same, empty, and the one that our settings name."""
    silent_stripe.control("reset")
    settings.STRIPE_API_BASE = silent_stripe.url
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = API_KEY, SECRET
    return silent_stripe


@pytest.fixture
def save(stripe, acme, alice):
    """Save a method for Acme, as the provider's page would; the newest is charged."""

    def save(token="pm_card_visa"):
        methods.open_page(acme, by=alice)
        with service():
            customer = acme.provider_customer.customer_id
        attached = stripe.client.v1.payment_methods.attach(token, {"customer": customer})
        methods.sync(acme)
        with scope(acme):
            method = PaymentMethod.objects.select_related("organization").get(method_id=attached.id)
        methods.choose(method, by=alice)
        return method

    return save


@pytest.fixture
def bill(acme):
    """Issue an invoice of Acme's over 120 euros, due for so many days."""

    def bill(total="120", *, number="T-2026-000001", overdue=0):
        now = timezone.now()
        with service():
            issuer = invoicing.default_issuer()
            return Invoice.objects.create(
                organization=acme,
                issuer=issuer,
                kind=Invoice.Kind.USAGE,
                status=Invoice.Status.OPEN,
                number=number,
                period_start=now.replace(microsecond=int(number[-6:])),
                currency="EUR",
                seller=issuer.snapshot("EUR"),
                buyer={"legal_name": "Acme", "address": "", "country": "FR", "vat_id": ""},
                net=Decimal(total),
                tax_rate=0,
                tax=0,
                total=Decimal(total),
                exact_net=Decimal(total),
                issued_at=now,
                due_at=now - timedelta(days=overdue, minutes=1),
            )

    return bill


@pytest.fixture
def held(acme):
    """Let Acme have a contract since yesterday."""

    def held(**facts):
        since = timezone.now() - timedelta(days=1)
        with service():
            return Contract.objects.create(
                organization=acme,
                number=f"C-{uuid7()}",
                status="active",
                starts_on=since.date(),
                effective_from=since,
                signed_at=since,
                **facts,
            )

    return held
