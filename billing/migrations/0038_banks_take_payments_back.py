"""Banks take payments back: what they withdrew, and what is owed again."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls

KEPT = "REVOKE DELETE, TRUNCATE ON billing_chargeback FROM tessera_service;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0037_days_say_what_is_owed"),
        ("tenants", "0009_passes_of_the_playground"),
    ]

    operations = [
        migrations.CreateModel(
            name="Chargeback",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("reference", models.CharField(max_length=255, unique=True)),
                ("payment_reference", models.CharField(max_length=255)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("inquiry", "The bank asks"),
                            ("open", "With the bank"),
                            ("closed", "Closed without effect"),
                            ("won", "Won"),
                            ("lost", "Lost"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=60)),
                ("currency", models.CharField(max_length=3)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("withdrawn", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("fee", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("fee_currency", models.CharField(max_length=3)),
                ("moves", models.PositiveIntegerField(default=0)),
                ("opened_at", models.DateTimeField()),
                ("answer_by", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("owed", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
            ],
            options={
                "ordering": ("-opened_at", "-id"),
            },
        ),
        migrations.RemoveConstraint(
            model_name="incomingpayment",
            name="payment_is_an_amount",
        ),
        migrations.AlterField(
            model_name="creditnote",
            name="reason",
            field=models.CharField(
                choices=[
                    ("dispute", "Dispute"),
                    ("correction", "Correction"),
                    ("void", "Cancellation"),
                    ("refund", "Refund"),
                    ("chargeback", "Taken back by the bank"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="incomingpayment",
            name="source",
            field=models.CharField(
                choices=[
                    ("bank", "Bank transfer"),
                    ("manual", "Entered by staff"),
                    ("provider", "Card or debit"),
                    ("surplus", "Paid too much before"),
                    ("chargeback", "Taken back by the bank"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="ledgeraccount",
            name="kind",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="ledgerday",
            name="account",
            field=models.CharField(
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
        migrations.AddConstraint(
            model_name="incomingpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(models.Q(("source", "chargeback")), ("amount__lt", 0)),
                    models.Q(models.Q(("source", "chargeback"), _negated=True), ("amount__gt", 0)),
                    _connector="OR",
                ),
                name="payment_is_an_amount",
            ),
        ),
        migrations.AddField(
            model_name="chargeback",
            name="credit_note",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="chargeback",
                to="billing.creditnote",
            ),
        ),
        migrations.AddField(
            model_name="chargeback",
            name="invoice",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="chargebacks",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="chargeback",
            name="order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="chargebacks",
                to="billing.order",
            ),
        ),
        migrations.AddField(
            model_name="chargeback",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="chargebacks",
                to="tenants.organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="chargeback",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("invoice__isnull", False), ("order__isnull", True)),
                    models.Q(("invoice__isnull", True), ("order__isnull", False)),
                    _connector="OR",
                ),
                name="chargeback_is_of_one_payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="chargeback",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("owed__gte", 0), ("withdrawn__gte", 0)),
                name="chargeback_is_an_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="chargeback",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("settled_at__isnull", True), ("status__in", ("lost", "won")), _connector="OR"
                ),
                name="only_lost_chargebacks_are_owed",
            ),
        ),
        rls.TenantTable(
            "billing_chargeback",
            {
                "order_id": "billing_order",
                "invoice_id": "billing_invoice",
                "credit_note_id": "billing_creditnote",
            },
        ),
        rls.ReadOnlyForApp("billing_chargeback"),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
    ]
