"""Drafts are summed up from buckets: how many tokens at which price, and what nobody paid for."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_first_issuer"), ("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="spendbucket",
            name="uncovered",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=30),
        ),
        migrations.CreateModel(
            name="PricedBucket",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("offer_name", models.CharField(max_length=100)),
                ("token_part", models.CharField(max_length=20)),
                ("price_id", models.UUIDField(null=True)),
                ("starts_at", models.DateTimeField()),
                ("tokens", models.BigIntegerField(default=0)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="priced_buckets",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "organization",
                            "starts_at",
                            "offer_name",
                            "token_part",
                            "price_id",
                        ),
                        name="priced_bucket_once_per_quarter_hour",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        rls.TenantTable("billing_pricedbucket"),
    ]
