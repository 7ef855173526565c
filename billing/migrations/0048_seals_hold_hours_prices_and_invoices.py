"""Seals name the hours of each organization and its prices; invoices name the seal before them."""

from django.db import migrations, models

# Every row there is fulfils them, so that none is read while invoices wait.
HASH_IS_WHOLE = """
ALTER TABLE billing_invoice ADD CONSTRAINT invoice_seal_is_a_hash
    CHECK (octet_length(seal_hash) = 32) NOT VALID;
"""
BOTH_OR_NONE = """
ALTER TABLE billing_invoice ADD CONSTRAINT invoice_names_a_seal_or_none
    CHECK ((seal_number IS NULL) = (seal_hash IS NULL)) NOT VALID;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0047_referrals_are_told")]

    operations = [
        migrations.AddField("organizationseal", "number", models.PositiveIntegerField(null=True)),
        migrations.AddConstraint(
            "organizationseal",
            models.UniqueConstraint(
                fields=("organization", "number"),
                condition=models.Q(number__isnull=False),
                name="organization_sealed_in_one_chain",
            ),
        ),
        migrations.AddField("invoice", "seal_number", models.PositiveIntegerField(null=True)),
        migrations.AddField("invoice", "seal_hash", models.BinaryField(max_length=32, null=True)),
        migrations.RunSQL(
            BOTH_OR_NONE,
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AddConstraint(
                    "invoice",
                    models.CheckConstraint(
                        condition=models.Q(seal_number=None, seal_hash=None)
                        | models.Q(seal_number__isnull=False, seal_hash__isnull=False),
                        name="invoice_names_a_seal_or_none",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(HASH_IS_WHOLE, migrations.RunSQL.noop),
    ]
