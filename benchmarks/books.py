"""Whether metering and money agree after a load: ``python -m benchmarks.books`` prints what it found.

Read as the service role, once the gateway has ended and given everything back.
"""

import os
import sys

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from common.database import current_connection, service  # noqa: E402
from metering.models import TOKEN_PARTS  # noqa: E402

FACTS = f"""
SELECT
    (SELECT count(*) FROM metering_usageevent) AS events,
    (SELECT count(*) FROM billing_ratedusage) AS rated,
    (SELECT coalesce(sum(requests), 0) FROM metering_usagebucket) AS in_buckets,
    (SELECT coalesce(sum({" + ".join(f"{part}_tokens" for part in TOKEN_PARTS)}), 0)
        FROM metering_usageevent) AS tokens,
    (SELECT count(*) FROM metering_usageevent WHERE (policy->>'estimated')::boolean) AS estimated,
    (SELECT coalesce(sum(amount), 0) FROM billing_ledgerentry) AS ledger_sum,
    (SELECT coalesce(sum(uncovered), 0) FROM billing_ratedusage) AS uncovered,
    (SELECT coalesce(sum(amount), 0) FROM billing_ratedusage)
        - (SELECT coalesce(sum(amount), 0) FROM billing_spendbucket) AS bucket_difference,
    (SELECT coalesce(sum(leased), 0) FROM billing_creditgrant)
        + (SELECT coalesce(sum(quantity), 0) FROM billing_lease) AS still_leased,
    (SELECT count(*) FROM billing_creditgrant WHERE remaining < 0) AS below_zero,
    (SELECT coalesce(sum(remaining), 0) FROM billing_creditgrant WHERE unit = 'money')
        + (SELECT coalesce(sum(e.amount), 0) FROM billing_ledgerentry e
            JOIN billing_ledgeraccount a ON a.id = e.account_id
            WHERE a.kind = 'customer_prepaid') AS prepaid_difference
"""  # noqa: S608 - the names are the house's own
# Each grant: what was granted is what is left and what the receipts say it paid.
GRANTS = """
SELECT coalesce(sum(abs(g.granted - g.remaining - coalesce(used.quantity, 0))), 0)
FROM billing_creditgrant g LEFT JOIN (
    SELECT part->>'grant' AS grant_id, sum((part->>'quantity')::numeric) AS quantity
    FROM billing_ratedusage, jsonb_array_elements(split) AS part GROUP BY 1
) used ON used.grant_id = g.id::text
"""
# Each customer who pays with money alone: what it got is its balance and its usage's worth.
BALANCES = """
SELECT coalesce(sum(abs(granted - remaining - worth)), 0) FROM (
    SELECT sum(g.granted) AS granted, sum(g.remaining) AS remaining,
        (SELECT coalesce(sum(amount), 0) FROM billing_ratedusage r
            WHERE r.organization_id = g.organization_id) AS worth
    FROM billing_creditgrant g GROUP BY g.organization_id HAVING bool_and(g.unit = 'money')
) customers
"""


def main() -> None:
    """Print the facts."""
    with service(), current_connection().cursor() as cursor:
        cursor.execute(FACTS)
        names = [column.name for column in cursor.description or ()]
        facts = dict(zip(names, cursor.fetchone() or (), strict=True))
        for name, query in (("grant_difference", GRANTS), ("balance_difference", BALANCES)):
            cursor.execute(query)
            facts[name] = (cursor.fetchone() or (0,))[0]
    sys.stdout.buffer.write(msgspec.json.encode({k: float(v) for k, v in facts.items()}))


if __name__ == "__main__":
    main()
