"""Rates, invoices and reads with a history behind it, and times each: ``python -m benchmarks.charging``.

Takes how many customers and requests; what is many is written by the database itself, as its owner and
with triggers off, into last month. Prints what each step took.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connections  # noqa: E402 - Django must be set up before
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import machine, seeding  # noqa: E402
from benchmarks.browsing import SECOND_FACTOR  # noqa: E402
from benchmarks.machine import Timed  # noqa: E402
from billing import customers as customers_read  # noqa: E402
from billing import documents, pdf, periods, queries  # noqa: E402
from billing.models import Invoice  # noqa: E402
from billing.services import closing, invoicing, months  # noqa: E402
from billing.services.months import Month  # noqa: E402
from common.database import OWNER, service  # noqa: E402
from marketplace import demo as catalogue  # noqa: E402
from metering.models import TOKEN_PARTS  # noqa: E402
from tenants.models import Organization, User  # noqa: E402
from tenants.scope import scope  # noqa: E402
from tenants.services import organizations  # noqa: E402

SECONDS_A_MONTH = 27 * 24 * 3600
CUSTOMERS = """
CREATE TEMP TABLE bench_new AS SELECT place, gen_random_uuid() AS id FROM
    generate_series(2, %(count)s) AS place;
INSERT INTO tenants_organization SELECT (jsonb_populate_record(first, jsonb_build_object(
    'id', n.id, 'slug', 'customer-' || n.place, 'name', 'Customer ' || n.place))).*
FROM tenants_organization first, bench_new n;
INSERT INTO tenants_project SELECT (jsonb_populate_record(first, jsonb_build_object(
    'id', gen_random_uuid(), 'organization_id', n.id))).*
FROM tenants_project first, bench_new n;
"""
# The same of each request in every table: its numbers follow from which one it is.
REQUESTS = f"""
CREATE TEMP TABLE bench_customer AS SELECT row_number() OVER (ORDER BY o.slug) - 1 AS place,
    o.id AS organization_id, p.id AS project_id
    FROM tenants_organization o JOIN tenants_project p ON p.organization_id = o.id;
CREATE TEMP VIEW bench_request AS
SELECT uuidv7() AS id, n, c.organization_id, c.project_id, o.*,
    (20 + n * 7919 %% 4000)::bigint AS input_tokens, (5 + n * 104729 %% 800)::bigint AS output_tokens,
    (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '1 month')
        + (n * 86028121 %% {SECONDS_A_MONTH}) * interval '1 second' AS at
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
JOIN bench_customer c ON c.place = n %% (SELECT count(*) FROM bench_customer)
JOIN bench_offer o ON o.place = 1 + n / 7 %% 3
"""  # noqa: S608 - the number is this module's own
FACTS = """
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
    input_tokens * input + output_tokens * output, at, at FROM bench_request;
INSERT INTO metering_usagebucket AS bucket (
    id, organization_id, project_id, offer_name, region, starts_at, requests, failures, input_tokens,
    cached_input_tokens, output_tokens, reasoning_tokens, ttft_ms_sum, ttft_count, latency_ms_sum)
SELECT uuidv7(), organization_id, project_id, name, region, date_bin('15 minutes', at, 'epoch') AS s,
    count(*), 0, sum(input_tokens), 0, sum(output_tokens), 0, 0, 0, 0
FROM bench_request GROUP BY organization_id, project_id, name, region, s
ON CONFLICT (organization_id, starts_at, project_id, api_key_id, offer_name, region) DO UPDATE SET
    requests = bucket.requests + excluded.requests,
    input_tokens = bucket.input_tokens + excluded.input_tokens,
    output_tokens = bucket.output_tokens + excluded.output_tokens;
INSERT INTO billing_spendbucket AS bucket (
    id, organization_id, project_id, offer_name, currency, starts_at, requests, amount, uncovered)
SELECT uuidv7(), organization_id, project_id, name, 'EUR', date_bin('15 minutes', at, 'epoch') AS s,
    count(*), sum(input_tokens * input + output_tokens * output),
    sum(input_tokens * input + output_tokens * output)
FROM bench_request GROUP BY organization_id, project_id, name, s
ON CONFLICT (organization_id, starts_at, project_id, api_key_id, offer_name, currency) DO UPDATE SET
    requests = bucket.requests + excluded.requests, amount = bucket.amount + excluded.amount,
    uncovered = bucket.uncovered + excluded.uncovered;
INSERT INTO billing_pricedbucket AS bucket (
    id, organization_id, offer_name, token_part, price_id, starts_at, tokens)
SELECT uuidv7(), organization_id, name, part, (price_ids->>part)::uuid AS price,
    date_bin('15 minutes', at, 'epoch') AS s, sum(tokens)
FROM bench_request CROSS JOIN LATERAL
    (VALUES ('input', input_tokens), ('output', output_tokens)) AS used(part, tokens)
GROUP BY organization_id, name, part, price, s
ON CONFLICT (organization_id, starts_at, offer_name, token_part, price_id, multiplier) DO UPDATE SET
    tokens = bucket.tokens + excluded.tokens;
DROP VIEW bench_request; DROP TABLE bench_customer;
"""
#: What any database does with the same facts: their sums, without a price.
PLAIN = f"""
SELECT organization_id, offer_name, count(*), {", ".join(f"sum({part}_tokens)" for part in TOKEN_PARTS)}
FROM metering_usageevent WHERE occurred_at >= %(start)s AND occurred_at < %(end)s GROUP BY 1, 2
"""  # noqa: S608 - the names are the house's own


class Task(msgspec.Struct):
    """What to write and to measure."""

    organizations: int
    events: int
    more_events: int
    documents: int
    visits: int
    postgres: int
    #: Customers that are closed one by one.
    alone: int


def write(first: int, last: int) -> None:
    """Write so many requests more."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(seeding.HASTE)
        cursor.execute(seeding.OFFERS)
        cursor.execute(REQUESTS, {"first": first, "last": last})
        cursor.execute(FACTS)
        cursor.execute("RESET ALL; DROP TABLE bench_offer")
        cursor.execute("VACUUM ANALYZE")


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


