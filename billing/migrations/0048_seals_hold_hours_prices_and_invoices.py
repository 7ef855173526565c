"""Seals name the hours of each organization and its prices; invoices name the seal before them."""

from django.db import migrations, models

HASH_IS_WHOLE = """
ALTER TABLE billing_invoice ADD CONSTRAINT invoice_seal_is_a_hash
    CHECK (octet_length(seal_hash) = 32);
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0047_referrals_are_told")]

    operations = [
        migrations.AddField("organizationseal", "number", models.PositiveIntegerField(null=True)),
        migrations.AddConstraint(
            "organizationseal",
            models.UniqueConstraint(
                fields=("organization", "number"), name="organization_sealed_in_one_chain"
            ),
        ),
        migrations.AddField("invoice", "seal_number", models.PositiveIntegerField(null=True)),
        migrations.AddField("invoice", "seal_hash", models.BinaryField(max_length=32, null=True)),
        migrations.AddConstraint(
            "invoice",
            models.CheckConstraint(
                condition=models.Q(seal_number=None, seal_hash=None)
                | models.Q(seal_number__isnull=False, seal_hash__isnull=False),
                name="invoice_names_a_seal_or_none",
            ),
        ),
        migrations.RunSQL(HASH_IS_WHOLE, migrations.RunSQL.noop),
    ]
