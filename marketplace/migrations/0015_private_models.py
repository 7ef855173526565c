"""Models of one customer, which nobody else sees: PostgreSQL says the same."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls

#: The public catalogue is read outside any organization's scope: then there is none to compare with.
ORGANIZATION = "(SELECT nullif(current_setting('tessera.organization', true), '')::uuid)"
WALLS = f"""
ALTER TABLE marketplace_modelshare ENABLE ROW LEVEL SECURITY;
ALTER TABLE marketplace_modelshare FORCE ROW LEVEL SECURITY;
CREATE POLICY marketplace_modelshare_of_both ON marketplace_modelshare FOR SELECT TO {rls.APP_ROLE}
    USING (organization_id = {ORGANIZATION} OR owner_id = {ORGANIZATION});
CREATE POLICY marketplace_modelshare_for_the_service ON marketplace_modelshare
    TO {rls.SERVICE_ROLE} USING (true) WITH CHECK (true);
ALTER TABLE marketplace_modelshare ADD CONSTRAINT marketplace_modelshare_project_same_organization
    FOREIGN KEY (organization_id, project_id) REFERENCES tenants_project (organization_id, id)
    DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE marketplace_aimodel ENABLE ROW LEVEL SECURITY;
ALTER TABLE marketplace_aimodel FORCE ROW LEVEL SECURITY;
CREATE POLICY marketplace_aimodel_of_everybody ON marketplace_aimodel FOR SELECT TO {rls.APP_ROLE}
    USING (owner_id IS NULL OR owner_id = {ORGANIZATION} OR id IN (
        SELECT model_id FROM marketplace_modelshare WHERE organization_id = {ORGANIZATION}));
CREATE POLICY marketplace_aimodel_for_the_service ON marketplace_aimodel
    TO {rls.SERVICE_ROLE} USING (true) WITH CHECK (true);

ALTER TABLE marketplace_offer ENABLE ROW LEVEL SECURITY;
ALTER TABLE marketplace_offer FORCE ROW LEVEL SECURITY;
CREATE POLICY marketplace_offer_of_everybody ON marketplace_offer FOR SELECT TO {rls.APP_ROLE}
    USING (EXISTS (SELECT FROM marketplace_modelversion v JOIN marketplace_aimodel m
        ON m.id = v.model_id WHERE v.id = model_version_id));
CREATE POLICY marketplace_offer_for_the_service ON marketplace_offer
    TO {rls.SERVICE_ROLE} USING (true) WITH CHECK (true);
"""  # noqa: S608 - the names are our own
OPEN = """
DROP POLICY marketplace_offer_of_everybody ON marketplace_offer;
DROP POLICY marketplace_offer_for_the_service ON marketplace_offer;
ALTER TABLE marketplace_offer NO FORCE ROW LEVEL SECURITY;
ALTER TABLE marketplace_offer DISABLE ROW LEVEL SECURITY;
DROP POLICY marketplace_aimodel_of_everybody ON marketplace_aimodel;
DROP POLICY marketplace_aimodel_for_the_service ON marketplace_aimodel;
ALTER TABLE marketplace_aimodel NO FORCE ROW LEVEL SECURITY;
ALTER TABLE marketplace_aimodel DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0014_where_weights_lie"),
        ("tenants", "0008_answers_are_remembered"),
    ]

    operations = [
        migrations.AddField(
            model_name="aimodel",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="own_models",
                to="tenants.organization",
            ),
        ),
        migrations.CreateModel(
            name="ModelShare",
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
                ("owner_name", models.CharField(max_length=100)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shares",
                        to="marketplace.aimodel",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="model_shares",
                        to="tenants.organization",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None)),
                        fields=("model", "project"),
                        name="model_shared_once_with_a_project",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TunedTerms",
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
                    "factor",
                    models.DecimalField(
                        decimal_places=3,
                        default=1,
                        max_digits=6,
                        verbose_name="times the price of the model",
                    ),
                ),
                ("definitions", models.JSONField(blank=True, default=dict)),
                (
                    "offer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tuned_terms",
                        to="marketplace.offer",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("factor__gt", 0)), name="factor_above_zero"
                    )
                ],
            },
        ),
        migrations.RunSQL(WALLS, OPEN),
        rls.ReadOnlyForApp("marketplace_modelshare"),
        rls.ReadOnlyForApp("marketplace_tunedterms"),
    ]