def timed(task: Task, work: Callable[[], Any]) -> Timed:
    """Do it, and return what it took."""
    before = time.perf_counter(), time.process_time(), machine.family_cpu_ms(task.postgres)
    work()
    return Timed(
        time.perf_counter() - before[0],
        (time.process_time() - before[1]) * 1000,
        machine.family_cpu_ms(task.postgres) - before[2],
    )


def last_month() -> periods.Period:
    """Return the month that has ended."""
    return periods.before(periods.containing(timezone.now(), "UTC"), "UTC")


def rate(task: Task, everybody: Sequence[Organization]) -> dict[str, Any]:
    """Sum the requests up in plain SQL, then rate them from each of them and from their sums."""
    month = last_month()

    def plainly() -> None:
        with service(), connections[OWNER].cursor() as cursor:
            cursor.execute(PLAIN, {"start": month.start, "end": month.end})
            cursor.fetchall()

    def rated() -> None:
        for lot in lots(everybody):
            with service():
                known = customers_read.read(lot)
                months.rerated([Month(it, month) for it in known.values()])

    def drafted() -> None:
        for organization in everybody:
            with service():
                invoicing.draft(organization, month)

    plainly()
    found: dict[str, Any] = {"plain": timed(task, plainly)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["rated"] = timed(task, rated)
    found["drafted"] = timed(task, drafted)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found | {"more_mib": round((after - before) / 1024, 1)}


def lots(everybody: Sequence[Organization]) -> Iterator[Sequence[Organization]]:
    """Return the customers as they are closed."""
    for at in range(0, len(everybody), invoicing.BATCH):
        yield everybody[at : at + invoicing.BATCH]


def finalize(task: Task, everybody: Sequence[Organization]) -> dict[str, Any]:
    """Write the invoices of last month: some one by one, half by one process, the rest by two."""
    alone, rest = everybody[: task.alone], everybody[task.alone :]
    half = len(rest) // 2
    by_one, by_two = rest[:half], rest[half:]

    def one_by_one() -> None:
        for organization in alone:
            invoicing.finalize(organization, last_month())

    def in_lots() -> None:
        for lot in lots(by_one):
            closing.each(lot, last_month())

    return {
        "alone": timed(task, one_by_one),
        "finalized": timed(task, in_lots),
        "beside": beside(task, [by_two[::2], by_two[1::2]]),
        "counts": [len(alone), len(by_one), len(by_two)],
    }


def beside(task: Task, shares: Sequence[Sequence[Organization]]) -> Timed:
    """Let a process for each share close it, all at once."""
    pipe, command = subprocess.PIPE, [sys.executable, "-m", "benchmarks.closing"]
    workers = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _share in shares]  # noqa: S603
    for worker, share in zip(workers, shares, strict=True):
        tell(worker, msgspec.json.encode([it.pk for it in share]))
    for worker in workers:
        heard(worker)
    spent: list[float] = []

    def work() -> None:
        for worker in workers:
            tell(worker, b"go")
        spent.extend(float(heard(worker)) for worker in workers)

    took = timed(task, work)
    for worker in workers:
        worker.communicate()
    return Timed(took.seconds, sum(spent), took.postgres_ms)


def tell(worker: "subprocess.Popen[bytes]", words: bytes) -> None:
    """Write a line to a worker."""
    if worker.stdin:
        worker.stdin.write(words + b"\n")
        worker.stdin.flush()


def heard(worker: "subprocess.Popen[bytes]") -> bytes:
    """Return the next line that a worker writes."""
    return worker.stdout.readline() if worker.stdout else b""


def draw(task: Task) -> Timed:
    """Make the PDF of some of them, as the queue's worker does."""
    with service():
        found = list(Invoice.objects.select_related("organization")[: task.documents])

    def work() -> None:
        for invoice in found:
            with scope(invoice.organization_id):
                document = documents.of_invoice(invoice, "UTC")
            pdf.invoice(document)

    return timed(task, work)


def read(task: Task, owner: User, organization: Organization) -> dict[str, Timed]:
    """Read a balance, and the page of usage, so often."""
    client = Client(headers={"host": "localhost"})
    client.force_login(owner)
    session = client.session
    session[SECOND_FACTOR] = [{"method": "mfa", "type": "totp", "at": time.time()}]
    session.save()
    page = f"/o/{organization.slug}/usage/"
    if client.get(page).status_code != 200:
        raise RuntimeError("the usage page does not answer")

    def balances() -> None:
        for _ in range(task.visits):
            with scope(organization):
                queries.balance(organization)

    def visits() -> None:
        for _ in range(task.visits):
            client.get(page)

    return {"balance": timed(task, balances), "page": timed(task, visits)}


def main() -> None:
    """Write, measure and print."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    owner = customers(task.organizations)
    begun = time.monotonic()
    write(1, task.events)
    seeded = round(time.monotonic() - begun, 1)
    with service():
        everybody = list(Organization.objects.order_by("pk"))
        first = Organization.objects.get(memberships__user=owner)
    found: dict[str, Any] = {"seeding_seconds": seeded, "rating": rate(task, everybody)}
    found["few"] = read(task, owner, first)
    found |= finalize(task, everybody)
    with service():
        found["invoices"] = Invoice.objects.count()
    found["drawn"] = draw(task)
    write(task.events + 1, task.events + task.more_events)
    found["many"] = read(task, owner, first)
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
