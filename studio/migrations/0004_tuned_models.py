"""What a job has made, as a private model."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0003_services"),
        ("marketplace", "0015_private_models"),
        ("studio", "0003_jobs_teach"),
        ("tenants", "0008_answers_are_remembered"),
    ]

    operations = [
        migrations.CreateModel(
            name="TunedModel",
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
                ("artifact", models.CharField(max_length=63)),
                ("learnt", models.CharField(max_length=10)),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("training_sha256", models.CharField(max_length=64)),
                (
                    "classification",
                    models.CharField(
                        choices=[
                            ("public", "Public"),
                            ("internal", "Internal"),
                            ("confidential", "Confidential"),
                            ("restricted", "Restricted"),
                        ],
                        max_length=12,
                    ),
                ),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tuned_model",
                        to="studio.finetuningjob",
                    ),
                ),
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.offer",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tuned_models",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compute.service",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        rls.TenantTable(
            "studio_tunedmodel",
            {
                "job_id": "studio_finetuningjob",
                "project_id": "tenants_project",
                "service_id": "compute_service",
            },
        ),
        rls.ReadOnlyForApp("studio_tunedmodel"),
    ]
