"""What people allow themselves to spend, and the wall behind it: nothing is held beyond a budget."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import billing.models.budgets
import common.ids
from tenants import rls

# What was really spent may pass the amount, for it has happened; what a process is given may not.
NEVER_LEASED_BEYOND = """
CREATE FUNCTION billing_budget_refuse_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_budget b
               WHERE b.id = NEW.budget_id AND NEW.spent + NEW.leased > b.amount) THEN
        RAISE EXCEPTION 'more of a budget would be held than is left'
            USING ERRCODE = 'check_violation',
                CONSTRAINT = 'budget_never_leased_beyond_its_amount';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER budget_never_leased_beyond_its_amount
    BEFORE UPDATE ON billing_budgetwindow
    FOR EACH ROW WHEN (NEW.leased > OLD.leased) EXECUTE FUNCTION billing_budget_refuse_lease();
"""
DROP = "DROP FUNCTION billing_budget_refuse_lease() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0007_money_is_written_by_the_service"),
        ("tenants", "0003_limits_of_organizations_and_projects"),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
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
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "amount",
                    models.DecimalField(decimal_places=12, max_digits=30, verbose_name="amount"),
                ),
                ("currency", models.CharField(max_length=3)),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("day", "Every day"),
                            ("week", "Every week, from Monday"),
                            ("month", "Every month"),
                            ("fixed", "From one day to another"),
                        ],
                        default="month",
                        max_length=5,
                    ),
                ),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("is_hard", models.BooleanField(default=True)),
                (
                    "thresholds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        default=billing.models.budgets.usual_thresholds,
                        size=None,
                    ),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budgets",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budgets",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budgets",
                        to="tenants.project",
                    ),
                ),
            ],
            options={
                "ordering": ("created_at",),
            },
        ),
        migrations.CreateModel(
            name="BudgetWindow",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("spent", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("leased", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("told", models.PositiveSmallIntegerField(default=0)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="windows",
                        to="billing.budget",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="budget_windows",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("-starts_at",),
            },
        ),
        migrations.CreateModel(
            name="BudgetLease",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("process_id", models.CharField(max_length=100)),
                ("quantity", models.DecimalField(decimal_places=12, max_digits=30)),
                ("heartbeat_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "window",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leases",
                        to="billing.budgetwindow",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="budget",
            index=models.Index(
                condition=models.Q(("closed_at", None)),
                fields=["organization"],
                name="open_budgets",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="budget_is_an_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("project", None), ("api_key", None), _connector="OR"),
                name="budget_is_of_a_project_or_a_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ends_at__gt", models.F("starts_at")),
                        ("starts_at__isnull", False),
                        ("window", "fixed"),
                    ),
                    models.Q(
                        models.Q(("window", "fixed"), _negated=True),
                        ("ends_at", None),
                        ("starts_at", None),
                    ),
                    _connector="OR",
                ),
                name="fixed_budget_has_two_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetwindow",
            constraint=models.UniqueConstraint(
                fields=("budget", "starts_at"), name="budget_window_once_per_start"
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetwindow",
            constraint=models.CheckConstraint(
                condition=models.Q(("leased__gte", 0), ("spent__gte", 0)),
                name="budget_never_negative",
            ),
        ),
        migrations.AddIndex(
            model_name="budgetlease",
            index=models.Index(fields=["heartbeat_at"], name="budget_leases_by_heartbeat"),
        ),
        migrations.AddConstraint(
            model_name="budgetlease",
            constraint=models.UniqueConstraint(
                fields=("process_id", "window"), name="one_lease_per_process_and_window"
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetlease",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 0)), name="budget_lease_never_negative"
            ),
        ),
        rls.TenantTable(
            "billing_budget", {"project_id": "tenants_project", "api_key_id": "tenants_apikey"}
        ),
        rls.TenantTable("billing_budgetwindow", {"budget_id": "billing_budget"}),
        rls.TenantTable("billing_budgetlease", {"window_id": "billing_budgetwindow"}),
        migrations.RunSQL(
            "REVOKE DELETE, TRUNCATE ON billing_budget FROM tessera_app", migrations.RunSQL.noop
        ),
        rls.ReadOnlyForApp("billing_budgetwindow"),
        rls.ReadOnlyForApp("billing_budgetlease"),
        migrations.RunSQL(NEVER_LEASED_BEYOND, DROP),
    ]
