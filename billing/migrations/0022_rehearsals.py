"""Usage is replayed under a version of a price book, for staff alone."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

# What other prices would have brought is the operator's to know.
SECLUDED = """
REVOKE ALL ON billing_rehearsal, billing_rehearsedusage FROM tessera_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0021_documents_are_mailed"),
        ("marketplace", "0009_models_are_cleared_for_data"),
        ("tenants", "0006_organizations_are_restricted"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Rehearsal",
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
                ("first_month", models.CharField(max_length=7, verbose_name="first month")),
                ("last_month", models.CharField(max_length=7, verbose_name="last month")),
                ("prices", models.JSONField()),
                ("customers", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("reached", models.UUIDField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rehearsals",
                        to="marketplace.pricebookversion",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="RehearsedUsage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("offer_name", models.CharField(max_length=100)),
                (
                    "token_part",
                    models.CharField(
                        choices=[
                            ("input", "Input"),
                            ("cached_input", "Cached input"),
                            ("cache_write", "Cache write"),
                            ("image_input", "Image input"),
                            ("audio_input", "Audio input"),
                            ("output", "Output"),
                            ("reasoning", "Reasoning"),
                            ("audio_output", "Audio output"),
                            ("trained_tokens", "Trained tokens"),
                            ("gpu_hours", "GPU hours"),
                            ("requests", "Requests"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "service_tier",
                    models.CharField(
                        choices=[("standard", "Standard"), ("batch", "Batch")], max_length=10
                    ),
                ),
                ("tokens", models.DecimalField(decimal_places=0, max_digits=30)),
                ("before", models.DecimalField(decimal_places=12, max_digits=30)),
                ("after", models.DecimalField(decimal_places=12, max_digits=30, null=True)),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "rated"),
                            ("no_price", "The version has no price for it."),
                            ("unpriced", "It was recorded without a price."),
                            (
                                "gone",
                                "Its requests are no longer kept, and the price asks for them.",
                            ),
                        ],
                        max_length=10,
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
                    "rehearsal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="billing.rehearsal",
                    ),
                ),
            ],
            options={
                "ordering": ("offer_name", "token_part", "service_tier"),
            },
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_month__gte", models.F("first_month"))),
                name="rehearsal_never_ends_before_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsedusage",
            constraint=models.UniqueConstraint(
                fields=(
                    "rehearsal",
                    "organization",
                    "offer_name",
                    "token_part",
                    "service_tier",
                    "reason",
                ),
                name="rehearsed_usage_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsedusage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("after__isnull", False), ("reason", "")),
                    models.Q(models.Q(("reason", ""), _negated=True), ("after", None)),
                    _connector="OR",
                ),
                name="unrated_usage_has_a_reason",
            ),
        ),
        rls.TenantTable("billing_rehearsedusage"),
        migrations.RunSQL(SECLUDED, migrations.RunSQL.noop),
    ]
