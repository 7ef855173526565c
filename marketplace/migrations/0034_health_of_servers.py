"""Servers are looked at every half minute; what they say of their health and load is kept."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls

LOOKS = f"REVOKE ALL ON marketplace_servercheck FROM {rls.APP_ROLE};"


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0033_moves_between_prices"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="doubts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="upstream",
            name="gpu_metrics_url",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="upstream",
            name="is_well",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="metrics_path",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.CreateModel(
            name="ServerCheck",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("checked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "reachability",
                    models.CharField(
                        choices=[
                            ("unknown", "has not been asked yet"),
                            ("answers", "answers"),
                            ("refused", "refuses connections"),
                            ("unknown_name", "has a host name that nobody knows"),
                            ("silent", "does not answer in time"),
                            ("untrusted", "shows a certificate that is not trusted"),
                            ("credential", "refuses the credential"),
                            ("broken", "answers, but not with a list of models"),
                            ("unready", "says that it is not ready"),
                        ],
                        max_length=12,
                    ),
                ),
                ("latency_ms", models.PositiveIntegerField(null=True)),
                ("running", models.PositiveIntegerField(null=True)),
                ("waiting", models.PositiveIntegerField(null=True)),
                ("kv_cache", models.FloatField(null=True)),
                ("gpu", models.FloatField(null=True)),
                (
                    "upstream",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checks",
                        to="marketplace.upstream",
                    ),
                ),
            ],
            options={
                "ordering": ("-checked_at", "-id"),
                "indexes": [
                    models.Index(
                        fields=["upstream", "-checked_at"], name="check_of_server_newest_first"
                    ),
                    models.Index(fields=["checked_at"], name="check_oldest_first"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kv_cache", None),
                            models.Q(("kv_cache__gte", 0), ("kv_cache__lte", 1)),
                            _connector="OR",
                        ),
                        name="check_kv_cache_is_a_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("gpu", None),
                            models.Q(("gpu__gte", 0), ("gpu__lte", 1)),
                            _connector="OR",
                        ),
                        name="check_gpu_is_a_share",
                    ),
                ],
            },
        ),
        # The operator's alone.
        migrations.RunSQL(LOOKS, migrations.RunSQL.noop),
    ]
