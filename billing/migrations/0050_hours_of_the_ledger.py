"""The ledger summed up by hour until a day is over, and invoices found by when they are due."""

from django.db import migrations, models

import common.ids

#: Over all customers at once: nothing for the app role.
OF_THE_DESK = "REVOKE ALL ON billing_ledgerhour FROM tessera_app;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0049_running_totals_lie_in_order"),
        ("tenants", "0014_which_link_led_here"),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerHour",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField()),
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
                            ("chargebacks", "Taken back by banks"),
                            ("payment_fees", "Fees of payments"),
                            ("group", "Between organizations"),
                        ],
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("debit", models.DecimalField(decimal_places=12, max_digits=30)),
                ("credit", models.DecimalField(decimal_places=12, max_digits=30)),
            ],
        ),
        migrations.RunSQL(OF_THE_DESK, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status", "open")),
                fields=["due_at"],
                name="invoices_to_be_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerhour",
            constraint=models.UniqueConstraint(
                fields=("starts_at", "account", "currency"), name="ledger_hour_summed_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerhour",
            constraint=models.CheckConstraint(
                condition=models.Q(("credit__gte", 0), ("debit__gte", 0)),
                name="ledger_hour_has_two_sides",
            ),
        ),
    ]
