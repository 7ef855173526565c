"""Incidents and planned work; what was said of them is appended."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("front", "0001_the_operators_face"),
        ("marketplace", "0023_conformance_of_ways"),
        ("tenants", "0009_passes_of_the_playground"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Incident",
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
                ("titles", models.JSONField()),
                (
                    "parts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("api", "Calls of models"),
                                ("portal", "Accounts and pages"),
                                ("billing", "Billing and payments"),
                                ("tuning", "Fine-tuning"),
                            ],
                            max_length=10,
                        ),
                        size=None,
                    ),
                ),
                (
                    "impact",
                    models.CharField(
                        choices=[
                            ("maintenance", "Maintenance"),
                            ("degraded", "Slower or less reliable"),
                            ("partial", "Some of it does not work"),
                            ("outage", "Does not work"),
                        ],
                        max_length=12,
                        verbose_name="impact",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("investigating", "Looked into"),
                            ("identified", "Cause found"),
                            ("monitoring", "Watched after a repair"),
                            ("resolved", "Resolved"),
                            ("scheduled", "Planned"),
                            ("under_way", "Under way"),
                            ("completed", "Completed"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=15,
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="began")),
                (
                    "planned_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="planned until"),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "named_models",
                    models.ManyToManyField(
                        blank=True, related_name="incidents", to="marketplace.aimodel"
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "regions",
                    models.ManyToManyField(
                        blank=True, related_name="incidents", to="tenants.region"
                    ),
                ),
            ],
            options={
                "ordering": ("-started_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="IncidentUpdate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("investigating", "Looked into"),
                            ("identified", "Cause found"),
                            ("monitoring", "Watched after a repair"),
                            ("resolved", "Resolved"),
                            ("scheduled", "Planned"),
                            ("under_way", "Under way"),
                            ("completed", "Completed"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=15,
                    ),
                ),
                (
                    "impact",
                    models.CharField(
                        choices=[
                            ("maintenance", "Maintenance"),
                            ("degraded", "Slower or less reliable"),
                            ("partial", "Some of it does not work"),
                            ("outage", "Does not work"),
                        ],
                        max_length=12,
                    ),
                ),
                ("texts", models.JSONField()),
                ("is_first", models.BooleanField(default=False)),
                ("occurred_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="updates",
                        to="front.incident",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-occurred_at", "-id"),
            },
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("impact", "maintenance"), ("planned_until__gt", models.F("started_at"))
                    ),
                    models.Q(
                        models.Q(("impact", "maintenance"), _negated=True), ("planned_until", None)
                    ),
                    _connector="OR",
                ),
                name="maintenance_has_a_window",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("impact", "maintenance"),
                        ("state__in", ("scheduled", "under_way", "completed", "cancelled")),
                    ),
                    models.Q(
                        models.Q(("impact", "maintenance"), _negated=True),
                        ("state__in", ("investigating", "identified", "monitoring", "resolved")),
                    ),
                    _connector="OR",
                ),
                name="incident_state_fits_its_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at__isnull", False),
                        ("state__in", ("resolved", "completed", "cancelled")),
                    ),
                    models.Q(
                        models.Q(
                            ("state__in", ("resolved", "completed", "cancelled")), _negated=True
                        ),
                        ("ended_at", None),
                    ),
                    _connector="OR",
                ),
                name="incident_over_has_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(("parts", []), _negated=True), name="incident_concerns_a_part"
            ),
        ),
        migrations.AddConstraint(
            model_name="incidentupdate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_first", True)),
                fields=("incident",),
                name="incident_begins_once",
            ),
        ),
        rls.AppendOnlyTable("front_incidentupdate"),
        migrations.RunSQL(
            "REVOKE ALL ON front_incident, front_incident_named_models, front_incident_regions,"
            f" front_incidentupdate FROM {rls.APP_ROLE}",
            migrations.RunSQL.noop,
        ),
    ]
