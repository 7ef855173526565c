"""Invoices that are charged to a saved method, and money that no invoice asks for."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

# Money is moved on, never forgotten.
OF_THE_SERVICE = """
REVOKE DELETE, TRUNCATE ON billing_invoicecharge, billing_surplus, billing_payout
    FROM tessera_service;
REVOKE DELETE, TRUNCATE ON billing_paymentchoice FROM tessera_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0026_invoices_are_divided"),
        ("tenants", "0006_organizations_are_restricted"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="contract",
            name="collection",
            field=models.CharField(
                choices=[
                    ("choice", "As the customer chooses"),
                    ("automatic", "By the saved method, as soon as they are issued"),
                    ("transfer", "By bank transfer, nothing is charged"),
                ],
                default="choice",
                max_length=10,
                verbose_name="how invoices are paid",
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="collection",
            field=models.CharField(
                choices=[
                    ("choice", "As the customer chooses"),
                    ("automatic", "By the saved method, as soon as they are issued"),
                    ("transfer", "By bank transfer, nothing is charged"),
                ],
                default="choice",
                max_length=10,
                verbose_name="how invoices are paid",
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
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="PaymentChoice",
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
                ("is_automatic", models.BooleanField(default=False)),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_choice",
                        to="tenants.organization",
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Surplus",
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
                ("payment_reference", models.CharField(blank=True, max_length=255)),
                ("operation_key", models.CharField(max_length=255, unique=True)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("left", models.DecimalField(decimal_places=12, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
                (
                    "wish",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "The next invoice"),
                            ("invoices", "Open invoices, then the next one"),
                            ("pay_back", "Pay it back"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("iban", models.CharField(blank=True, max_length=34)),
                (
                    "credit_note",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="surplus",
                        to="billing.creditnote",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="surpluses",
                        to="billing.invoice",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="surpluses",
                        to="billing.order",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="surpluses",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "surpluses",
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="Payout",
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
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("approved", "On its way"),
                            ("sent", "Paid back"),
                            ("failed", "Came back"),
                            ("refused", "Refused"),
                        ],
                        default="proposed",
                        max_length=8,
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[("method", "The way it came"), ("bank", "Bank transfer")],
                        max_length=6,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("payment_reference", models.CharField(blank=True, max_length=255)),
                ("iban", models.CharField(blank=True, max_length=34)),
                ("words", models.CharField(max_length=1000)),
                ("reference", models.CharField(blank=True, max_length=255)),
                ("failure", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="tenants.organization",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "surplus",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="billing.surplus",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="InvoiceCharge",
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
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for payment"),
                            ("paid", "Paid"),
                            ("failed", "Payment failed"),
                            ("expired", "Expired"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
                ("is_automatic", models.BooleanField(default=False)),
                ("method_id", models.CharField(blank=True, max_length=255)),
                ("session_id", models.CharField(max_length=255, null=True, unique=True)),
                ("checkout_url", models.TextField(blank=True)),
                ("payment_reference", models.CharField(blank=True, max_length=255)),
                ("failure", models.CharField(blank=True, max_length=60)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="charges",
                        to="billing.invoice",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice_charges",
                        to="tenants.organization",
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "pending")),
                        fields=("invoice",),
                        name="one_charge_of_an_invoice_in_flight",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="charge_is_an_amount"
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="surplus",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount__gt", 0), ("left__gte", 0), ("left__lte", models.F("amount"))
                ),
                name="surplus_never_given_back_twice",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ("proposed", "approved"))),
                fields=("surplus",),
                name="one_open_payout_per_surplus",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="payout_is_an_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("payment_reference", ""),
                        ("way", "bank"),
                        models.Q(("iban", ""), _negated=True),
                    ),
                    models.Q(
                        ("iban", ""),
                        ("way", "method"),
                        models.Q(("payment_reference", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="payout_says_where_it_goes",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    ("status", "refused"),
                    models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="payout_needs_four_eyes",
            ),
        ),
        rls.TenantTable("billing_paymentchoice"),
        rls.TenantTable("billing_invoicecharge", {"invoice_id": "billing_invoice"}),
        rls.TenantTable(
            "billing_surplus",
            {
                "invoice_id": "billing_invoice",
                "order_id": "billing_order",
                "credit_note_id": "billing_creditnote",
            },
        ),
        rls.TenantTable("billing_payout", {"surplus_id": "billing_surplus"}),
        rls.ReadOnlyForApp("billing_invoicecharge"),
        rls.ReadOnlyForApp("billing_surplus"),
        rls.ReadOnlyForApp("billing_payout"),
        migrations.RunSQL(OF_THE_SERVICE, migrations.RunSQL.noop),
    ]
