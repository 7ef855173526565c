"""A customer opens disputes; how they end is not theirs to write, at the beginning either."""

from django.db import migrations

BEGIN_OPEN = """
CREATE POLICY billing_dispute_begins_open ON billing_dispute AS RESTRICTIVE
    FOR INSERT TO tessera_app
    WITH CHECK (status = 'open' AND answer = '' AND decided_by_id IS NULL AND decided_at IS NULL);
"""
AS_BEFORE = "DROP POLICY billing_dispute_begins_open ON billing_dispute;"


class Migration(migrations.Migration):
    dependencies = [("billing", "0024_ledger_days")]

    operations = [migrations.RunSQL(BEGIN_OPEN, AS_BEFORE)]
