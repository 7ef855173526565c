"""Months are held again for something else, purchases too; orders keep who invoices and why."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ORDERS = """
ALTER TABLE billing_invoicehold ADD CONSTRAINT billing_invoicehold_order_id_same_organization
    FOREIGN KEY (organization_id, order_id) REFERENCES billing_order (organization_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""
DROP_ORDERS = """
ALTER TABLE billing_invoicehold DROP CONSTRAINT billing_invoicehold_order_id_same_organization;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0019_recurring_grants"),
        ("tenants", "0005_data_is_classified"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="invoicehold",
            name="month_held_once",
        ),
        migrations.AddField(
            model_name="invoicehold",
            name="order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoice_holds",
                to="billing.order",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="issuer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.issuer",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="tax_category",
            field=models.CharField(default="S", max_length=2),
        ),
        migrations.AddField(
            model_name="order",
            name="tax_reason",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name="contract",
            name="tax_treatment",
            field=models.CharField(
                choices=[
                    ("automatic", "By the billing details"),
                    ("standard", "Standard rate"),
                    ("reduced", "Reduced rate"),
                    ("reverse_charge", "Reverse charge: the customer owes the tax"),
                    ("exempt", "Exempt"),
                ],
                default="automatic",
                max_length=15,
                verbose_name="tax",
            ),
        ),
        migrations.AlterField(
            model_name="invoicehold",
            name="period_end",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="invoicehold",
            name="period_start",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="invoicehold",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "Waits for a person"),
                    ("released", "Released"),
                    ("again", "Checked again"),
                ],
                default="waiting",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="tax_treatment",
            field=models.CharField(
                choices=[
                    ("automatic", "By the billing details"),
                    ("standard", "Standard rate"),
                    ("reduced", "Reduced rate"),
                    ("reverse_charge", "Reverse charge: the customer owes the tax"),
                    ("exempt", "Exempt"),
                ],
                default="automatic",
                max_length=15,
                verbose_name="tax",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicehold",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "waiting")),
                fields=("organization", "period_start"),
                name="month_held_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicehold",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "waiting")), fields=("order",), name="order_held_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicehold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("order", None), ("period_start__isnull", False)),
                    models.Q(("order__isnull", False), ("period_start", None)),
                    _connector="OR",
                ),
                name="hold_is_of_a_month_or_an_order",
            ),
        ),
        migrations.RunSQL(ORDERS, DROP_ORDERS),
    ]
