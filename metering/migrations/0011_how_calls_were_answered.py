"""How calls were answered is counted: how many, how fast, how evenly."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
from tenants import rls

# Sums two histograms, each a JSON object of steps; see metering.histograms.
ADDED = """
CREATE FUNCTION metering_added(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN one = '{}' THEN other WHEN other = '{}' THEN one ELSE (
        SELECT jsonb_object_agg(place, number) FROM (
            SELECT place, sum(many::bigint) AS number FROM (
                SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)
            ) AS each(place, many) GROUP BY place
        ) AS sums
    ) END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0010_seconds_of_gpus"),
        ("tenants", "0009_passes_of_the_playground"),
    ]

    operations = [
        migrations.AddField(
            model_name="usageevent",
            name="inter_token_us",
            field=models.IntegerField(null=True),
        ),
        migrations.CreateModel(
            name="OfferHour",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("requests", models.BigIntegerField(default=0)),
                ("failures", models.BigIntegerField(default=0)),
                ("ttft", models.JSONField(default=dict)),
                ("speed", models.JSONField(default=dict)),
                ("gaps", models.JSONField(default=dict)),
                ("offer_name", models.CharField(max_length=100)),
                ("region", models.CharField(max_length=40)),
                ("starts_at", models.DateTimeField()),
                ("unanswered", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("starts_at", "offer_name", "region"), name="offer_hour_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FailedCalls",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("offer_name", models.CharField(max_length=100)),
                ("region", models.CharField(max_length=40)),
                ("starts_at", models.DateTimeField()),
                ("process", models.CharField(max_length=40)),
                ("calls", models.BigIntegerField()),
                ("changed_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="failed_calls",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["changed_at"], name="failed_calls_by_change"),
                    models.Index(fields=["starts_at"], name="failed_calls_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "starts_at", "offer_name", "region", "process"),
                        name="failed_calls_once_per_quarter_hour",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("calls__gt", 0)), name="failed_calls_are_some"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ServiceBucket",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("requests", models.BigIntegerField(default=0)),
                ("failures", models.BigIntegerField(default=0)),
                ("ttft", models.JSONField(default=dict)),
                ("speed", models.JSONField(default=dict)),
                ("gaps", models.JSONField(default=dict)),
                ("offer_name", models.CharField(max_length=100)),
                ("region", models.CharField(max_length=40)),
                ("starts_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_buckets",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["changed_at"], name="service_buckets_by_change"),
                    models.Index(fields=["starts_at"], name="service_buckets_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "starts_at", "offer_name", "region"),
                        name="service_bucket_once_per_quarter_hour",
                    )
                ],
            },
        ),
        migrations.RunSQL(ADDED, "DROP FUNCTION metering_added(jsonb, jsonb);"),
        rls.TenantTable("metering_servicebucket", has_id=False),
        rls.TenantTable("metering_failedcalls", has_id=False),
        *(
            rls.ReadOnlyForApp(f"metering_{table}")
            for table in ("servicebucket", "failedcalls", "offerhour")
        ),
    ]
