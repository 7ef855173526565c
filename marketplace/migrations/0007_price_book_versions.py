"""Price books have versions that are drafted and published, and are for somebody."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

# A published version is history: of it, only that it was withdrawn is noted.
VERSIONS = """
CREATE FUNCTION marketplace_version_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'draft' AND (TG_OP = 'DELETE' OR NEW.status <> 'withdrawn'
        OR (to_jsonb(NEW) - 'status' - 'updated_at')
            <> (to_jsonb(OLD) - 'status' - 'updated_at')) THEN
        RAISE EXCEPTION '% of %: a published version is never changed', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER marketplace_version_is_history
    BEFORE UPDATE OR DELETE ON marketplace_pricebookversion
    FOR EACH ROW EXECUTE FUNCTION marketplace_version_is_history();
CREATE FUNCTION marketplace_draft_is_of_a_draft() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE row record := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF EXISTS (SELECT FROM marketplace_pricebookversion v
               WHERE v.id = row.version_id AND v.status <> 'draft') THEN
        RAISE EXCEPTION '% of %: a published version is never changed', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN row;
END $$;
CREATE TRIGGER marketplace_draft_is_of_a_draft
    BEFORE INSERT OR UPDATE OR DELETE ON marketplace_draftprice
    FOR EACH ROW EXECUTE FUNCTION marketplace_draft_is_of_a_draft();
"""
DROP_VERSIONS = """
DROP FUNCTION marketplace_draft_is_of_a_draft() CASCADE;
DROP FUNCTION marketplace_version_is_history() CASCADE;
"""
# A list made for others is nobody else's to read. Public pages read outside any scope: for them
# there is no organization, and the default lists alone.
SECLUDED = """
CREATE FUNCTION marketplace_reader() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('tessera.organization', true), '')::uuid
$$;
ALTER TABLE marketplace_pricebook ENABLE ROW LEVEL SECURITY;
ALTER TABLE marketplace_pricebook FORCE ROW LEVEL SECURITY;
CREATE POLICY price_books_for_the_reader ON marketplace_pricebook FOR SELECT TO tessera_app USING (
    is_default OR organization_id = (SELECT marketplace_reader())
    OR CASE WHEN (SELECT marketplace_reader()) IS NULL THEN false ELSE customer_group_id IN (
        SELECT m.group_id FROM marketplace_groupmember m) END
);
CREATE POLICY price_books_for_the_service ON marketplace_pricebook TO tessera_service
    USING (true) WITH CHECK (true);
ALTER TABLE marketplace_price ENABLE ROW LEVEL SECURITY;
ALTER TABLE marketplace_price FORCE ROW LEVEL SECURITY;
CREATE POLICY prices_for_the_reader ON marketplace_price FOR SELECT TO tessera_app
    USING (book_id IN (SELECT b.id FROM marketplace_pricebook b));
CREATE POLICY prices_for_the_service ON marketplace_price TO tessera_service
    USING (true) WITH CHECK (true);
REVOKE ALL ON marketplace_customergroup, marketplace_pricebookversion, marketplace_draftprice
    FROM tessera_app;
