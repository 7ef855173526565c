"""Money that goes back for bundles that are not used up."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0022_rehearsals"),
        ("tenants", "0006_organizations_are_restricted"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Refund",
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
                            ("failed", "The payment provider refused it"),
                            ("refused", "Refused"),
                        ],
                        default="proposed",
                        max_length=8,
                    ),
                ),
                ("net", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("tax", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("words", models.CharField(max_length=1000)),
                ("reference", models.CharField(blank=True, max_length=255)),
                ("failure", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "credit_note",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refund",
                        to="billing.creditnote",
                    ),
                ),
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
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="billing.order",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
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
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "refused"), _negated=True),
                        fields=("order",),
                        name="one_refund_per_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ("proposed", "refused")),
                            models.Q(
                                ("credit_note__isnull", False), ("net__gt", 0), ("tax__gte", 0)
                            ),
                            _connector="OR",
                        ),
                        name="refund_has_its_credit_note",
                    ),
                ],
            },
        ),
        rls.TenantTable(
            "billing_refund",
            {"order_id": "billing_order", "credit_note_id": "billing_creditnote"},
        ),
        rls.ReadOnlyForApp("billing_refund"),
    ]
