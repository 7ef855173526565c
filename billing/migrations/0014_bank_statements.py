"""Money that comes in beside the payment provider, each movement of the bank once."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

# Under the invoice's lock, which every payment and every credit note holds.
NEVER_MORE_THAN_DUE = """
CREATE FUNCTION billing_payment_is_bounded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM billing_incomingpayment WHERE invoice_id = NEW.invoice_id)
        > (SELECT i.total - coalesce((SELECT sum(n.net + n.tax) FROM billing_creditnote n
                                      WHERE n.invoice_id = i.id), 0)
           FROM billing_invoice i WHERE i.id = NEW.invoice_id) THEN
        RAISE EXCEPTION 'an invoice would be paid beyond what it asks for'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_never_exceed_the_invoice';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_never_exceed_the_invoice AFTER INSERT ON billing_incomingpayment
    FOR EACH ROW EXECUTE FUNCTION billing_payment_is_bounded();
"""
DROP = "DROP FUNCTION billing_payment_is_bounded() CASCADE;"
OF_THE_DESK = """
REVOKE ALL ON billing_bankstatement, billing_bankline, billing_manualpayment FROM tessera_app;
REVOKE DELETE, TRUNCATE ON billing_bankstatement, billing_bankline, billing_manualpayment
    FROM tessera_service;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0013_methods_and_top_ups"),
        ("tenants", "0004_webhooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("account", models.CharField(max_length=40)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("imported_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "imported_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-imported_at",),
            },
        ),
        migrations.CreateModel(
            name="IncomingPayment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("bank", "Bank transfer"), ("manual", "Entered by staff")],
                        max_length=10,
                    ),
                ),
                ("operation_key", models.CharField(max_length=100, unique=True)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
                ("words", models.CharField(blank=True, max_length=250)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.invoice",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incoming_payments",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("received_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="BankLine",
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
                ("key", models.CharField(max_length=64, unique=True)),
                ("position", models.PositiveIntegerField()),
                ("booked_on", models.DateField(null=True)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("remitter", models.CharField(blank=True, max_length=140)),
                ("text", models.CharField(blank=True, max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("matched", "Matched"),
                            ("waiting", "Waits for a person"),
                            ("settled", "Settled by a person"),
                            ("outgoing", "Outgoing"),
                        ],
                        max_length=10,
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=250)),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="billing.bankstatement",
                    ),
                ),
                (
                    "payment",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_line",
                        to="billing.incomingpayment",
                    ),
                ),
            ],
            options={
                "ordering": ("-booked_on", "position"),
            },
        ),
        migrations.CreateModel(
            name="ManualPayment",
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
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                ("words", models.CharField(max_length=250)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                        ],
                        default="proposed",
                        max_length=10,
                    ),
                ),
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
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.invoice",
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
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.AddConstraint(
            model_name="incomingpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="payment_is_an_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="manualpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="manual_payment_is_an_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="manualpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    ("status", "refused"),
                    models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="manual_payment_needs_four_eyes",
            ),
        ),
        rls.TenantTable(
            "billing_incomingpayment", {"invoice_id": "billing_invoice"}, append_only=True
        ),
        rls.ReadOnlyForApp("billing_incomingpayment"),
        migrations.RunSQL(NEVER_MORE_THAN_DUE, DROP),
        migrations.RunSQL(OF_THE_DESK, migrations.RunSQL.noop),
    ]
