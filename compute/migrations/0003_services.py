"""Services: what a cluster should keep running."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0002_clusters_that_are_reached"),
        ("tenants", "0008_answers_are_remembered"),
    ]

    operations = [
        migrations.CreateModel(
            name="Service",
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
                ("name", models.CharField(max_length=50)),
                ("owner_kind", models.CharField(max_length=60)),
                ("owner_id", models.UUIDField()),
                ("spec", models.JSONField()),
                (
                    "desired",
                    models.CharField(
                        choices=[("run", "Run"), ("stop", "Stop")], default="run", max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("starting", "Starting"),
                            ("healthy", "Running"),
                            ("stopping", "Stopping"),
                            ("stopped", "Stopped"),
                        ],
                        default="starting",
                        max_length=10,
                    ),
                ),
                ("run", models.PositiveIntegerField(default=0)),
                ("address", models.CharField(blank=True, max_length=200)),
                ("trouble", models.CharField(blank=True, max_length=300)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("well_since", models.DateTimeField(blank=True, null=True)),
                ("ill_since", models.DateTimeField(blank=True, null=True)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="services",
                        to="compute.cluster",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compute.computejob",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="compute_services",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("cluster", "name"), name="service_name_once_per_cluster"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "healthy"), _negated=True),
                            models.Q(("address", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="service_that_is_well_has_an_address",
                    ),
                ],
            },
        ),
        rls.TenantTable("compute_service", {"job_id": "compute_computejob"}),
        rls.ReadOnlyForApp("compute_service"),
    ]
