"""Services beside models: described and sold under four eyes, enabled by organizations with a key."""

import django.contrib.postgres.fields
import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

TABLES = ("application", "application_uses", "application_regions")
CHANGES = f"REVOKE ALL ON marketplace_applicationchange FROM {rls.APP_ROLE};"
#: Asked when the transaction ends: a change is marked as done after what it does.
WALLS = """
CREATE FUNCTION marketplace_application_is_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unseen text[] := '{agreed_id, updated_at, published_at, deprecated_at}';
BEGIN
    IF (OLD.status NOT IN ('published', 'deprecated')
            AND NEW.status NOT IN ('published', 'deprecated'))
        OR to_jsonb(OLD) - unseen = to_jsonb(NEW) - unseen
        OR (NEW.status = 'retired' AND OLD.retires_at <= now())
    THEN
        RETURN NULL;
    END IF;
    IF NEW.agreed_id IS NULL OR NEW.agreed_id IS NOT DISTINCT FROM OLD.agreed_id
        OR NOT EXISTS (
            SELECT 1 FROM marketplace_applicationchange c
            WHERE c.id = NEW.agreed_id AND c.application_id = NEW.id AND c.status = 'applied'
        )
    THEN
        RAISE EXCEPTION 'what customers see of a service changes when a second person agrees'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER marketplace_application_is_agreed
    AFTER UPDATE ON marketplace_application DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION marketplace_application_is_agreed();

CREATE FUNCTION marketplace_application_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR (OLD.application_id, OLD.kind, OLD.facts, OLD.words, OLD.proposed_by_id)
            IS DISTINCT FROM
            (NEW.application_id, NEW.kind, NEW.facts, NEW.words, NEW.proposed_by_id)
        OR OLD.status <> 'proposed'
    THEN
        RAISE EXCEPTION 'what was proposed is decided on as it was, and kept'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marketplace_application_proposal_stays
    BEFORE UPDATE OR DELETE ON marketplace_applicationchange
    FOR EACH ROW EXECUTE FUNCTION marketplace_application_proposal_stays();

CREATE FUNCTION marketplace_enabling_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.disabled_at IS NOT NULL
        OR (OLD.organization_id, OLD.application_id, OLD.api_key_id, OLD.enabled_by_id,
                OLD.enabled_at, OLD.accepted_terms)
            IS DISTINCT FROM
            (NEW.organization_id, NEW.application_id, NEW.api_key_id, NEW.enabled_by_id,
                NEW.enabled_at, NEW.accepted_terms)
    THEN
        RAISE EXCEPTION 'that a service was enabled is kept; it ends once'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marketplace_enabling_ends_once
    BEFORE UPDATE OR DELETE ON marketplace_enabledapplication
    FOR EACH ROW EXECUTE FUNCTION marketplace_enabling_ends_once();

CREATE FUNCTION marketplace_key_dies_with_service() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.disabled_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM tenants_apikey k WHERE k.id = NEW.api_key_id AND k.revoked_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the key of a service that is disabled still opens the door'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER marketplace_key_dies_with_service
    AFTER UPDATE ON marketplace_enabledapplication DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION marketplace_key_dies_with_service();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0023_conformance_of_ways"),
        ("tenants", "0009_passes_of_the_playground"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Application",
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
                ("slug", models.SlugField(max_length=60, unique=True, verbose_name="address")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[("application", "Application"), ("blueprint", "Blueprint")],
                        default="application",
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("summary", models.CharField(max_length=250, verbose_name="summary")),
                ("description", models.TextField(verbose_name="description")),
                (
                    "languages",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "clearance",
                    models.CharField(
                        choices=[
                            ("public", "Public"),
                            ("internal", "Internal"),
                            ("confidential", "Confidential"),
                            ("restricted", "Restricted"),
                        ],
                        default="internal",
                        max_length=12,
                        verbose_name="cleared for data up to",
                    ),
                ),
                ("data_policy", models.TextField(verbose_name="what it keeps of your data")),
                ("limits", models.TextField(blank=True, verbose_name="limits")),
                ("terms", models.TextField(blank=True, verbose_name="terms")),
                ("documentation_url", models.URLField(blank=True, verbose_name="documentation")),
                (
                    "base_url",
                    models.URLField(blank=True, max_length=300, verbose_name="where it runs"),
                ),
                (
                    "status",
                    models.CharField(
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
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("deprecated_at", models.DateTimeField(blank=True, null=True)),
                ("retires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "publisher",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="applications",
                        to="marketplace.publisher",
                    ),
                ),
                (
                    "regions",
                    models.ManyToManyField(related_name="applications", to="tenants.region"),
                ),
                (
                    "uses",
                    models.ManyToManyField(related_name="applications", to="marketplace.aimodel"),
                ),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="ApplicationChange",
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
                            ("card", "Description"),
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
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("applied", "Done"),
                            ("refused", "Refused"),
                            ("withdrawn", "Taken back"),
                        ],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=1000)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="marketplace.application",
                    ),
                ),
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
        migrations.AddField(
            model_name="application",
            name="agreed",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.applicationchange",
            ),
        ),
        migrations.CreateModel(
            name="EnabledApplication",
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
                ("enabled_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("accepted_terms", models.TextField(blank=True)),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "api_key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enabled",
                        to="marketplace.application",
                    ),
                ),
                (
                    "disabled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "enabled_by",
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
                        related_name="enabled_applications",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("-enabled_at", "-id"),
            },
        ),
        migrations.AddConstraint(
            model_name="applicationchange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "proposed")),
                fields=("application",),
                name="one_change_of_an_application_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="applicationchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "applied"), _negated=True),
                    models.Q(
                        ("decided_by__isnull", False),
                        models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="application_change_under_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="enabledapplication",
            constraint=models.UniqueConstraint(
                condition=models.Q(("disabled_at", None)),
                fields=("organization", "application"),
                name="application_enabled_once_at_a_time",
            ),
        ),
        *(rls.ReadOnlyForApp(f"marketplace_{table}") for table in TABLES),
        rls.TenantTable("marketplace_enabledapplication", {"api_key_id": "tenants_apikey"}),
        migrations.RunSQL(CHANGES, migrations.RunSQL.noop),
        migrations.RunSQL(WALLS, migrations.RunSQL.noop),
    ]
