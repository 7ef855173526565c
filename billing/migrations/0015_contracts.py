"""What was agreed with customers: terms, purchase orders, cost centres; and what a token counts."""

from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

CONTRACTS = """
ALTER TABLE billing_contract ADD CONSTRAINT contracts_never_overlap EXCLUDE USING gist (
    marketplace_uuid_range(organization_id, organization_id, '[]') WITH &&,
    tstzrange(effective_from, effective_until, '[)') WITH &&
) WHERE (status = 'active');
CREATE FUNCTION billing_contract_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE free text[] := ARRAY['ends_on', 'effective_until', 'updated_at'];
BEGIN
    IF OLD.status <> 'draft' AND (TG_OP = 'DELETE' OR to_jsonb(NEW) - free <> to_jsonb(OLD) - free)
    THEN
        RAISE EXCEPTION '% of %: a signed contract changes in nothing but its end',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER billing_contract_is_history BEFORE UPDATE OR DELETE ON billing_contract
    FOR EACH ROW EXECUTE FUNCTION billing_contract_is_history();
"""
DROP_CONTRACTS = """
DROP FUNCTION billing_contract_is_history() CASCADE;
ALTER TABLE billing_contract DROP CONSTRAINT contracts_never_overlap;
"""
# The list that a contract names is its customer's to read.
BOOKS = """
DROP POLICY price_books_for_the_reader ON marketplace_pricebook;
CREATE POLICY price_books_for_the_reader ON marketplace_pricebook FOR SELECT TO tessera_app USING (
    is_default OR organization_id = (SELECT marketplace_reader())
    OR CASE WHEN (SELECT marketplace_reader()) IS NULL THEN false
        ELSE customer_group_id IN (SELECT m.group_id FROM marketplace_groupmember m)
            OR id IN (SELECT c.price_book_id FROM billing_contract c) END
);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0014_bank_statements"),
        ("marketplace", "0007_price_book_versions"),
        ("tenants", "0003_limits_of_organizations_and_projects"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Contract",
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
                    "currency",
                    models.CharField(default="EUR", max_length=3, verbose_name="currency"),
                ),
                (
                    "commitment",
                    models.DecimalField(
                        decimal_places=12,
                        default=Decimal("0"),
                        help_text="What usage misses of it stands on the invoice.",
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="commitment a month",
                    ),
                ),
                (
                    "overage",
                    models.CharField(
                        choices=[
                            ("credit_only", "Stop: credit only"),
                            ("credit_then_invoice", "Go on, on the invoice, up to the limit"),
                        ],
                        default="credit_only",
                        max_length=20,
                        verbose_name="when credit is used up",
                    ),
                ),
                (
                    "credit_limit",
                    models.DecimalField(
                        decimal_places=12,
                        default=Decimal("0"),
                        help_text="What may be owed at once, invoiced or not.",
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="credit limit",
                    ),
                ),
                (
                    "net_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        validators=[django.core.validators.MaxValueValidator(365)],
                        verbose_name="days to pay",
                    ),
                ),
                (
                    "grace_days",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(28)],
                        verbose_name="days a draft stays open after its month",
                    ),
                ),
                (
                    "late_days",
                    models.PositiveSmallIntegerField(
                        default=90,
                        help_text="Older usage waits for a person's decision.",
                        validators=[django.core.validators.MaxValueValidator(730)],
                        verbose_name="days within which late usage is invoiced",
                    ),
                ),
                (
                    "tax_treatment",
                    models.CharField(
                        choices=[
                            ("standard", "Standard rate"),
                            ("reverse_charge", "Reverse charge: the customer owes the tax"),
                            ("exempt", "Exempt"),
                        ],
                        default="standard",
                        max_length=15,
                        verbose_name="tax",
                    ),
                ),
                ("number", models.CharField(max_length=40, unique=True, verbose_name="number")),
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "Draft"), ("active", "Signed")],
                        default="draft",
                        max_length=6,
                    ),
                ),
                ("starts_on", models.DateField(verbose_name="first day")),
                ("ends_on", models.DateField(blank=True, null=True, verbose_name="last day")),
                (
                    "time_zone",
                    models.CharField(
                        default="UTC", max_length=50, verbose_name="billing time zone"
                    ),
                ),
                (
                    "recipients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254),
                        blank=True,
                        default=list,
                        help_text="One address a line. Empty: the customer's billing addresses.",
                        size=None,
                        verbose_name="invoices go to",
                    ),
                ),
                ("effective_from", models.DateTimeField(editable=False, null=True)),
                ("effective_until", models.DateTimeField(editable=False, null=True)),
                ("signed_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "ordering": ("-starts_on", "-created_at"),
            },
        ),
        migrations.CreateModel(
            name="CostCentre",
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
                ("code", models.CharField(max_length=40, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
            ],
            options={
                "ordering": ("code",),
            },
        ),
        migrations.CreateModel(
            name="CostCentreProject",
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Plan",
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
                    "currency",
                    models.CharField(default="EUR", max_length=3, verbose_name="currency"),
                ),
                (
                    "commitment",
                    models.DecimalField(
                        decimal_places=12,
                        default=Decimal("0"),
                        help_text="What usage misses of it stands on the invoice.",
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="commitment a month",
                    ),
                ),
                (
                    "overage",
                    models.CharField(
                        choices=[
                            ("credit_only", "Stop: credit only"),
                            ("credit_then_invoice", "Go on, on the invoice, up to the limit"),
                        ],
                        default="credit_only",
                        max_length=20,
                        verbose_name="when credit is used up",
                    ),
                ),
                (
                    "credit_limit",
                    models.DecimalField(
                        decimal_places=12,
                        default=Decimal("0"),
                        help_text="What may be owed at once, invoiced or not.",
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="credit limit",
                    ),
                ),
                (
                    "net_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        validators=[django.core.validators.MaxValueValidator(365)],
                        verbose_name="days to pay",
                    ),
                ),
                (
                    "grace_days",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(28)],
                        verbose_name="days a draft stays open after its month",
                    ),
                ),
                (
                    "late_days",
                    models.PositiveSmallIntegerField(
                        default=90,
                        help_text="Older usage waits for a person's decision.",
                        validators=[django.core.validators.MaxValueValidator(730)],
                        verbose_name="days within which late usage is invoiced",
                    ),
                ),
                (
                    "tax_treatment",
                    models.CharField(
                        choices=[
                            ("standard", "Standard rate"),
                            ("reverse_charge", "Reverse charge: the customer owes the tax"),
                            ("exempt", "Exempt"),
                        ],
                        default="standard",
                        max_length=15,
                        verbose_name="tax",
                    ),
                ),
                ("code", models.SlugField(max_length=40, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("is_offered", models.BooleanField(default=True, verbose_name="offered")),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="PurchaseOrder",
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
                ("number", models.CharField(max_length=60, verbose_name="number")),
                ("currency", models.CharField(max_length=3)),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=12, max_digits=30, verbose_name="amount, without tax"
                    ),
                ),
                ("starts_on", models.DateField(verbose_name="first day")),
                ("lapses_on", models.DateField(verbose_name="lapses on")),
                ("closed_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ("lapses_on", "created_at"),
            },
        ),
        migrations.CreateModel(
            name="PurchaseOrderUse",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="pricedbucket",
            name="priced_bucket_once_per_quarter_hour",
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="tier",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="pricedbucket",
            name="multiplier",
            field=models.DecimalField(db_default=1, decimal_places=12, default=1, max_digits=20),
        ),
        migrations.AlterField(
            model_name="creditgrant",
            name="kind",
            field=models.CharField(
                choices=[
                    ("purchased", "Purchased"),
                    ("promotional", "Promotional"),
                    ("limit", "Credit limit"),
                ],
                max_length=11,
            ),
        ),
        migrations.AddConstraint(
            model_name="pricedbucket",
            constraint=models.UniqueConstraint(
                fields=(
                    "organization",
                    "starts_at",
                    "offer_name",
                    "token_part",
                    "price_id",
                    "multiplier",
                ),
                name="priced_bucket_once_per_quarter_hour",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="contract",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contracts",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="contract",
            name="price_book",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the customer group's book, or the one for everybody.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.pricebook",
                verbose_name="price book",
            ),
        ),
        migrations.AddField(
            model_name="contract",
            name="signed_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="contract",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoices",
                to="billing.contract",
            ),
        ),
        migrations.AddField(
            model_name="costcentre",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cost_centres",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="costcentreproject",
            name="cost_centre",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="projects",
                to="billing.costcentre",
            ),
        ),
        migrations.AddField(
            model_name="costcentreproject",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="costcentreproject",
            name="project",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cost_centre",
                to="tenants.project",
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="price_book",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the customer group's book, or the one for everybody.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.pricebook",
                verbose_name="price book",
            ),
        ),
        migrations.AddField(
            model_name="contract",
            name="plan",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contracts",
                to="billing.plan",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorder",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="purchase_orders",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorderuse",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_uses",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorderuse",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="purchaseorderuse",
            name="purchase_order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="uses",
                to="billing.purchaseorder",
            ),
        ),
        migrations.AddConstraint(
            model_name="costcentre",
            constraint=models.UniqueConstraint(
                fields=("organization", "code"), name="cost_centre_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("commitment__gte", 0), ("credit_limit__gte", 0)),
                name="plan_amounts_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("overage", "credit_then_invoice"), ("credit_limit", 0), _connector="OR"
                ),
                name="plan_limit_belongs_to_invoicing",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(("commitment__gte", 0), ("credit_limit__gte", 0)),
                name="contract_amounts_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("overage", "credit_then_invoice"), ("credit_limit", 0), _connector="OR"
                ),
                name="contract_limit_belongs_to_invoicing",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_on", None), ("ends_on__gte", models.F("starts_on")), _connector="OR"
                ),
                name="contract_never_ends_before_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("signed_at", None), ("status", "draft")),
                    models.Q(("effective_from__isnull", False), ("status", "active")),
                    _connector="OR",
                ),
                name="signed_contract_has_a_beginning",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorder",
            constraint=models.UniqueConstraint(
                fields=("organization", "number"), name="purchase_order_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), ("lapses_on__gt", models.F("starts_on"))),
                name="purchase_order_is_an_amount_for_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchaseorderuse",
            constraint=models.UniqueConstraint(
                fields=("purchase_order", "invoice"), name="purchase_order_used_once_per_invoice"
            ),
        ),
        migrations.CreateModel(
            name="LateMonth",
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
                ("starts_at", models.DateTimeField()),
                ("label", models.CharField(max_length=7)),
                ("is_accepted", models.BooleanField(default=False)),
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
                        related_name="late_months",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "starts_at"), name="late_month_once"
                    )
                ],
            },
        ),
        rls.TenantTable("billing_contract"),
        rls.TenantTable("billing_latemonth"),
        rls.ReadOnlyForApp("billing_latemonth"),
        rls.TenantTable("billing_purchaseorder"),
        rls.TenantTable(
            "billing_purchaseorderuse",
            {"purchase_order_id": "billing_purchaseorder", "invoice_id": "billing_invoice"},
            append_only=True,
        ),
        rls.TenantTable("billing_costcentre"),
        rls.TenantTable(
            "billing_costcentreproject",
            {"cost_centre_id": "billing_costcentre", "project_id": "tenants_project"},
        ),
        rls.ReadOnlyForApp("billing_plan"),
        rls.ReadOnlyForApp("billing_contract"),
        rls.ReadOnlyForApp("billing_purchaseorder"),
        rls.ReadOnlyForApp("billing_purchaseorderuse"),
        migrations.RunSQL(CONTRACTS, DROP_CONTRACTS),
        migrations.RunSQL(BOOKS, migrations.RunSQL.noop),
    ]
