"""Last month's requests of many customers, written by the database itself.

As its owner, with triggers off and with the facts' indexes made afterwards: the rows are those that
recorders would have written one batch after the other, in minutes instead of hours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from benchmarks import seeding
from common.database import OWNER
from marketplace import demo as catalogue
from metering.models import TOKEN_PARTS
from tenants.models import User
from tenants.services import organizations

SECONDS_A_MONTH = 27 * 24 * 3600
#: The first instant of last month, in SQL.
MONTH = "(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month') AT TIME ZONE 'UTC'"
FACTS = ("metering_usageevent", "billing_ratedusage")
SUMS = ("metering_usagebucket", "billing_spendbucket", "billing_pricedbucket")
DAYS = ("metering_usageday", "billing_spendday")

CUSTOMERS = """
CREATE TEMP TABLE bench_new AS SELECT place, gen_random_uuid() AS id FROM
    generate_series(2, %(count)s) AS place;
INSERT INTO tenants_organization SELECT (jsonb_populate_record(first, jsonb_build_object(
    'id', n.id, 'slug', 'customer-' || n.place, 'name', 'Customer ' || n.place))).*
FROM tenants_organization first, bench_new n;
INSERT INTO tenants_project SELECT (jsonb_populate_record(first, jsonb_build_object(
    'id', gen_random_uuid(), 'organization_id', n.id))).*
FROM tenants_project first, bench_new n;
CREATE TABLE bench_customer AS SELECT row_number() OVER (ORDER BY o.created_at, o.slug) - 1 AS place,
    o.id AS organization_id, p.id AS project_id
    FROM tenants_organization o JOIN tenants_project p ON p.organization_id = o.id;
ANALYZE bench_customer;
"""
#: Customers that were made otherwise, to have more requests.
THESE = """
CREATE TABLE bench_customer AS SELECT DISTINCT ON (o.id)
    dense_rank() OVER (ORDER BY o.created_at, o.slug) - 1 AS place,
    o.id AS organization_id, p.id AS project_id
    FROM tenants_organization o JOIN tenants_project p ON p.organization_id = o.id;
ANALYZE bench_customer;
"""
# The same of each request in every table: its numbers follow from which one it is. They come in the
# order of time, as recorders write them; each customer works every fifth quarter of an hour, with one
# model.
REQUESTS = f"""
ANALYZE bench_offer;
CREATE TEMP VIEW bench_request AS
SELECT uuidv7() AS id, n, c.organization_id, c.project_id, o.*, 1 AS requests,
    (20 + n * 7919 %% 4000)::bigint AS input_tokens, (5 + n * 104729 %% 800)::bigint AS output_tokens,
    {MONTH} + second * interval '1 second' AS at
FROM (
    SELECT n, (n - %(first)s) * {SECONDS_A_MONTH} / (%(last)s - %(first)s + 1) AS second
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
) request
CROSS JOIN (SELECT count(*) AS customers FROM bench_customer)
JOIN bench_customer c ON c.place = (n %% ((customers + 4) / 5) * 5 + second / 900 %% 5) %% customers
JOIN bench_offer o ON o.place = 1 + (second / 4500 + c.place) %% 3
"""  # noqa: S608 - the numbers are this module's own
# So many requests more, of which only the sums are written: those of the first customer in every
# quarter of an hour and for every model, as busy as one can be.
MORE = f"""
ANALYZE bench_offer;
CREATE TEMP VIEW bench_request AS
SELECT c.organization_id, c.project_id, o.*, each.requests, each.requests * 2020 AS input_tokens,
    each.requests * 405 AS output_tokens, {MONTH} + quarter * interval '15 minutes' AS at
FROM (SELECT count(*) AS customers FROM bench_customer)
CROSS JOIN LATERAL (SELECT ceil(
    %(more)s * 5.0 / customers / ({SECONDS_A_MONTH} / 900))::bigint AS requests) each
CROSS JOIN bench_customer c
CROSS JOIN generate_series(0, {SECONDS_A_MONTH} / 900 - 1) quarter
JOIN bench_offer o ON c.place = 0 OR o.place = 1 + (quarter / 5 + c.place) %% 3
WHERE c.place = 0 OR quarter %% 5 = c.place %% 5
"""  # noqa: S608 - the numbers are this module's own
WRITE_FACTS = """
INSERT INTO metering_usageevent (
    id, organization_id, project_id, source, event_id, offer_id, offer_name, region,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, price_ids, policy, outcome,
    streamed, occurred_at, recorded_at)
SELECT id, organization_id, project_id, 'gateway', 'req_' || n, offer_id, name, region,
    input_tokens, 0, output_tokens, 0, price_ids, '{}', 'completed', false, at, at FROM bench_request;
INSERT INTO billing_ratedusage (
    id, organization_id, source, event_id, price_ids, amounts, amount, currency, split, uncovered,
    occurred_at, recorded_at)
SELECT id, organization_id, 'gateway', 'req_' || n, price_ids,
    jsonb_build_object('input', (input_tokens * input)::text, 'output', (output_tokens * output)::text),
    input_tokens * input + output_tokens * output, 'EUR', '[]',
    input_tokens * input + output_tokens * output, at, at FROM bench_request
"""
WRITE_SUMS = """
CREATE TEMP TABLE bench_sum AS
SELECT organization_id, project_id, place, date_bin('15 minutes', at, 'epoch') AS starts_at,
    sum(requests) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
FROM bench_request GROUP BY 1, 2, 3, 4;
INSERT INTO metering_usagebucket AS bucket (
    id, organization_id, project_id, offer_name, region, starts_at, requests, failures, input_tokens,
    cached_input_tokens, output_tokens, reasoning_tokens, ttft_ms_sum, ttft_count, latency_ms_sum)
