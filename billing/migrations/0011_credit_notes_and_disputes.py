"""Credit notes, disputes, corrections under four eyes, held months, and what documents say more."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

STANDS = """
CREATE OR REPLACE FUNCTION billing_invoice_stands() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    payment text[] := ARRAY['status', 'paid_at', 'mailed_at', 'updated_at'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - payment <> to_jsonb(NEW) - payment THEN
        RAISE EXCEPTION 'invoice % is finalized: it is corrected by another document', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
UPDATE billing_invoice SET mailed_at = issued_at;
"""

# The invoice's row lock is what makes two credit notes of one invoice wait for each other, whoever
# writes them; the sums are read after it was taken.
BOUNDED = """
CREATE FUNCTION billing_credit_note_is_bounded() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    invoice billing_invoice;
    credited record;
BEGIN
    SELECT * INTO invoice FROM billing_invoice WHERE id = NEW.invoice_id FOR UPDATE;
    SELECT coalesce(sum(net), 0) AS net, coalesce(sum(tax), 0) AS tax INTO credited
        FROM billing_creditnote WHERE invoice_id = NEW.invoice_id;
    IF credited.net + NEW.net > invoice.net OR credited.tax + NEW.tax > invoice.tax
        OR NEW.currency <> invoice.currency THEN
        RAISE EXCEPTION 'credit notes exceed invoice %', invoice.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_invoice';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_creditnote_is_bounded BEFORE INSERT ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION billing_credit_note_is_bounded();

CREATE FUNCTION billing_credited_line_is_bounded() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    line billing_invoiceline;
    credited numeric;
BEGIN
    SELECT lines.* INTO line FROM billing_invoiceline lines
        JOIN billing_creditnote note
            ON note.id = NEW.credit_note_id AND note.invoice_id = lines.invoice_id
        WHERE lines.id = NEW.invoice_line_id;
    SELECT coalesce(sum(amount), 0) INTO credited
        FROM billing_creditnoteline WHERE invoice_line_id = NEW.invoice_line_id;
    IF line.id IS NULL OR sign(NEW.amount) <> sign(line.amount)
        OR abs(credited + NEW.amount) > abs(line.amount) THEN
        RAISE EXCEPTION 'credit notes exceed a line of the invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_line';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_creditnoteline_is_bounded BEFORE INSERT ON billing_creditnoteline
    FOR EACH ROW EXECUTE FUNCTION billing_credited_line_is_bounded();

CREATE FUNCTION billing_credit_note_is_its_lines() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.net <> (SELECT coalesce(sum(amount), 0) FROM billing_creditnoteline
                   WHERE credit_note_id = NEW.id) THEN
        RAISE EXCEPTION 'credit note % is not the sum of its lines', NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_is_its_lines';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_creditnote_is_its_lines AFTER INSERT ON billing_creditnote
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION billing_credit_note_is_its_lines();

CREATE FUNCTION billing_credit_note_stands() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    sending text[] := ARRAY['mailed_at', 'updated_at'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - sending <> to_jsonb(NEW) - sending THEN
        RAISE EXCEPTION 'credit note % is final', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_creditnote_is_final BEFORE UPDATE OR DELETE ON billing_creditnote
    FOR EACH ROW EXECUTE FUNCTION billing_credit_note_stands();
CREATE TRIGGER billing_creditnote_is_never_emptied BEFORE TRUNCATE ON billing_creditnote
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_change();
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON billing_creditnote, billing_creditnoteline
    FROM tessera_app;
REVOKE DELETE, TRUNCATE ON billing_creditnote FROM tessera_service;
"""

# A customer opens a dispute and may withdraw it; what staff decided stays as it was decided.
DECIDED = """
CREATE FUNCTION billing_decision_stands() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status NOT IN ('open', 'proposed', 'waiting') THEN
        RAISE EXCEPTION '% of %: what was decided stays', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF current_user = 'tessera_app' AND NEW.status <> 'withdrawn' THEN
        RAISE EXCEPTION 'a dispute is decided by staff' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_dispute_stands BEFORE UPDATE OR DELETE ON billing_dispute
    FOR EACH ROW EXECUTE FUNCTION billing_decision_stands();
CREATE TRIGGER billing_correction_stands BEFORE UPDATE OR DELETE ON billing_correction
    FOR EACH ROW EXECUTE FUNCTION billing_decision_stands();
CREATE TRIGGER billing_invoicehold_stands BEFORE UPDATE OR DELETE ON billing_invoicehold
    FOR EACH ROW EXECUTE FUNCTION billing_decision_stands();
REVOKE UPDATE, DELETE, TRUNCATE ON billing_dispute FROM tessera_app;
GRANT UPDATE (status, updated_at) ON billing_dispute TO tessera_app;
REVOKE ALL ON billing_correction, billing_invoicehold FROM tessera_app;
"""

DROPPED = """
DROP FUNCTION billing_credit_note_is_bounded() CASCADE;
DROP FUNCTION billing_credited_line_is_bounded() CASCADE;
DROP FUNCTION billing_credit_note_is_its_lines() CASCADE;
DROP FUNCTION billing_credit_note_stands() CASCADE;
DROP FUNCTION billing_decision_stands() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_vouchers"),
        ("tenants", "0003_limits_of_organizations_and_projects"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Correction",
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
                        choices=[
                            ("credit", "Credit note"),
                            ("void", "Cancel the invoice"),
                            ("write_off", "Write off"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                        ],
                        default="proposed",
                        max_length=10,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30, null=True)),
                ("words", models.CharField(max_length=1000)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="CreditNote",
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
                ("operation_key", models.CharField(max_length=100)),
                ("number", models.CharField(max_length=40)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("dispute", "Dispute"),
                            ("correction", "Correction"),
                            ("void", "Cancellation"),
                            ("refund", "Refund"),
                        ],
                        max_length=10,
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=1000)),
                ("currency", models.CharField(max_length=3)),
                ("seller", models.JSONField()),
                ("buyer", models.JSONField()),
                ("purchase_order", models.CharField(blank=True, max_length=60)),
                ("buyer_reference", models.CharField(blank=True, max_length=60)),
                ("net", models.DecimalField(decimal_places=12, max_digits=30)),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=6)),
                ("tax_category", models.CharField(max_length=2)),
                ("tax_reason", models.CharField(blank=True, max_length=200)),
                ("tax", models.DecimalField(decimal_places=12, max_digits=30)),
                ("total", models.DecimalField(decimal_places=12, max_digits=30)),
                ("issued_at", models.DateTimeField()),
                ("mailed_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-issued_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="CreditNoteLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("description", models.CharField(max_length=250)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
            ],
            options={
                "ordering": ("position",),
            },
        ),
        migrations.CreateModel(
            name="Dispute",
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
                            ("open", "Open"),
                            ("accepted", "Accepted"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField()),
                ("claimed", models.DecimalField(decimal_places=12, max_digits=30, null=True)),
                (
                    "request_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), default=list, size=None
                    ),
                ),
                ("answer", models.TextField(blank=True)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="InvoiceHold",
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
                ("period_start", models.DateTimeField()),
                ("period_end", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[("waiting", "Waits for a person"), ("released", "Released")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("findings", models.JSONField()),
                ("currency", models.CharField(max_length=3)),
                ("total", models.DecimalField(decimal_places=12, max_digits=30)),
                ("decided_at", models.DateTimeField(null=True)),
                ("words", models.CharField(blank=True, max_length=1000)),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AlterModelOptions(
            name="issuer",
            options={"ordering": ("code",)},
        ),
        migrations.AddField(
            model_name="billingprofile",
            name="billed_to",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.organization",
                verbose_name="invoiced to",
            ),
        ),
        migrations.AddField(
            model_name="billingprofile",
            name="buyer_reference",
            field=models.CharField(blank=True, max_length=60, verbose_name="buyer reference"),
        ),
        migrations.AddField(
            model_name="billingprofile",
            name="issuer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.issuer",
                verbose_name="legal entity that invoices",
            ),
        ),
        migrations.AddField(
            model_name="billingprofile",
            name="split_by",
            field=models.CharField(
                choices=[("none", "Not at all"), ("project", "Project"), ("key", "Key")],
                default="none",
                max_length=10,
                verbose_name="divide invoices by",
            ),
        ),
        migrations.AddField(
            model_name="billingprofile",
            name="tax_reason",
            field=models.CharField(
                blank=True, max_length=200, verbose_name="reason of the exemption"
            ),
        ),
        migrations.AddField(
            model_name="billingprofile",
            name="tax_treatment",
            field=models.CharField(
                choices=[
                    ("automatic", "By countries and VAT number"),
                    ("standard", "Standard rate"),
                    ("reduced", "Reduced rate"),
                    ("exempt", "Exempt"),
                    ("reverse_charge", "Reverse charge"),
                ],
                default="automatic",
                max_length=15,
                verbose_name="VAT",
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="buyer_reference",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="invoice",
            name="mailed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="invoice",
            name="tax_category",
            field=models.CharField(default="S", max_length=2),
        ),
        migrations.AddField(
            model_name="invoice",
            name="tax_reason",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="section",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="used_by",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="issuer",
            name="bic",
            field=models.CharField(blank=True, max_length=11, verbose_name="BIC"),
        ),
        migrations.AddField(
            model_name="issuer",
            name="email",
            field=models.EmailField(
                blank=True, max_length=254, verbose_name="e-mail address for questions"
            ),
        ),
        migrations.AddField(
            model_name="issuer",
            name="grace_hours",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="hours of grace"),
        ),
        migrations.AddField(
            model_name="issuer",
            name="iban",
            field=models.CharField(blank=True, max_length=34, verbose_name="IBAN"),
        ),
        migrations.AddField(
            model_name="issuer",
            name="is_electronic",
            field=models.BooleanField(default=False, verbose_name="electronic invoices"),
        ),
        migrations.AddField(
            model_name="issuer",
            name="reduced_rate",
            field=models.DecimalField(
                decimal_places=4, default=0, max_digits=6, verbose_name="reduced VAT rate"
            ),
        ),
        migrations.AddField(
            model_name="issuer",
            name="registration_id",
            field=models.CharField(
                blank=True, max_length=40, verbose_name="company register number"
            ),
        ),
        migrations.AddField(
            model_name="issuer",
            name="words_language",
            field=models.CharField(
                blank=True,
                choices=[("", "No"), ("fr", "Français"), ("ar", "العربية"), ("en", "English")],
                max_length=2,
                verbose_name="total in words",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("mailed_at", None)),
                fields=["issued_at"],
                name="invoices_to_mail",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingprofile",
            constraint=models.CheckConstraint(
                condition=models.Q(("billed_to", models.F("organization")), _negated=True),
                name="billed_to_somebody_else",
            ),
        ),
        migrations.AddConstraint(
            model_name="issuer",
            constraint=models.CheckConstraint(
                condition=models.Q(("reduced_rate__gte", 0), ("reduced_rate__lt", 1)),
                name="reduced_rate_is_a_share",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="corrections",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="line",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.invoiceline",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="corrections",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="proposed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="creditnote",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_notes",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="creditnote",
            name="issuer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_notes",
                to="billing.issuer",
            ),
        ),
        migrations.AddField(
            model_name="creditnote",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_notes",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="credit_note",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="correction",
                to="billing.creditnote",
            ),
        ),
        migrations.AddField(
            model_name="creditnoteline",
            name="credit_note",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="billing.creditnote",
            ),
        ),
        migrations.AddField(
            model_name="creditnoteline",
            name="invoice_line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_note_lines",
                to="billing.invoiceline",
            ),
        ),
        migrations.AddField(
            model_name="creditnoteline",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="line",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="billing.invoiceline",
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="opened_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="dispute",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="dispute",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="corrections",
                to="billing.dispute",
            ),
        ),
        migrations.AddField(
            model_name="invoicehold",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invoicehold",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoice_holds",
                to="tenants.organization",
            ),
        ),
        migrations.AddIndex(
            model_name="creditnote",
            index=models.Index(
                condition=models.Q(("mailed_at", None)),
                fields=["issued_at"],
                name="credit_notes_to_mail",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.UniqueConstraint(
                fields=("issuer", "number"), name="credit_note_number_once_per_issuer"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.UniqueConstraint(
                fields=("organization", "operation_key"), name="credit_note_once_per_operation"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("net__gte", 0),
                    ("tax__gte", 0),
                    (
                        "total",
                        django.db.models.expressions.CombinedExpression(
                            models.F("net"), "+", models.F("tax")
                        ),
                    ),
                    ("total__gt", 0),
                ),
                name="credit_note_total_is_net_and_tax",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnoteline",
            constraint=models.UniqueConstraint(
                fields=("credit_note", "invoice_line"), name="line_once_per_credit_note"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnoteline",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount", 0), _negated=True), name="credited_line_is_not_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open")),
                fields=("invoice", "line"),
                name="one_open_dispute_per_line",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("claimed", None), ("claimed__gt", 0), _connector="OR"),
                name="claim_is_more_than_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="correction",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "proposed")),
                fields=("invoice",),
                name="one_correction_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="correction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "approved"), _negated=True),
                    models.Q(
                        ("decided_by__isnull", False),
                        models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="correction_under_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="correction",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount", None), ("amount__gt", 0), _connector="OR"),
                name="correction_is_more_than_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicehold",
            constraint=models.UniqueConstraint(
                fields=("organization", "period_start"), name="month_held_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicehold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "released"), _negated=True),
                    ("decided_by__isnull", False),
                    _connector="OR",
                ),
                name="released_by_a_person",
            ),
        ),
        rls.TenantTable("billing_creditnote", {"invoice_id": "billing_invoice"}),
        rls.TenantTable(
            "billing_creditnoteline",
            {"credit_note_id": "billing_creditnote", "invoice_line_id": "billing_invoiceline"},
            append_only=True,
        ),
        rls.TenantTable(
            "billing_dispute", {"invoice_id": "billing_invoice", "line_id": "billing_invoiceline"}
        ),
        rls.TenantTable(
            "billing_correction",
            {
                "invoice_id": "billing_invoice",
                "line_id": "billing_invoiceline",
                "dispute_id": "billing_dispute",
                "credit_note_id": "billing_creditnote",
            },
        ),
        rls.TenantTable("billing_invoicehold"),
        migrations.RunSQL(STANDS, migrations.RunSQL.noop),
        migrations.RunSQL(BOUNDED + DECIDED, DROPPED),
    ]
