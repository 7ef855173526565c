"""Datasets are mended into new ones."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("studio", "0005_adapters_in_servers"),
        ("tenants", "0009_passes_of_the_playground"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Mending",
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
                    "fixes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("changed", models.BigIntegerField(default=0)),
                ("left_out", models.BigIntegerField(default=0)),
                ("by_fix", models.JSONField(default=dict)),
                ("trouble", models.CharField(blank=True, max_length=300)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mendings",
                        to="studio.dataset",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "result",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="made_by",
                        to="studio.dataset",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None)),
                        fields=("dataset", "fixes"),
                        name="dataset_mended_by_the_same_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("result", None), ("trouble", "")),
                            models.Q(
                                ("finished_at__isnull", False),
                                ("result__isnull", False),
                                ("trouble", ""),
                            ),
                            models.Q(
                                ("finished_at__isnull", False),
                                ("result", None),
                                models.Q(("trouble", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="mending_ends_with_a_result_or_why_not",
                    ),
                ],
            },
        ),
        rls.TenantTable(
            "studio_mending", {"dataset_id": "studio_dataset", "result_id": "studio_dataset"}
        ),
    ]
