"""How organizations pay without being asked again, and what they are told of their balance."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

# The service charges and lists; of an order pages note where its payment page is, nothing else.
OF_THE_SERVICE = """
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON billing_providercustomer,
    billing_paymentmethod FROM tessera_app;
REVOKE DELETE, TRUNCATE ON billing_topuprule, billing_balancewatch FROM tessera_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0012_receipts_are_sealed"),
        ("marketplace", "0005_draining_and_patience"),
        ("tenants", "0004_webhooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BalanceWatch",
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
                ("below", models.DecimalField(decimal_places=12, max_digits=30, null=True)),
                (
                    "told",
                    models.CharField(
                        choices=[("fine", "Fine"), ("low", "Low"), ("exhausted", "Used up")],
                        default="fine",
                        max_length=10,
                    ),
                ),
                ("told_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PaymentMethod",
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
                ("method_id", models.CharField(max_length=255, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("card", "Card"), ("sepa_debit", "SEPA direct debit")],
                        max_length=10,
                    ),
                ),
                ("brand", models.CharField(blank=True, max_length=30)),
                ("last_four", models.CharField(max_length=4)),
                ("expires", models.CharField(blank=True, max_length=7)),
                ("is_default", models.BooleanField(default=False)),
                ("removed_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="ProviderCustomer",
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
                ("customer_id", models.CharField(max_length=255, unique=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TopUpRule",
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
                ("is_on", models.BooleanField(default=False)),
                ("below", models.DecimalField(decimal_places=12, max_digits=30)),
                ("monthly_cap", models.DecimalField(decimal_places=12, max_digits=30)),
                ("paused_until", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="order",
            name="failure",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="order",
            name="is_automatic",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="order",
            name="method_id",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name="order",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Waiting for payment"),
                    ("paid", "Paid"),
                    ("expired", "Expired"),
                    ("refunded", "Refunded"),
                    ("failed", "Payment failed"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_automatic", True), ("status", "pending")),
                fields=("organization",),
                name="one_automatic_order_in_flight",
            ),
        ),
        migrations.AddField(
            model_name="balancewatch",
            name="organization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="balance_watch",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="paymentmethod",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_methods",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="providercustomer",
            name="organization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="provider_customer",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="topuprule",
            name="bundle",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.bundle",
            ),
        ),
        migrations.AddField(
            model_name="topuprule",
            name="organization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="top_up_rule",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="topuprule",
            name="set_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentmethod",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("organization",),
                name="one_default_payment_method",
            ),
        ),
        migrations.AddConstraint(
            model_name="topuprule",
            constraint=models.CheckConstraint(
                condition=models.Q(("below__gt", 0), ("monthly_cap__gt", 0)),
                name="top_up_has_bounds",
            ),
        ),
        rls.TenantTable("billing_providercustomer"),
        rls.TenantTable("billing_paymentmethod"),
        rls.TenantTable("billing_topuprule"),
        rls.TenantTable("billing_balancewatch"),
        migrations.RunSQL(OF_THE_SERVICE, migrations.RunSQL.noop),
    ]
