"""Customers with a history: organizations, their people, keys and documents, and a million requests.

What is many is written by the database itself, as its owner and with triggers off: the rows are
those the recorder would have written one batch after the other, in a minute instead of hours.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connections
from django.utils import timezone

from billing.models import CreditGrant, Invoice, InvoiceLine, Issuer, Order
from billing.services import credits
from common.database import OWNER, service
from marketplace import demo as catalogue
from marketplace.models import (
    AIModel,
    Bundle,
    Offer,
    Price,
    Publisher,
    Route,
    TokenClass,
)
from tenants.models import AuditEntry, Membership, Organization, Role, User
from tenants.services import api_keys, organizations

MEMBERS, KEYS, ORDERS, ACTS = 12, 4, 12, 300
#: More than anybody spends here, so that the present balance is above zero.
MONEY, TOKENS = Decimal(100_000), Decimal(10_000_000)

PUBLISHERS = ("Cedar", "Nimbus", "Orchard", "Tidal", "Vertex", "Meridian", "Sahara", "Steppe")
SUBJECTS = (
    "translation between French and Arabic",
    "contracts and public tenders",
    "medical letters",
    "questions of citizens",
    "code review",
    "speech of call centres",
    "search in archives",
    "summaries of long reports",
    "mathematics",
)

# Customers by size: the first makes a fifth of all requests, the second half of that, and so on.
CUSTOMERS = """
CREATE TEMP TABLE bench_customer AS
SELECT row_number() OVER (ORDER BY o.slug)::int AS place, o.id AS organization_id,
    p.id AS project_id, array_agg(k.id ORDER BY k.id) AS keys, g.id AS grant_id,
    sum(1.0 / row_number) OVER (ORDER BY o.slug) / sum(1.0 / row_number) OVER () AS share
FROM (SELECT *, row_number() OVER (ORDER BY slug) FROM tenants_organization) o
JOIN tenants_project p ON p.organization_id = o.id
JOIN tenants_apikey k ON k.organization_id = o.id
JOIN billing_creditgrant g ON g.organization_id = o.id AND g.unit = 'money'
GROUP BY o.slug, o.id, o.row_number, p.id, g.id
"""
OFFERS = """
CREATE TEMP TABLE bench_offer AS
SELECT row_number() OVER (ORDER BY o.name)::int AS place, o.id AS offer_id, o.name,
    o.region_id AS region, jsonb_object_agg(p.token_part, p.id) AS price_ids,
    max((p.definition->>'unit_amount')::numeric) FILTER (WHERE token_part = 'input') AS input,
    max((p.definition->>'unit_amount')::numeric) FILTER (WHERE token_part = 'cached_input')
        AS cached_input,
    max((p.definition->>'unit_amount')::numeric) FILTER (WHERE token_part = 'output') AS output
FROM marketplace_offer o
JOIN marketplace_price p ON p.offer_id = o.id AND p.service_tier = 'standard'
GROUP BY o.id HAVING count(*) > 1
"""
# Most calls come in office hours, with one key and for one model.
EVENTS = """
CREATE TEMP TABLE bench_event AS
SELECT uuidv7(at - now()) AS id, 'req_' || replace(gen_random_uuid()::text, '-', '') AS event_id,
    input_tokens * input + cached_tokens * cached_input + output_tokens * output AS amount, e.*
FROM (
    SELECT c.organization_id, c.project_id, c.grant_id, c.place %% 10 = 0 AS owes, o.*, d.*,
        c.keys[1 + floor(d.r2 ^ 3 * cardinality(c.keys))::int] AS key_id,
        (20 + d.r4 ^ 2 * 4000)::bigint AS input_tokens,
        CASE WHEN d.r3 < 0.3 THEN (d.r4 * 1000)::bigint ELSE 0 END AS cached_tokens,
        (5 + d.r5 ^ 2 * 800)::bigint AS output_tokens
    FROM (
        SELECT random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5,
            random() AS r6, %(start)s::timestamptz + floor(%(days)s * random()) * interval '1 day'
            + (CASE WHEN random() < 0.8 THEN 8 + 10 * random() ELSE 24 * random() END)
            * interval '1 hour' AS at
        FROM generate_series(1, %(events)s)
    ) d
    CROSS JOIN (
        SELECT array_agg(share::float8 ORDER BY place) AS shares FROM bench_customer) customers
    JOIN bench_customer c ON c.place = least(cardinality(shares), 1 + width_bucket(d.r1, shares))
    JOIN bench_offer o ON o.place = 1 + floor(d.r6 ^ 2 * 3)::int
) e ORDER BY at
"""
FACTS = """
INSERT INTO metering_usageeventkey (organization_id, source, event_id, body_hash, recorded_at)
SELECT organization_id, 'gateway', event_id, sha256(event_id::bytea), at FROM bench_event;
INSERT INTO metering_usageevent (
    id, organization_id, project_id, api_key_id, source, event_id, offer_id, offer_name, region,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, price_ids, policy, outcome,
    streamed, ttft_ms, latency_ms, occurred_at, recorded_at)
