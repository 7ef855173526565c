"""One organization pays for the months of others; each month stands on one invoice."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls

# A payer's months of one organization never overlap, and who is paid for pays for nobody.
PAYERS = """
ALTER TABLE billing_payer ADD CONSTRAINT one_payer_at_a_time EXCLUDE USING gist (
    marketplace_uuid_range(organization_id, organization_id, '[]') WITH &&,
    marketplace_text_range(first_month::text, nullif(last_month, '')::text, '[]') WITH &&
);
CREATE FUNCTION billing_payer_pays_directly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM billing_payer other
        WHERE (other.organization_id = NEW.payer_id OR other.payer_id = NEW.organization_id)
            AND marketplace_text_range(other.first_month::text, nullif(other.last_month, '')::text, '[]')
                && marketplace_text_range(NEW.first_month::text, nullif(NEW.last_month, '')::text, '[]')
    ) THEN
        RAISE EXCEPTION 'who is paid for pays for nobody' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_payer_pays_directly BEFORE INSERT OR UPDATE ON billing_payer
    FOR EACH ROW EXECUTE FUNCTION billing_payer_pays_directly();
CREATE POLICY billing_payer_of_the_payer ON billing_payer FOR SELECT TO tessera_app
    USING (payer_id = (SELECT tenants_current_organization()));
"""
DROP_PAYERS = "DROP FUNCTION billing_payer_pays_directly() CASCADE;"
# Its lines are the payer's; who used what a line tells of may read that line and no other.
PARTS = """
ALTER TABLE billing_invoicepart ADD CONSTRAINT billing_invoicepart_invoice_id_of_the_payer
    FOREIGN KEY (payer_id, invoice_id) REFERENCES billing_invoice (organization_id, id)
    DEFERRABLE INITIALLY DEFERRED;
CREATE POLICY billing_invoicepart_of_the_payer ON billing_invoicepart FOR SELECT TO tessera_app
    USING (payer_id = (SELECT tenants_current_organization()));
CREATE POLICY billing_invoiceline_of_who_used_it ON billing_invoiceline FOR SELECT TO tessera_app
    USING (used_by = (SELECT tenants_current_organization()));
CREATE FUNCTION billing_month_is_invoiced_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'billing_invoice' THEN
        PERFORM FROM billing_invoicepart
        WHERE organization_id = NEW.organization_id AND period_start = NEW.period_start;
    ELSE
        PERFORM FROM billing_invoice
        WHERE organization_id = NEW.organization_id AND period_start = NEW.period_start
            AND kind = 'usage';
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'this month stands on another invoice' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_invoice_month_once BEFORE INSERT ON billing_invoice
    FOR EACH ROW WHEN (NEW.kind = 'usage') EXECUTE FUNCTION billing_month_is_invoiced_once();
CREATE TRIGGER billing_invoicepart_month_once BEFORE INSERT ON billing_invoicepart
    FOR EACH ROW EXECUTE FUNCTION billing_month_is_invoiced_once();
"""
DROP_PARTS = """
DROP FUNCTION billing_month_is_invoiced_once() CASCADE;
DROP POLICY billing_invoiceline_of_who_used_it ON billing_invoiceline;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0028_refunds_are_tried_again"),
        ("marketplace", "0010_ends_to_come_can_be_moved"),
        ("tenants", "0007_every_limit_has_one_of_the_operators"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvoicePart",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("payer_name", models.CharField(max_length=100)),
                ("number", models.CharField(max_length=40)),
                ("period_start", models.DateTimeField()),
                ("period_end", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("seller", models.JSONField()),
                ("buyer", models.JSONField()),
                ("net", models.DecimalField(decimal_places=12, max_digits=30)),
                ("exact_net", models.DecimalField(decimal_places=12, max_digits=30)),
                ("issued_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("-issued_at", "name"),
            },
        ),
        migrations.CreateModel(
            name="Payer",
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
                ("organization_name", models.CharField(max_length=100)),
                ("payer_name", models.CharField(max_length=100)),
                ("first_month", models.CharField(max_length=7, verbose_name="first month")),
                (
                    "last_month",
                    models.CharField(blank=True, max_length=7, verbose_name="last month"),
                ),
            ],
            options={
                "ordering": ("organization_name", "first_month"),
            },
        ),
        migrations.RemoveConstraint(
            model_name="billingprofile",
            name="billed_to_somebody_else",
        ),
        migrations.RemoveField(
            model_name="billingprofile",
            name="billed_to",
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
                    ("group", "Between organizations"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="invoicepart",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="invoicepart",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoice_parts",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="invoicepart",
            name="payer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="payer",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payers",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="payer",
            name="payer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="pays_for",
                to="tenants.organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicepart",
            constraint=models.UniqueConstraint(
                fields=("organization", "period_start"), name="month_is_part_of_one_invoice"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicepart",
            constraint=models.UniqueConstraint(
                fields=("invoice", "organization"), name="organization_once_per_invoice"
            ),
        ),
        migrations.AddConstraint(
            model_name="payer",
            constraint=models.CheckConstraint(
                condition=models.Q(("payer", models.F("organization")), _negated=True),
                name="payer_is_somebody_else",
            ),
        ),
        migrations.AddConstraint(
            model_name="payer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("last_month", ""),
                    ("last_month__gte", models.F("first_month")),
                    _connector="OR",
                ),
                name="payer_pays_for_a_month_at_least",
            ),
        ),
        rls.TenantTable("billing_payer"),
        rls.ReadOnlyForApp("billing_payer"),
        rls.TenantTable("billing_invoicepart", append_only=True),
        rls.ReadOnlyForApp("billing_invoicepart"),
        migrations.RunSQL(PAYERS, DROP_PAYERS),
        migrations.RunSQL(PARTS, DROP_PARTS),
    ]
