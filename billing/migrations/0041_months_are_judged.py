"""A customer's month is judged by what was promised, once."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0040_languages_of_words"),
        ("marketplace", "0026_service_levels"),
        ("tenants", "0009_passes_of_the_playground"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceMonth",
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
                ("ends_at", models.DateTimeField()),
                ("calls", models.BigIntegerField()),
                ("failed", models.BigIntegerField()),
                ("verdicts", models.JSONField(default=list)),
                ("is_judged", models.BooleanField()),
                ("is_missed", models.BooleanField()),
                ("currency", models.CharField(max_length=3)),
                ("charges", models.DecimalField(decimal_places=12, max_digits=30)),
                ("percent", models.DecimalField(decimal_places=2, max_digits=5)),
                ("credit", models.DecimalField(decimal_places=12, max_digits=30)),
                ("on_invoice", models.DecimalField(decimal_places=12, max_digits=30)),
                ("as_credit", models.DecimalField(decimal_places=12, max_digits=30)),
                ("invoice_number", models.CharField(max_length=40)),
                ("judged_at", models.DateTimeField()),
                (
                    "level",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.servicelevel",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_months",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("-starts_at", "offer_name", "region"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "starts_at", "offer_name", "region"),
                        name="service_month_judged_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("as_credit__gte", 0),
                            (
                                "credit",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("on_invoice"), "+", models.F("as_credit")
                                ),
                            ),
                            ("credit__lte", models.F("charges")),
                            ("on_invoice__gte", 0),
                        ),
                        name="service_month_credit_is_within_charges",
                    ),
                ],
            },
        ),
        rls.TenantTable("billing_servicemonth", append_only=True),
        rls.ReadOnlyForApp("billing_servicemonth"),
    ]
