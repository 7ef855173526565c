"""What customers see changes under four eyes; nothing is on sale without its whole price."""

import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: Asked when the transaction ends: an offer and its prices are often made together.
WALLS = f"""
REVOKE ALL ON marketplace_modelchange FROM {rls.APP_ROLE};

CREATE FUNCTION marketplace_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a proposal is kept, whatever became of it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.model_id, OLD.offer_id, OLD.kind, OLD.facts, OLD.words, OLD.takes_effect_at,
            OLD.proposed_by_id)
        IS DISTINCT FROM (NEW.model_id, NEW.offer_id, NEW.kind, NEW.facts, NEW.words,
            NEW.takes_effect_at, NEW.proposed_by_id)
        OR OLD.status NOT IN ('proposed', 'approved')
        OR (OLD.status = 'approved' AND NEW.status = 'proposed')
    THEN
        RAISE EXCEPTION 'what was proposed is decided on as it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marketplace_proposal_stays BEFORE UPDATE OR DELETE ON marketplace_modelchange
    FOR EACH ROW EXECUTE FUNCTION marketplace_proposal_stays();

CREATE FUNCTION marketplace_offer_is_priced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sold text;
    missing text;
BEGIN
    SELECT m.kind INTO sold FROM marketplace_offer o
        JOIN marketplace_modelversion v ON v.id = o.model_version_id
        JOIN marketplace_aimodel m ON m.id = v.model_id
        WHERE o.id = NEW.id AND o.status IN ('published', 'deprecated');
    IF sold IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT needed INTO missing
        FROM unnest(CASE WHEN sold = 'chat' THEN ARRAY['input', 'output']
            ELSE ARRAY['input'] END) AS needed
        WHERE NOT EXISTS (
            SELECT FROM marketplace_price p JOIN marketplace_pricebook b ON b.id = p.book_id
            WHERE p.offer_id = NEW.id AND p.token_part = needed AND p.service_tier = 'standard'
                AND b.is_default AND p.effective_from <= clock_timestamp()
                AND (p.effective_until IS NULL OR p.effective_until > clock_timestamp()))
        LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'offer % is on sale without a price for %', NEW.name, missing
            USING ERRCODE = 'check_violation', CONSTRAINT = 'offer_on_sale_is_priced';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER marketplace_offer_is_priced
    AFTER INSERT OR UPDATE OF status ON marketplace_offer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status IN ('published', 'deprecated'))
    EXECUTE FUNCTION marketplace_offer_is_priced();
"""  # noqa: S608 - the names are our own
OPEN = """
DROP TRIGGER marketplace_offer_is_priced ON marketplace_offer;
DROP FUNCTION marketplace_offer_is_priced();
DROP TRIGGER marketplace_proposal_stays ON marketplace_modelchange;
DROP FUNCTION marketplace_proposal_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0018_words_of_models"),
        ("tenants", "0009_passes_of_the_playground"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="aimodel",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("published", "Published"),
                    ("deprecated", "Deprecated"),
                    ("retired", "Retired"),
                ],
                default="draft",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="offer",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("published", "Published"),
                    ("deprecated", "Deprecated"),
                    ("retired", "Retired"),
                ],
                default="draft",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="ModelChange",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("publish", "Put on sale"),
                            ("card", "Card"),
                            ("terms", "Limits and token class"),
                            ("prices", "Prices"),
                            ("deprecate", "Last day"),
                            ("retire", "Retire at once"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "facts",
                    models.JSONField(
                        default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=1000, verbose_name="note")),
                ("takes_effect_at", models.DateTimeField(blank=True, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("approved", "Waits for its day"),
                            ("applied", "Done"),
                            ("refused", "Refused"),
                            ("withdrawn", "Taken back"),
                            ("failed", "Could not be done"),
                        ],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=1000)),
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
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="marketplace.aimodel",
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="marketplace.offer",
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
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ("proposed", "approved"))),
                        fields=("model", "kind", "offer"),
                        name="one_change_of_a_kind_at_a_time",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ("approved", "applied")), _negated=True),
                            models.Q(
                                ("decided_by__isnull", False),
                                models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="model_change_under_four_eyes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
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
                    "kind",
                    models.CharField(
                        choices=[("prices", "Prices rise"), ("retirement", "Model retires")],
                        max_length=10,
                    ),
                ),
                ("happens_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="marketplace.aimodel",
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.offer",
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
            ],
            options={
                "ordering": ("happens_at", "id"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "offer", "kind", "happens_at"), name="told_once"
                    )
                ],
            },
        ),
        rls.TenantTable("marketplace_notice"),
        rls.ReadOnlyForApp("marketplace_notice"),
        migrations.RunSQL(WALLS, OPEN),
    ]
