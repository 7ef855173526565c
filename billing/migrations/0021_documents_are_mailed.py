"""Documents are mailed from now on: those that stand already are not sent once more."""

from django.db import migrations

SENT = """
UPDATE billing_invoice SET mailed_at = issued_at WHERE mailed_at IS NULL;
UPDATE billing_creditnote SET mailed_at = issued_at WHERE mailed_at IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0020_months_are_held_again")]

    operations = [migrations.RunSQL(SENT, migrations.RunSQL.noop)]
