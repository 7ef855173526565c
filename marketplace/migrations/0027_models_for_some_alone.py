"""Models that the operator shows to some customers alone: PostgreSQL says the same."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
from tenants import rls

#: Who a model is for is told to nobody else; whom a group is made of, to nobody at all.
WALLS = f"""
ALTER TABLE marketplace_modelviewer ENABLE ROW LEVEL SECURITY;
ALTER TABLE marketplace_modelviewer FORCE ROW LEVEL SECURITY;
CREATE POLICY marketplace_modelviewer_of_the_reader ON marketplace_modelviewer
    FOR SELECT TO {rls.APP_ROLE} USING (
    organization_id = (SELECT marketplace_reader())
    OR CASE WHEN (SELECT marketplace_reader()) IS NULL THEN false ELSE group_id IN (
        SELECT m.group_id FROM marketplace_groupmember m) END
);
CREATE POLICY marketplace_modelviewer_for_the_service ON marketplace_modelviewer
    TO {rls.SERVICE_ROLE} USING (true) WITH CHECK (true);

DROP POLICY marketplace_aimodel_of_everybody ON marketplace_aimodel;
CREATE POLICY marketplace_aimodel_of_everybody ON marketplace_aimodel FOR SELECT TO {rls.APP_ROLE}
    USING (CASE
        WHEN owner_id IS NULL AND NOT is_restricted THEN true
        WHEN (SELECT marketplace_reader()) IS NULL THEN false
        WHEN owner_id IS NULL THEN id IN (SELECT v.model_id FROM marketplace_modelviewer v)
        ELSE owner_id = (SELECT marketplace_reader()) OR id IN (
            SELECT model_id FROM marketplace_modelshare
            WHERE organization_id = (SELECT marketplace_reader()))
        END);
"""  # noqa: S608 - the names are our own
OPEN = f"""
DROP POLICY marketplace_aimodel_of_everybody ON marketplace_aimodel;
CREATE POLICY marketplace_aimodel_of_everybody ON marketplace_aimodel FOR SELECT TO {rls.APP_ROLE}
    USING (owner_id IS NULL OR owner_id = (SELECT marketplace_reader()) OR id IN (
        SELECT model_id FROM marketplace_modelshare
        WHERE organization_id = (SELECT marketplace_reader())));
"""  # noqa: S608 - the names are our own
#: Words are kept of what everybody sees: who looks for one of them must not learn that it is there.
WORDS = """
CREATE OR REPLACE FUNCTION marketplace_keep_words(ids uuid[]) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM marketplace_modelwords WHERE model_id IN (
        SELECT id FROM marketplace_aimodel
        WHERE id = ANY (ids) AND (owner_id IS NOT NULL OR is_restricted));
    INSERT INTO marketplace_modelwords (model_id, document)
    SELECT id, marketplace_document(id) FROM marketplace_aimodel
    WHERE id = ANY (ids) AND owner_id IS NULL AND NOT is_restricted
    ON CONFLICT (model_id) DO UPDATE SET document = excluded.document
$$;
DROP TRIGGER words_of_model ON marketplace_aimodel;
CREATE TRIGGER words_of_model AFTER INSERT OR UPDATE
    OF name, family, summary, card, languages, features, modalities, publisher_id, owner_id,
        is_restricted
    ON marketplace_aimodel FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_model();
"""
WORDS_OF_ALL = """
CREATE OR REPLACE FUNCTION marketplace_keep_words(ids uuid[]) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM marketplace_modelwords WHERE model_id IN (
        SELECT id FROM marketplace_aimodel WHERE id = ANY (ids) AND owner_id IS NOT NULL);
    INSERT INTO marketplace_modelwords (model_id, document)
    SELECT id, marketplace_document(id) FROM marketplace_aimodel
    WHERE id = ANY (ids) AND owner_id IS NULL
    ON CONFLICT (model_id) DO UPDATE SET document = excluded.document
$$;
DROP TRIGGER words_of_model ON marketplace_aimodel;
CREATE TRIGGER words_of_model AFTER INSERT OR UPDATE
    OF name, family, summary, card, languages, features, modalities, publisher_id, owner_id
    ON marketplace_aimodel FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_model();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0026_service_levels"),
        ("tenants", "0009_passes_of_the_playground"),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelViewer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.AddField(
            model_name="aimodel",
            name="is_restricted",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="modelchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("publish", "Put on sale"),
                    ("card", "Card"),
                    ("dossier", "Dossier"),
                    ("audience", "Who sees it"),
                    ("access", "Terms and access"),
                    ("terms", "Limits and token class"),
                    ("prices", "Prices"),
                    ("level", "Service level"),
                    ("deprecate", "Last day"),
                    ("retire", "Retire at once"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="aimodel",
            constraint=models.CheckConstraint(
                condition=models.Q(("owner", None), ("is_restricted", False), _connector="OR"),
                name="private_model_has_no_viewers",
            ),
        ),
        migrations.AddField(
            model_name="modelviewer",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.customergroup",
            ),
        ),
        migrations.AddField(
            model_name="modelviewer",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="viewers",
                to="marketplace.aimodel",
            ),
        ),
        migrations.AddField(
            model_name="modelviewer",
            name="organization",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelviewer",
            constraint=models.CheckConstraint(
                condition=models.Q(("organization", None), ("group", None), _connector="XOR"),
                name="viewer_is_a_customer_or_a_group",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelviewer",
            constraint=models.UniqueConstraint(
                fields=("model", "organization"), name="customer_sees_a_model_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelviewer",
            constraint=models.UniqueConstraint(
                fields=("model", "group"), name="group_sees_a_model_once"
            ),
        ),
        rls.ReadOnlyForApp("marketplace_modelviewer"),
        migrations.RunSQL(WALLS, OPEN),
        migrations.RunSQL(WORDS, WORDS_OF_ALL),
    ]
