"""Customers who bring customers, on terms that two of the staff agreed to."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: Terms are decided on as they were proposed; customers read them on their page, and change none.
TERMS = f"""
REVOKE ALL ON billing_referralterms FROM {rls.APP_ROLE};

CREATE FUNCTION billing_referral_terms_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status <> 'proposed'
        OR (OLD.currency, OLD.referrer_amount, OLD.newcomer_amount, OLD.minimum_purchase,
            OLD.validity_days, OLD.most_per_referrer, OLD.most, OLD.ends_on, OLD.words,
            OLD.proposed_by_id)
        IS DISTINCT FROM (NEW.currency, NEW.referrer_amount, NEW.newcomer_amount,
            NEW.minimum_purchase, NEW.validity_days, NEW.most_per_referrer, NEW.most, NEW.ends_on,
            NEW.words, NEW.proposed_by_id)
    THEN
        RAISE EXCEPTION 'terms of referrals are decided on as they were proposed, and then kept'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_referral_terms_stay BEFORE UPDATE OR DELETE ON billing_referralterms
    FOR EACH ROW EXECUTE FUNCTION billing_referral_terms_stay();
"""
#: What was credited stays so, unless it is taken back; what was refused or taken back is over.
STATES = """
CREATE FUNCTION billing_referral_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state IN ('refused', 'taken_back')
        OR (OLD.state = 'paid' AND NEW.state <> 'taken_back')
        OR (OLD.organization_id, OLD.newcomer_id)
            IS DISTINCT FROM (NEW.organization_id, NEW.newcomer_id)
    THEN
        RAISE EXCEPTION 'what came of a referral is not undone'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_referral_goes_on BEFORE UPDATE OR DELETE ON billing_referral
    FOR EACH ROW EXECUTE FUNCTION billing_referral_goes_on();
"""
#: The newcomer's grant and purchase are the newcomer's, who is not the row's organization.
NEWCOMERS = """
ALTER TABLE billing_referral
    ADD CONSTRAINT billing_referral_grant_is_the_newcomers
        FOREIGN KEY (newcomer_id, newcomer_grant_id)
        REFERENCES billing_creditgrant (organization_id, id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT billing_referral_order_is_the_newcomers
        FOREIGN KEY (newcomer_id, order_id)
        REFERENCES billing_order (organization_id, id) DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0045_spend_alarms_are_bounded"),
        ("tenants", "0014_which_link_led_here"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReferralCode",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("code", models.CharField(max_length=16, unique=True)),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="referral_code",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ReferralTerms",
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
                    "referrer_amount",
                    models.DecimalField(
                        decimal_places=12, max_digits=30, verbose_name="for who refers"
                    ),
                ),
                (
                    "newcomer_amount",
                    models.DecimalField(
                        decimal_places=12, max_digits=30, verbose_name="for the new customer"
                    ),
                ),
                (
                    "minimum_purchase",
                    models.DecimalField(
                        decimal_places=12,
                        default=0,
                        max_digits=30,
                        verbose_name="smallest first purchase",
                    ),
                ),
                (
                    "validity_days",
                    models.PositiveIntegerField(default=90, verbose_name="days it can be used"),
                ),
                (
                    "most_per_referrer",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="for one customer"
                    ),
                ),
                (
                    "most",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="for all together"
                    ),
                ),
                ("ends_on", models.DateField(blank=True, null=True, verbose_name="last day")),
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
            name="Referral",
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
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "No purchase yet"),
                            ("held", "Looked at by the operator"),
                            ("paid", "Credited"),
                            ("refused", "Not credited"),
                            ("taken_back", "Taken back"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("staff", "The operator decided so"),
                            ("person", "The same person belongs to both"),
                            ("mailbox", "The same mailbox belongs to both"),
                            ("tax_number", "Both have the same VAT number"),
                            ("payer", "One pays for the other, or somebody for both"),
                            ("currency", "They pay in different currencies"),
                            ("not_active", "One of them is suspended"),
                            ("not_running", "No referrals were credited at the first purchase"),
                            ("most_per_referrer", "The customer has had the most it can get"),
                            ("most", "All that there is for referrals was given"),
                            ("paid_back", "The purchase was paid back"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("lost", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "newcomer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="referred_by",
                        to="tenants.organization",
                    ),
                ),
                (
                    "newcomer_grant",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.creditgrant",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.order",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="referrals",
                        to="tenants.organization",
                    ),
                ),
                (
                    "referrer_grant",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.creditgrant",
                    ),
                ),
                (
                    "terms",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="referrals",
                        to="billing.referralterms",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AddConstraint(
            model_name="referralterms",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "proposed")),
                fields=("currency",),
                name="one_proposal_of_referral_terms_per_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="referralterms",
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
                name="referral_terms_under_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="referralterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("minimum_purchase__gte", 0),
                    ("newcomer_amount__gte", 0),
                    ("referrer_amount__gte", 0),
                    ("validity_days__gt", 0),
                ),
                name="referral_terms_are_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(("organization", models.F("newcomer")), _negated=True),
                name="nobody_refers_themselves",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ("paid", "taken_back")), _negated=True),
                    models.Q(
                        ("order__isnull", False),
                        ("settled_at__isnull", False),
                        ("terms__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="referral_credited_for_a_purchase",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "refused"), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="referral_refused_says_why",
            ),
        ),
        rls.TenantTable("billing_referralcode", append_only=True),
        rls.ReadOnlyForApp("billing_referralcode"),
        rls.TenantTable("billing_referral", {"referrer_grant_id": "billing_creditgrant"}),
        rls.ReadOnlyForApp("billing_referral"),
        migrations.RunSQL(NEWCOMERS, migrations.RunSQL.noop),
        migrations.RunSQL(TERMS, migrations.RunSQL.noop),
        migrations.RunSQL(STATES, migrations.RunSQL.noop),
    ]
