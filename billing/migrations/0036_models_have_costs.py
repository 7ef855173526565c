"""What the GPUs of a model cost: stated by staff, for staff alone."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids

# What models cost is the operator's to know, and what was stated is withdrawn and never changed.
HISTORY = """
REVOKE ALL ON billing_gpucost FROM tessera_app;
REVOKE DELETE, TRUNCATE ON billing_gpucost FROM tessera_service;
CREATE FUNCTION billing_gpucost_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE free text[] := ARRAY['withdrawn_at', 'withdrawn_by_id', 'updated_at'];
BEGIN
    IF OLD.withdrawn_at IS NOT NULL OR to_jsonb(NEW) - free <> to_jsonb(OLD) - free THEN
        RAISE EXCEPTION '% of %: what was stated is withdrawn once and never changed',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_gpucost_is_history BEFORE UPDATE ON billing_gpucost
    FOR EACH ROW EXECUTE FUNCTION billing_gpucost_is_history();
"""
DROP = "DROP FUNCTION billing_gpucost_is_history() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0035_trained_is_a_part_of_tokens"),
        ("marketplace", "0012_when_a_model_was_deprecated"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GpuCost",
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
                ("starts_on", models.DateField(verbose_name="first day")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "gpus",
                    models.DecimalField(
                        decimal_places=3,
                        max_digits=10,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="GPUs",
                    ),
                ),
                (
                    "per_hour",
                    models.DecimalField(
                        decimal_places=12,
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="cost of a GPU an hour",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("withdrawn_at", models.DateTimeField(editable=False, null=True)),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gpu_costs",
                        to="marketplace.offer",
                        verbose_name="model",
                    ),
                ),
                (
                    "stated_by",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("offer__name", "-starts_on", "-created_at"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at", None)),
                        fields=("offer", "starts_on"),
                        name="gpu_cost_once_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("gpus__gte", 0), ("per_hour__gte", 0)),
                        name="gpu_cost_not_negative",
                    ),
                ],
            },
        ),
        migrations.RunSQL(HISTORY, DROP),
    ]
