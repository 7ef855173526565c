"""Who calls a model goes on for a time when it begins to ask for more."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0041_decisions_outlive_their_way"),
        ("tenants", "0016_mail_is_owed"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessGrace",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("until", models.DateTimeField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="graces",
                        to="marketplace.aimodel",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_graces",
                        to="tenants.organization",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="accessgrace",
            constraint=models.UniqueConstraint(
                fields=("organization", "model"), name="access_grace_once_per_model"
            ),
        ),
        rls.TenantTable("marketplace_accessgrace"),
        rls.ReadOnlyForApp("marketplace_accessgrace"),
    ]
