"""The operator's desk reads days; quarter-hours are found by organization and time alone."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
from metering import days
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_sums_by_price"), ("tenants", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="spendbucket",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="spend_buckets",
                to="tenants.organization",
            ),
        ),
        migrations.CreateModel(
            name="SpendDay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("offer_name", models.CharField(max_length=100)),
                ("currency", models.CharField(max_length=3)),
                ("day", models.DateField()),
                ("requests", models.BigIntegerField(default=0)),
                ("amount", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
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
                "indexes": [models.Index(fields=["day"], name="spend_days_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "day", "offer_name", "currency"),
                        name="spend_day_once",
                    )
                ],
            },
        ),
        rls.TenantTable("billing_spendday"),
        days.KeepDays(
            "billing_spendday",
            "billing_spendbucket",
            key=("organization_id", "day", "offer_name", "currency"),
            counts=("requests", "amount"),
        ),
    ]