SELECT uuidv7(), organization_id, project_id, name, region, starts_at, requests, 0, input_tokens, 0,
    output_tokens, 0, 0, 0, 0
FROM bench_sum JOIN bench_offer USING (place)
ON CONFLICT (organization_id, starts_at, project_id, api_key_id, offer_name, region) DO UPDATE SET
    requests = bucket.requests + excluded.requests,
    input_tokens = bucket.input_tokens + excluded.input_tokens,
    output_tokens = bucket.output_tokens + excluded.output_tokens;
INSERT INTO billing_spendbucket AS bucket (
    id, organization_id, project_id, offer_name, currency, starts_at, requests, amount, uncovered)
SELECT uuidv7(), organization_id, project_id, name, 'EUR', starts_at, requests, worth, worth
FROM bench_sum JOIN bench_offer USING (place)
CROSS JOIN LATERAL (SELECT input_tokens * input + output_tokens * output AS worth)
ON CONFLICT (organization_id, starts_at, project_id, api_key_id, offer_name, currency) DO UPDATE SET
    requests = bucket.requests + excluded.requests, amount = bucket.amount + excluded.amount,
    uncovered = bucket.uncovered + excluded.uncovered;
INSERT INTO billing_pricedbucket AS bucket (
    id, organization_id, offer_name, token_part, price_id, starts_at, tokens)
SELECT uuidv7(), organization_id, name, part, (price_ids->>part)::uuid, starts_at, tokens
FROM bench_sum JOIN bench_offer USING (place)
CROSS JOIN LATERAL (VALUES ('input', input_tokens), ('output', output_tokens)) AS used(part, tokens)
ON CONFLICT (organization_id, starts_at, offer_name, token_part, price_id, multiplier) DO UPDATE SET
    tokens = bucket.tokens + excluded.tokens;
DROP VIEW bench_request; DROP TABLE bench_sum;
"""
#: How the indexes of a table are dropped, and made again.
INDEXES = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
    format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype IN ('p', 'u') AND conrelid = %(table)s::regclass
UNION ALL
SELECT format('DROP INDEX %%s', indexrelid::regclass),
    replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
FROM pg_index WHERE indrelid = %(table)s::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
#: A table with its partitions: rows, and bytes without and with its indexes.
SIZES = """
SELECT coalesce(parent.relname, own.relname) AS name, sum(greatest(own.reltuples, 0))::bigint AS rows,
    sum(pg_table_size(own.oid))::bigint AS data, sum(pg_total_relation_size(own.oid))::bigint AS whole
FROM pg_class own LEFT JOIN pg_inherits ON inhrelid = own.oid LEFT JOIN pg_class parent ON parent.oid = inhparent
WHERE own.relkind = 'r' AND coalesce(parent.relname, own.relname) = ANY(%(tables)s)
GROUP BY 1 ORDER BY 4 DESC
"""


def customers(count: int) -> User:
    """Make so many customers; returns who owns the first."""
    catalogue.seed()
    owner = User.objects.create_user("owner@bench.example", name="Olga Owner")
    organizations.found(name="Customer 1", owner=owner, country="FR")
    with connections[OWNER].cursor() as cursor:
        cursor.execute(seeding.HASTE)
        cursor.execute(CUSTOMERS, {"count": count})
        cursor.execute("RESET ALL")
    return owner


def requests(first: int, last: int) -> None:
    """Write the requests that have these numbers, spread over last month, with all their sums."""
    with _haste() as cursor:
        cursor.execute(REQUESTS, {"first": first, "last": last})
        indexes = _indexes(cursor)
        for drop, _make in indexes:
            cursor.execute(drop)
        cursor.execute(WRITE_FACTS)
        for _drop, make in indexes:
            cursor.execute(make)
        cursor.execute(WRITE_SUMS)


def more(count: int) -> None:
    """Add the sums of so many requests more to last month."""
    with _haste() as cursor:
        cursor.execute(MORE, {"more": count})
        cursor.execute(WRITE_SUMS)


def more_of_all(count: int) -> None:
    """Add the sums of so many requests more to last month, over all customers there are."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(THESE)
    more(count)
    with connections[OWNER].cursor() as cursor:
        cursor.execute("DROP TABLE bench_customer")


def sizes() -> dict[str, list[int]]:
    """Return of each table how many rows it has, and its bytes without and with its indexes."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(SIZES, {"tables": [*FACTS, *SUMS, *DAYS]})
        return {name: numbers for name, *numbers in cursor.fetchall()}


@contextmanager
def _haste() -> Iterator[Any]:
    with connections[OWNER].cursor() as cursor:
        cursor.execute(seeding.HASTE)
        cursor.execute(seeding.OFFERS)
        yield cursor
        cursor.execute(f"TRUNCATE {', '.join(DAYS)}")
        cursor.execute(seeding.DAYS)
        cursor.execute("RESET ALL; DROP TABLE bench_offer")
        # What PostgreSQL itself does after a while.
        cursor.execute("VACUUM ANALYZE")


def _indexes(cursor: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for table in FACTS:
        cursor.execute(INDEXES, {"table": table})
        found += cursor.fetchall()
    return found


#: What any database does with the same facts: their sums, without a price.
PLAIN = f"""
SELECT organization_id, offer_name, count(*), {", ".join(f"sum({part}_tokens)" for part in TOKEN_PARTS)}
FROM metering_usageevent WHERE occurred_at >= %(start)s AND occurred_at < %(end)s GROUP BY 1, 2
"""  # noqa: S608 - the names are the house's own