SELECT id, organization_id, project_id, key_id, 'gateway', event_id, offer_id, name, region,
    input_tokens, cached_tokens, output_tokens, 0,
    CASE WHEN cached_tokens > 0 THEN price_ids ELSE price_ids - 'cached_input' END,
    '{"jurisdiction": "EU", "allowed_jurisdictions": [], "estimated": false}',
    CASE WHEN r5 < 0.01 THEN 'client_gone' ELSE 'completed' END,
    r2 < 0.7, 80 + (r4 * 400)::int, 300 + (r5 * 4000)::int, at, at + interval '150 ms'
FROM bench_event;
INSERT INTO billing_ratedusage (
    id, organization_id, source, event_id, price_ids, amounts, amount, currency, split, uncovered,
    occurred_at, recorded_at)
SELECT id, organization_id, 'gateway', event_id, price_ids,
    jsonb_build_object('input', (input_tokens * input)::text, 'output',
        (output_tokens * output)::text, 'cached_input', (cached_tokens * cached_input)::text),
    amount, 'EUR', CASE WHEN owes THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
        'grant', grant_id, 'quantity', amount::text, 'amount', amount::text)) END,
    CASE WHEN owes THEN amount ELSE 0 END, at, at + interval '150 ms'
FROM bench_event;
"""
BUCKETS = """
INSERT INTO metering_usagebucket (
    id, organization_id, project_id, api_key_id, offer_name, region, starts_at, requests, failures,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, ttft_ms_sum, ttft_count,
    latency_ms_sum)
SELECT uuidv7(), organization_id, project_id, api_key_id, offer_name, region,
    date_bin('15 minutes', occurred_at, 'epoch'), count(*),
    count(*) FILTER (WHERE outcome <> 'completed'), sum(input_tokens), sum(cached_input_tokens),
    sum(output_tokens), sum(reasoning_tokens), sum(ttft_ms), count(ttft_ms), sum(latency_ms)
FROM metering_usageevent GROUP BY 2, 3, 4, 5, 6, 7 ORDER BY 7;
INSERT INTO billing_spendbucket (
    id, organization_id, project_id, api_key_id, offer_name, currency, starts_at, requests, amount,
    uncovered)
SELECT uuidv7(), organization_id, project_id, key_id, name, 'EUR',
    date_bin('15 minutes', at, 'epoch'), count(*), sum(amount),
    coalesce(sum(amount) FILTER (WHERE owes), 0)
FROM bench_event GROUP BY 2, 3, 4, 5, 7 ORDER BY 7;
INSERT INTO billing_pricedbucket (
    id, organization_id, offer_name, token_part, price_id, starts_at, tokens)
SELECT uuidv7(), organization_id, name, part, (price_ids->>part)::uuid,
    date_bin('15 minutes', at, 'epoch'), sum(tokens)
FROM bench_event CROSS JOIN LATERAL (VALUES
    ('input', input_tokens), ('cached_input', cached_tokens), ('output', output_tokens)
) AS used(part, tokens)
WHERE tokens > 0 GROUP BY 2, 3, 4, 5, 6 ORDER BY 6;
"""
# What triggers keep, which are off here.
DAYS = """
INSERT INTO metering_usageday (id, organization_id, offer_name, day, requests, failures,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens)
SELECT uuidv7(), organization_id, offer_name, (starts_at AT TIME ZONE 'UTC')::date,
    sum(requests), sum(failures), sum(input_tokens), sum(cached_input_tokens),
    sum(output_tokens), sum(reasoning_tokens)
