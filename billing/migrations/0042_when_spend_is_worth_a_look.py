"""Amounts from which on unusual spend is told."""

from decimal import Decimal

import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0041_months_are_judged"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpendAlarm",
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
                ("currency", models.CharField(max_length=3, unique=True, verbose_name="currency")),
                (
                    "hour",
                    models.DecimalField(
                        decimal_places=2,
                        default=Decimal("50"),
                        max_digits=14,
                        verbose_name="spent in an hour",
                    ),
                ),
                (
                    "day",
                    models.DecimalField(
                        decimal_places=2,
                        default=Decimal("200"),
                        max_digits=14,
                        verbose_name="spent in a day",
                    ),
                ),
                (
                    "new_account",
                    models.DecimalField(
                        decimal_places=2,
                        default=Decimal("100"),
                        max_digits=14,
                        verbose_name="spent in a day by a new customer",
                    ),
                ),
            ],
            options={
                "ordering": ("currency",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("day__gt", 0), ("hour__gt", 0), ("new_account__gt", 0)),
                        name="spend_alarm_amounts_are_positive",
                    )
                ],
            },
        ),
        rls.ReadOnlyForApp("billing_spendalarm"),
    ]
