"""Pages read money and never write it; of an order they note where its payment page is."""

from django.db import migrations

from tenants import rls

MONEY = (
    "creditgrant", "lease", "ledgeraccount", "ledgerentry", "ledgertransaction", "pricedbucket",
    "ratedusage", "spendbucket", "spendday", "wallet",
)  # fmt: skip
ORDERS = """
REVOKE UPDATE, DELETE, TRUNCATE ON billing_order FROM tessera_app;
GRANT UPDATE (session_id, checkout_url, updated_at) ON billing_order TO tessera_app;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_lines_name_their_price")]

    operations = [
        *(rls.ReadOnlyForApp(f"billing_{table}") for table in MONEY),
        migrations.RunSQL(ORDERS, migrations.RunSQL.noop),
    ]