"""
DROP_SECLUDED = """
DROP POLICY prices_for_the_service ON marketplace_price;
DROP POLICY prices_for_the_reader ON marketplace_price;
ALTER TABLE marketplace_price DISABLE ROW LEVEL SECURITY;
DROP POLICY price_books_for_the_service ON marketplace_pricebook;
DROP POLICY price_books_for_the_reader ON marketplace_pricebook;
ALTER TABLE marketplace_pricebook DISABLE ROW LEVEL SECURITY;
DROP FUNCTION marketplace_reader();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0006_more_parts_of_tokens"),
        ("tenants", "0003_limits_of_organizations_and_projects"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CustomerGroup",
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
                ("code", models.SlugField(max_length=40, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="DraftPrice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "token_part",
                    models.CharField(
                        choices=[
                            ("input", "Input"),
                            ("cached_input", "Cached input"),
                            ("cache_write", "Cache write"),
                            ("image_input", "Image input"),
                            ("audio_input", "Audio input"),
                            ("output", "Output"),
                            ("reasoning", "Reasoning"),
                            ("audio_output", "Audio output"),
                            ("trained_tokens", "Trained tokens"),
                            ("gpu_hours", "GPU hours"),
                            ("requests", "Requests"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "service_tier",
                    models.CharField(
                        choices=[("standard", "Standard"), ("batch", "Batch")],
                        default="standard",
                        max_length=10,
                    ),
                ),
                ("definition", models.JSONField()),
            ],
            options={
                "ordering": ("offer__name", "service_tier", "token_part"),
            },
        ),
        migrations.CreateModel(
            name="GroupMember",
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PriceBookVersion",
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
                ("number", models.PositiveIntegerField()),
                (
                    "note",
                    models.CharField(
                        blank=True, max_length=200, verbose_name="what changes and why"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("published", "Published"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("effective_from", models.DateTimeField(null=True)),
                ("published_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("book", "-number"),
            },
        ),
        migrations.AddField(
            model_name="pricebook",
            name="organization",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="price_books",
                to="tenants.organization",
            ),
        ),
        migrations.AlterField(
            model_name="price",
            name="token_part",
            field=models.CharField(
                choices=[
                    ("input", "Input"),
                    ("cached_input", "Cached input"),
                    ("cache_write", "Cache write"),
                    ("image_input", "Image input"),
                    ("audio_input", "Audio input"),
                    ("output", "Output"),
                    ("reasoning", "Reasoning"),
                    ("audio_output", "Audio output"),
                    ("trained_tokens", "Trained tokens"),
                    ("gpu_hours", "GPU hours"),
                    ("requests", "Requests"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="pricebook",
            name="customer_group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="price_books",
                to="marketplace.customergroup",
            ),
        ),
        migrations.AddConstraint(
            model_name="pricebook",
            constraint=models.UniqueConstraint(
                fields=("organization", "currency"), name="one_own_book_per_currency"
            ),
        ),
        migrations.AddConstraint(
            model_name="pricebook",
            constraint=models.UniqueConstraint(
                fields=("customer_group", "currency"), name="one_book_per_group_and_currency"
            ),
        ),
        migrations.AddConstraint(
            model_name="pricebook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("customer_group", None), ("organization", None)),
                    models.Q(("customer_group", None), ("is_default", False)),
                    models.Q(("is_default", False), ("organization", None)),
                    _connector="OR",
                ),
                name="book_is_for_one_audience",
            ),
        ),
        migrations.AddField(
            model_name="draftprice",
            name="offer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.offer",
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="group",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="members",
                to="marketplace.customergroup",
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="organization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="customer_group",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="pricebookversion",
            name="book",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="marketplace.pricebook",
            ),
        ),
        migrations.AddField(
            model_name="pricebookversion",
            name="published_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="draftprice",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="drafts",
                to="marketplace.pricebookversion",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="version",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="prices",
                to="marketplace.pricebookversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="pricebookversion",
            constraint=models.UniqueConstraint(
                fields=("book", "number"), name="version_once_per_book"
            ),
        ),
        migrations.AddConstraint(
            model_name="pricebookversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("effective_from", None), ("published_at", None), ("status", "draft")),
                    models.Q(("effective_from__isnull", False), ("published_at__isnull", False)),
                    _connector="OR",
                ),
                name="published_version_has_a_beginning",
            ),
        ),
        migrations.AddConstraint(
            model_name="draftprice",
            constraint=models.UniqueConstraint(
                fields=("version", "offer", "token_part", "service_tier"),
                name="draft_price_once_per_part",
            ),
        ),
        rls.TenantTable("marketplace_groupmember"),
        rls.ReadOnlyForApp("marketplace_groupmember"),
        migrations.RunSQL(VERSIONS, DROP_VERSIONS),
        migrations.RunSQL(SECLUDED, DROP_SECLUDED),
    ]