FROM metering_usagebucket GROUP BY 2, 3, 4;
INSERT INTO billing_spendday (id, organization_id, offer_name, currency, day, requests, amount, uncovered)
SELECT uuidv7(), organization_id, offer_name, currency, (starts_at AT TIME ZONE 'UTC')::date,
    sum(requests), sum(amount), sum(uncovered)
FROM billing_spendbucket GROUP BY 2, 3, 4, 5;
"""
# A customer rarely has two requests in one batch of the recorder: one transaction for each.
LEDGER = """
INSERT INTO billing_ledgeraccount (id, organization_id, kind, currency)
SELECT uuidv7(), organization_id, kind, 'EUR'
FROM bench_customer CROSS JOIN (VALUES ('customer_prepaid'), ('receivable'), ('revenue')) v(kind)
ON CONFLICT DO NOTHING;
INSERT INTO billing_ledgertransaction (
    id, organization_id, operation_key, kind, memo, recorded_at)
SELECT id, organization_id, 'usage:' || event_id, 'usage', '', at FROM bench_event;
INSERT INTO billing_ledgerentry (
    id, organization_id, transaction_id, account_id, grant_id, amount)
SELECT uuidv7(), e.organization_id, e.id, a.id, CASE WHEN owes THEN NULL ELSE grant_id END,
    CASE WHEN a.kind = 'revenue' THEN -amount ELSE amount END
FROM bench_event e JOIN billing_ledgeraccount a ON a.organization_id = e.organization_id
    AND a.kind IN ('revenue', CASE WHEN owes THEN 'receivable' ELSE 'customer_prepaid' END);
UPDATE billing_creditgrant g SET remaining = granted - used.amount FROM (
    SELECT grant_id, sum(amount) AS amount FROM bench_event WHERE NOT owes GROUP BY grant_id
) used WHERE g.id = used.grant_id;
"""
# Quick rather than safe: what is lost in a crash is seeded again.
HASTE = """
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '256MB';
SELECT setseed(0.5)
"""


def models(count: int) -> None:
    """Add models like the demo's until there are so many, each with words and prices of its own."""
    with service():
        publishers = [
            Publisher.objects.get_or_create(slug=name.lower(), defaults={"name": name})[0]
            for name in PUBLISHERS
        ]
        likes = list(Offer.objects.select_related("model_version__model").order_by("created_at"))
        for number in range(AIModel.objects.count(), count):
            publisher = publishers[number % len(publishers)]
            _model(number, publisher, likes[number % len(likes)])


def _model(number: int, publisher: Publisher, like: Offer) -> None:
    """Copy a model with all that sells it, under another name."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    prices = list(Price.objects.filter(offer=like))
    routes = list(Route.objects.filter(offer=like))
    version, model = like.model_version, like.model_version.model
    model = _copy(
        model,
        slug=f"bench-{number:03}",
        name=f"{publisher.name} {subject.split()[0]} {number}",
        publisher=publisher,
        family=f"{publisher.name} {number % 7}",
        summary=f"Made for {subject}.",
        card=f"{publisher.name} {number} was made for {subject}.\n\n{model.card}",
        context_window=model.context_window * (1 + number % 4),
    )
    version = _copy(version, model=model)
    offer = _copy(like, model_version=version, name=model.slug)
    for price in prices:
        unit = Decimal(price.definition["unit_amount"]) * (1 + number % 9)
        _copy(price, offer=offer, definition={**price.definition, "unit_amount": f"{unit:f}"})
    for route in routes:
        _copy(route, offer=offer)


def _copy(row: Any, **facts: Any) -> Any:
    fields = {it.attname: getattr(row, it.attname) for it in row._meta.concrete_fields}
    del fields["id"]
    copied = type(row)(**fields)
    for name, value in facts.items():
        setattr(copied, name, value)
    copied.save(force_insert=True)
    return copied


def seed(*, count: int, events: int) -> None:
    """Write all of it."""
    catalogue.seed()
    staff = User.objects.create_user("staff@bench.example", is_staff=True, name="Sam Staff")
    for number in range(count):
        _customer(number)
    _documents(staff)
    start, now = since(), timezone.now()
    with connections[OWNER].cursor() as cursor:
        for statements in (HASTE, CUSTOMERS, OFFERS):
            cursor.execute(statements)
        cursor.execute(EVENTS, {"events": events, "start": start, "days": (now - start).days})
        for statements in (
            FACTS,
            BUCKETS,
            DAYS,
            LEDGER,
            "RESET ALL; DROP TABLE bench_event, bench_offer, bench_customer",
        ):
            cursor.execute(statements)
        # What PostgreSQL itself does after a while.
        cursor.execute("VACUUM ANALYZE")


def since() -> datetime:
    """Return the beginning of last month: its partitions and this month's are there."""
    first = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first - timedelta(days=1)).replace(day=1)


