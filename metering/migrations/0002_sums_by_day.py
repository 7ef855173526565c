"""The operator's desk reads days; quarter-hours are found by organization and time alone."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
from metering import days
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial"), ("tenants", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="usagebucket",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="usage_buckets",
                to="tenants.organization",
            ),
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("offer_name", models.CharField(max_length=100)),
                ("day", models.DateField()),
                ("requests", models.BigIntegerField(default=0)),
                ("failures", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("cached_input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="usage_days_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "day", "offer_name"), name="usage_day_once"
                    )
                ],
            },
        ),
        rls.TenantTable("metering_usageday"),
        days.KeepDays(
            "metering_usageday",
            "metering_usagebucket",
            key=("organization_id", "day", "offer_name"),
            counts=(
                "requests",
                "failures",
                "input_tokens",
                "cached_input_tokens",
                "output_tokens",
                "reasoning_tokens",
            ),
        ),
    ]
