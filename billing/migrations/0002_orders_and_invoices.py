"""Orders, billing details and invoices."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import django_countries.fields
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

FINALIZED = """
CREATE FUNCTION billing_invoice_stands() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    payment text[] := ARRAY['status', 'paid_at', 'updated_at'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - payment <> to_jsonb(NEW) - payment THEN
        RAISE EXCEPTION 'invoice % is finalized: it is corrected by another document', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_invoice_is_final BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_invoice_stands();
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON billing_invoice, billing_invoiceline FROM tessera_app;
REVOKE ALL ON billing_stripeevent, billing_invoicesequence FROM tessera_app;
"""

DROP_FINALIZED = """
DROP TRIGGER billing_invoice_is_final ON billing_invoice;
DROP FUNCTION billing_invoice_stands();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("marketplace", "0001_initial"),
        ("tenants", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StripeEvent",
            fields=[
                ("id", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("type", models.CharField(max_length=100)),
                ("object_id", models.CharField(blank=True, max_length=255)),
                ("happened_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("is_handled", models.BooleanField()),
            ],
            options={
                "ordering": ("-recorded_at",),
            },
        ),
        migrations.CreateModel(
            name="BillingProfile",
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
                ("legal_name", models.CharField(max_length=200, verbose_name="legal name")),
                ("line1", models.CharField(max_length=200, verbose_name="address")),
                (
                    "line2",
                    models.CharField(
                        blank=True, max_length=200, verbose_name="address, second line"
                    ),
                ),
                (
                    "postal_code",
                    models.CharField(blank=True, max_length=20, verbose_name="postal code"),
                ),
                ("city", models.CharField(max_length=100, verbose_name="city")),
                (
                    "country",
                    django_countries.fields.CountryField(max_length=2, verbose_name="country"),
                ),
                ("vat_id", models.CharField(blank=True, max_length=30, verbose_name="VAT number")),
                (
                    "vat_state",
                    models.CharField(
                        choices=[
                            ("none", "None given"),
                            ("unverified", "Form is right, not verified with the registry"),
                            ("verified", "Verified with the registry"),
                        ],
                        default="none",
                        max_length=10,
                    ),
                ),
                (
                    "purchase_order",
                    models.CharField(
                        blank=True, max_length=60, verbose_name="purchase order number"
                    ),
                ),
                (
                    "emails",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="billing e-mail addresses",
                    ),
                ),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="billing_profile",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Issuer",
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
                ("code", models.SlugField(max_length=20, unique=True)),
                ("legal_name", models.CharField(max_length=200, verbose_name="legal name")),
                ("address", models.TextField(verbose_name="address")),
                ("country", django_countries.fields.CountryField(max_length=2)),
                ("vat_id", models.CharField(blank=True, max_length=30, verbose_name="VAT number")),
                (
                    "vat_rate",
                    models.DecimalField(decimal_places=4, max_digits=6, verbose_name="VAT rate"),
                ),
                ("is_default", models.BooleanField(default=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("vat_rate__gte", 0), ("vat_rate__lt", 1)),
                        name="vat_rate_is_a_share",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_default_issuer",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
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
                ("operation_key", models.CharField(max_length=64)),
                ("bundle_name", models.CharField(max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for payment"),
                            ("paid", "Paid"),
                            ("expired", "Expired"),
                            ("refunded", "Refunded"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("net", models.DecimalField(decimal_places=12, max_digits=30)),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=6)),
                ("tax", models.DecimalField(decimal_places=12, max_digits=30)),
                ("total", models.DecimalField(decimal_places=12, max_digits=30)),
                ("grant_unit", models.CharField(max_length=6)),
                ("grant_quantity", models.DecimalField(decimal_places=12, max_digits=30)),
                ("validity_days", models.PositiveIntegerField()),
                ("session_id", models.CharField(max_length=255, null=True, unique=True)),
                ("checkout_url", models.TextField(blank=True)),
                ("payment_reference", models.CharField(blank=True, max_length=255)),
                ("paid_at", models.DateTimeField(null=True)),
                (
                    "bundle",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.bundle",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="tenants.organization",
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "token_class",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.tokenclass",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="Invoice",
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
                    "kind",
                    models.CharField(
                        choices=[("purchase", "Purchase"), ("usage", "Usage")], max_length=10
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("paid", "Paid"),
                            ("void", "Void"),
                            ("uncollectible", "Uncollectible"),
                        ],
                        max_length=15,
                    ),
                ),
                ("number", models.CharField(max_length=40)),
                ("period_start", models.DateTimeField(null=True)),
                ("period_end", models.DateTimeField(null=True)),
                ("currency", models.CharField(max_length=3)),
                ("seller", models.JSONField()),
                ("buyer", models.JSONField()),
                ("purchase_order", models.CharField(blank=True, max_length=60)),
                ("net", models.DecimalField(decimal_places=12, max_digits=30)),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=6)),
                ("tax", models.DecimalField(decimal_places=12, max_digits=30)),
                ("total", models.DecimalField(decimal_places=12, max_digits=30)),
                ("exact_net", models.DecimalField(decimal_places=12, max_digits=30)),
                ("issued_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("paid_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="tenants.organization",
                    ),
                ),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="billing.issuer",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice",
                        to="billing.order",
                    ),
                ),
            ],
            options={
                "ordering": ("-issued_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="InvoiceLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("kind", models.CharField(max_length=20)),
                ("description", models.CharField(max_length=250)),
                ("quantity", models.DecimalField(decimal_places=12, max_digits=30)),
                ("unit_amount", models.DecimalField(decimal_places=18, max_digits=30)),
                ("exact_amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="billing.invoice",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("position",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "position"), name="line_position_once_per_invoice"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceSequence",
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
                ("series", models.CharField(max_length=20)),
                ("last_number", models.PositiveIntegerField(default=0)),
                (
                    "issuer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sequences",
                        to="billing.issuer",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("issuer", "series"), name="series_once_per_issuer"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("organization", "operation_key"), name="order_once_per_operation"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("net__gt", 0),
                    ("tax__gte", 0),
                    (
                        "total",
                        django.db.models.expressions.CombinedExpression(
                            models.F("net"), "+", models.F("tax")
                        ),
                    ),
                ),
                name="order_total_is_net_and_tax",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                fields=("issuer", "number"), name="invoice_number_once_per_issuer"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "usage")),
                fields=("organization", "period_start"),
                name="usage_invoice_once_per_period",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "total",
                        django.db.models.expressions.CombinedExpression(
                            models.F("net"), "+", models.F("tax")
                        ),
                    )
                ),
                name="invoice_total_is_net_and_tax",
            ),
        ),
        rls.TenantTable("billing_billingprofile"),
        rls.TenantTable("billing_order"),
        rls.TenantTable("billing_invoice", {"order_id": "billing_order"}),
        rls.TenantTable("billing_invoiceline", {"invoice_id": "billing_invoice"}, append_only=True),
        rls.AppendOnlyTable("billing_stripeevent"),
        rls.ReadOnlyForApp("billing_issuer"),
        migrations.RunSQL(FINALIZED, DROP_FINALIZED),
    ]