def _customer(number: int) -> None:
    owner = User.objects.create_user(f"owner-{number:03}@bench.example", name="Olga Owner")
    organization = organizations.found(name=f"Customer {number:03}", owner=owner, country="FR")
    people = [
        User(email=f"member-{number:03}-{place}@bench.example", name=f"Member {place}")
        for place in range(MEMBERS - 1)
    ]
    User.objects.bulk_create(people)
    with service():
        Membership.objects.bulk_create(
            Membership(organization=organization, user=user, role=Role.DEVELOPER) for user in people
        )
        for place in range(KEYS):
            api_keys.create(organization, name=f"Key {place}", by=owner)
        _pay(organization)


def _pay(organization: Organization) -> None:
    unit = CreditGrant.Unit
    credits.grant(
        organization, unit=unit.MONEY, quantity=MONEY, source_key="money", cost_basis=MONEY
    )
    credits.grant(
        organization,
        unit=unit.TOKENS,
        quantity=TOKENS,
        source_key="tokens",
        cost_basis=Decimal(5),
        token_class=TokenClass.objects.get(code="standard"),
    )


def _documents(staff: User) -> None:
    """Write a year's orders with their invoices, and what was done by people."""
    bundle = Bundle.objects.filter(token_class=None)[0]
    issuer = Issuer.objects.get(is_default=True)
    found = list(Organization.objects.using(OWNER).all())
    orders = [
        _order(organization, bundle, staff, place)
        for organization in found
        for place in range(ORDERS)
    ]
    Order.objects.using(OWNER).bulk_create(orders)
    invoices = [_invoice(order, issuer, number) for number, order in enumerate(orders, start=1)]
    Invoice.objects.using(OWNER).bulk_create(invoices)
    InvoiceLine.objects.using(OWNER).bulk_create(map(_line, invoices))
    AuditEntry.objects.using(OWNER).bulk_create(
        (_act(organization, staff, place) for organization in found for place in range(ACTS)),
        batch_size=5000,
    )


def _order(organization: Organization, bundle: Bundle, by: User, place: int) -> Order:
    net = bundle.net_amount
    tax = net / 5
    return Order(
        organization=organization,
        operation_key=f"bench-{place}",
        bundle=bundle,
        bundle_name=bundle.name,
        status=Order.Status.PAID,
        currency="EUR",
        net=net,
        tax_rate=Decimal("0.2"),
        tax=tax,
        total=net + tax,
        grant_unit="money",
        grant_quantity=net,
        validity_days=365,
        placed_by=by,
        paid_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=25 * place),
    )


def _invoice(order: Order, issuer: Issuer, number: int) -> Invoice:
    paid = order.paid_at or timezone.now()
    return Invoice(
        organization_id=order.organization_id,
        issuer=issuer,
        kind=Invoice.Kind.PURCHASE,
        status=Invoice.Status.PAID,
        number=f"BENCH-{number:06}",
        order=order,
        currency="EUR",
        seller=issuer.snapshot("EUR"),
        buyer={"legal_name": "Customer", "address": "", "country": "FR", "vat_id": ""},
        net=order.net,
        tax_rate=order.tax_rate,
        tax=order.tax,
        total=order.total,
        exact_net=order.net,
        issued_at=paid,
        due_at=paid,
        paid_at=paid,
    )


def _line(invoice: Invoice) -> InvoiceLine:
    return InvoiceLine(
        organization_id=invoice.organization_id,
        invoice=invoice,
        position=1,
        kind="bundle",
        description="Growth",
        quantity=1,
        unit_amount=invoice.net,
        exact_amount=invoice.net,
        amount=invoice.net,
    )


def _act(organization: Organization, by: User, place: int) -> AuditEntry:
    return AuditEntry(
        organization=organization,
        actor_kind="user",
        actor_user=by,
        actor_label=by.email,
        action="member.role_changed",
        target_kind="membership",
        target_id=str(organization.pk),
        target_label="Member 1",
        before={"role": "viewer"},
        after={"role": "developer"},
        occurred_at=timezone.now() - timedelta(hours=7 * place),
    )
