"""What is known of a model beyond its card; of attacks, the app role reads nothing."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls

SHOWN = "id, model_id, evaluations, energy, energy_source"
WALLS = f"""
REVOKE ALL ON marketplace_dossier FROM {rls.APP_ROLE};
GRANT SELECT ({SHOWN}) ON marketplace_dossier TO {rls.APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0020_classes_weigh_hours_of_gpus"),
    ]

    operations = [
        migrations.AlterField(
            model_name="modelchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("publish", "Put on sale"),
                    ("card", "Card"),
                    ("dossier", "Dossier"),
                    ("terms", "Limits and token class"),
                    ("prices", "Prices"),
                    ("deprecate", "Last day"),
                    ("retire", "Retire at once"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Dossier",
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
                ("evaluations", models.JSONField(blank=True, default=list)),
                (
                    "energy",
                    models.DecimalField(
                        blank=True,
                        decimal_places=3,
                        max_digits=12,
                        null=True,
                        verbose_name="energy per million tokens, in watt-hours",
                    ),
                ),
                (
                    "energy_source",
                    models.CharField(
                        blank=True, max_length=200, verbose_name="how it was measured"
                    ),
                ),
                ("red_team", models.TextField(blank=True, verbose_name="red-team notes")),
                (
                    "model",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dossier",
                        to="marketplace.aimodel",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("energy", None), ("energy__gt", 0), _connector="OR"),
                        name="energy_above_zero",
                    )
                ],
            },
        ),
        migrations.RunSQL(WALLS, migrations.RunSQL.noop),
    ]
