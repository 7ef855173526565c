"""What customers of an offer are promised, and what was measured of it."""

from decimal import Decimal

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0025_ways_on_trial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
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
                    ("level", "Service level"),
                    ("deprecate", "Last day"),
                    ("retire", "Retire at once"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Measurement",
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
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("calls", models.BigIntegerField()),
                ("customers", models.IntegerField()),
                ("ttft_p50_ms", models.IntegerField(null=True)),
                ("ttft_p95_ms", models.IntegerField(null=True)),
                (
                    "tokens_per_second",
                    models.DecimalField(decimal_places=1, max_digits=12, null=True),
                ),
                (
                    "inter_token_p95_ms",
                    models.DecimalField(decimal_places=1, max_digits=12, null=True),
                ),
                ("availability", models.DecimalField(decimal_places=3, max_digits=6)),
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="measurement",
                        to="marketplace.offer",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ServiceLevel",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("ttft_p95_ms", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "tokens_per_second",
                    models.DecimalField(blank=True, decimal_places=1, max_digits=8, null=True),
                ),
                ("inter_token_p95_ms", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "availability",
                    models.DecimalField(blank=True, decimal_places=3, max_digits=6, null=True),
                ),
                ("least_calls", models.PositiveIntegerField(default=100)),
                ("steps", models.JSONField(default=list)),
                ("availability_steps", models.JSONField(default=list)),
                (
                    "cap",
                    models.DecimalField(decimal_places=2, default=Decimal("100"), max_digits=5),
                ),
                ("effective_from", models.DateTimeField()),
                ("agreed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "approved_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_levels",
                        to="marketplace.offer",
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
                "ordering": ("offer__name", "-effective_from", "-number"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("offer", "number"), name="service_level_number_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("approved_by", models.F("proposed_by")), _negated=True),
                        name="service_level_under_four_eyes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("effective_from__gte", models.F("agreed_at"))),
                        name="service_level_not_for_the_past",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cap__gte", 0), ("cap__lte", 100)),
                        name="service_level_cap_is_a_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("availability", None),
                            models.Q(("availability__gt", 0), ("availability__lte", 100)),
                            _connector="OR",
                        ),
                        name="service_level_availability_is_a_share",
                    ),
                ],
            },
        ),
        rls.AppendOnlyTable("marketplace_servicelevel"),
        rls.ReadOnlyForApp("marketplace_servicelevel"),
        rls.ReadOnlyForApp("marketplace_measurement"),
    ]
