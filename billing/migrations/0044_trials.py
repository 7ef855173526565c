"""New customers get something to try, once, on terms that two of the staff agreed to."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: Terms are decided on as they were proposed; customers read what they got, and no terms.
TERMS = f"""
REVOKE ALL ON billing_trialterms FROM {rls.APP_ROLE};

CREATE FUNCTION billing_trial_terms_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status <> 'proposed'
        OR (OLD.currency, OLD.amount, OLD.validity_days, OLD.daily_spend, OLD.words,
            OLD.proposed_by_id)
        IS DISTINCT FROM (NEW.currency, NEW.amount, NEW.validity_days, NEW.daily_spend, NEW.words,
            NEW.proposed_by_id)
    THEN
        RAISE EXCEPTION 'terms of trials are decided on as they were proposed, and then kept'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_trial_terms_stay BEFORE UPDATE OR DELETE ON billing_trialterms
    FOR EACH ROW EXECUTE FUNCTION billing_trial_terms_stay();
"""
#: What the operator set, customers neither change nor make, whatever a page asks for.
OPERATORS = f"""
CREATE POLICY billing_budget_operators_unmade ON billing_budget AS RESTRICTIVE
    FOR INSERT TO {rls.APP_ROLE} WITH CHECK (NOT is_operators);
CREATE POLICY billing_budget_operators_unchanged ON billing_budget AS RESTRICTIVE
    FOR UPDATE TO {rls.APP_ROLE} USING (NOT is_operators) WITH CHECK (NOT is_operators);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0043_running_totals"),
        ("tenants", "0013_sign_ups_wait"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="budget",
            name="is_operators",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="TrialTerms",
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
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=12, max_digits=30, verbose_name="trial credit"
                    ),
                ),
                (
                    "validity_days",
                    models.PositiveIntegerField(default=30, verbose_name="days it can be used"),
                ),
                (
                    "daily_spend",
                    models.DecimalField(
                        blank=True,
                        decimal_places=12,
                        max_digits=30,
                        null=True,
                        verbose_name="spending a day",
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=500, verbose_name="note")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("withdrawn", "Taken back"),
                        ],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=500)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="TrialCredit",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("mailbox", models.EmailField(max_length=254)),
                ("applied_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "grant",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trial",
                        to="billing.creditgrant",
                    ),
                ),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trial_credit",
                        to="tenants.organization",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "terms",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.trialterms",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="trialterms",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "proposed")),
                fields=("currency",),
                name="one_proposal_of_trial_terms_per_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "approved"), _negated=True),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="trial_terms_under_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount__gte", 0),
                    ("validity_days__gt", 0),
                    models.Q(("daily_spend", None), ("daily_spend__gt", 0), _connector="OR"),
                ),
                name="trial_terms_are_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialcredit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("grant__isnull", False)),
                fields=("person",),
                name="trial_credit_once_per_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialcredit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("grant__isnull", False)),
                fields=("mailbox",),
                name="trial_credit_once_per_mailbox",
            ),
        ),
        rls.TenantTable(
            "billing_trialcredit", {"grant_id": "billing_creditgrant"}, append_only=True
        ),
        rls.ReadOnlyForApp("billing_trialcredit"),
        migrations.RunSQL(TERMS, migrations.RunSQL.noop),
        migrations.RunSQL(OPERATORS, migrations.RunSQL.noop),
    ]
