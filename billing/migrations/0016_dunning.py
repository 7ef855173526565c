"""What is done about invoices that are not paid in time."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import billing.models.dunning
import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0015_contracts"),
        ("tenants", "0004_webhooks"),
    ]

    operations = [
        migrations.CreateModel(
            name="DunningPolicy",
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
                ("stages", models.JSONField(default=billing.models.dunning.usual_stages)),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_policy",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="DunningStep",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("mail", "Reminder by e-mail"),
                            ("restrict", "Fewer calls a minute"),
                            ("suspend", "Calls are refused"),
                        ],
                        max_length=10,
                    ),
                ),
                ("taken_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("undone_at", models.DateTimeField(null=True)),
                ("before", models.JSONField(default=dict)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_steps",
                        to="billing.invoice",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_steps",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("taken_at", "id"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "position"), name="dunning_stage_once_per_invoice"
                    )
                ],
            },
        ),
        rls.TenantTable("billing_dunningpolicy"),
        rls.TenantTable("billing_dunningstep", {"invoice_id": "billing_invoice"}),
        rls.ReadOnlyForApp("billing_dunningpolicy"),
        rls.ReadOnlyForApp("billing_dunningstep"),
    ]
