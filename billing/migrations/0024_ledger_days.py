"""The ledger summed up by day."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids

#: Over all customers at once: nothing for the app role.
OF_THE_DESK = "REVOKE ALL ON billing_closedledgerday, billing_ledgerday FROM tessera_app;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0023_refunds"),
        ("tenants", "0006_organizations_are_restricted"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClosedLedgerDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("closed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("day",),
            },
        ),
        migrations.CreateModel(
            name="LedgerDay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "account",
                    models.CharField(
                        choices=[
                            ("customer_prepaid", "Customer prepaid"),
                            ("receivable", "Receivable"),
                            ("deferred_revenue", "Deferred revenue"),
                            ("revenue", "Revenue"),
                            ("breakage", "Breakage"),
                            ("tax", "Tax"),
                            ("payments_clearing", "Payments clearing"),
                            ("adjustments", "Adjustments"),
                        ],
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("debit", models.DecimalField(decimal_places=12, max_digits=30)),
                ("credit", models.DecimalField(decimal_places=12, max_digits=30)),
            ],
        ),
        migrations.AddIndex(
            model_name="ledgertransaction",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["recorded_at"], name="ledger_by_time"
            ),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="day",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sums",
                to="billing.closedledgerday",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerday",
            constraint=models.UniqueConstraint(
                fields=("day", "account", "currency"), name="ledger_day_summed_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerday",
            constraint=models.CheckConstraint(
                condition=models.Q(("credit__gte", 0), ("debit__gte", 0)),
                name="ledger_day_has_two_sides",
            ),
        ),
        migrations.RunSQL(OF_THE_DESK, migrations.RunSQL.noop),
    ]
