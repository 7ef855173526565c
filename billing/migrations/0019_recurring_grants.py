"""Credit that comes every month."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0018_restrictions_are_not_the_customers"),
        ("marketplace", "0009_models_are_cleared_for_data"),
        ("tenants", "0005_data_is_classified"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RecurringGrant",
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
                    "unit",
                    models.CharField(
                        choices=[("money", "Money"), ("tokens", "Tokens")], max_length=6
                    ),
                ),
                ("quantity", models.DecimalField(decimal_places=12, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
                ("priority", models.SmallIntegerField(default=0)),
                ("rollover", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("first_month", models.CharField(max_length=7)),
                ("last_month", models.CharField(blank=True, max_length=7)),
                ("reason", models.CharField(max_length=250)),
                ("operation_key", models.UUIDField(unique=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="recurring_grants",
                        to="tenants.organization",
                    ),
                ),
                (
                    "token_class",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.tokenclass",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="RecurringInstance",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("month", models.CharField(max_length=7)),
                ("ends_at", models.DateTimeField()),
                (
                    "grant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instance",
                        to="billing.creditgrant",
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
                    "recurring",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instances",
                        to="billing.recurringgrant",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="recurringgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0), ("rollover__gte", 0)),
                name="recurring_grant_is_worth_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("token_class", None), ("unit", "money")),
                    models.Q(("token_class__isnull", False), ("unit", "tokens")),
                    _connector="OR",
                ),
                name="recurring_tokens_are_of_a_class",
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("last_month", ""),
                    ("last_month__gte", models.F("first_month")),
                    _connector="OR",
                ),
                name="recurring_grant_never_ends_before_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringinstance",
            constraint=models.UniqueConstraint(
                fields=("recurring", "month"), name="recurring_grant_once_a_month"
            ),
        ),
        rls.TenantTable("billing_recurringgrant"),
        rls.TenantTable(
            "billing_recurringinstance",
            {"recurring_id": "billing_recurringgrant", "grant_id": "billing_creditgrant"},
            append_only=True,
        ),
        rls.ReadOnlyForApp("billing_recurringgrant"),
        rls.ReadOnlyForApp("billing_recurringinstance"),
    ]
