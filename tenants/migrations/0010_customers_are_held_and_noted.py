"""Restrictions in three grades, which customers read, and notes of staff, which they never do."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import common.ids
from tenants import rls

#: What holds a customer is the operator's to say.
READ = f"""
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON tenants_restriction FROM {rls.APP_ROLE};
REVOKE DELETE, TRUNCATE ON tenants_restriction FROM {rls.SERVICE_ROLE};
"""
#: Not even the names of its columns are the customers'.
UNREAD = f"""
REVOKE ALL ON tenants_customernote FROM {rls.APP_ROLE};
REVOKE DELETE, TRUNCATE ON tenants_customernote FROM {rls.SERVICE_ROLE};
CREATE TRIGGER tenants_customernote_keeps_its_words
    BEFORE UPDATE OF id, organization_id, author_id, text, created_at OR DELETE
    ON tenants_customernote FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER tenants_customernote_is_never_emptied BEFORE TRUNCATE ON tenants_customernote
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_change();
"""


def _key() -> models.UUIDField:
    return models.UUIDField(
        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def _person(**facts: object) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **facts,
    )


def _made() -> models.DateTimeField:
    return models.DateTimeField(default=django.utils.timezone.now, editable=False)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0009_passes_of_the_playground")]

    operations = [
        migrations.CreateModel(
            name="Restriction",
            fields=[
                ("id", _key()),
                ("created_at", _made()),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "level",
                    models.CharField(
                        max_length=4,
                        choices=[
                            ("warn", "Warn"),
                            ("new", "Stop what is new"),
                            ("all", "Stop everything"),
                        ],
                    ),
                ),
                ("reason", models.CharField(max_length=250)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("begun_at", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_by", _person(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="restrictions",
                        to="tenants.organization",
                    ),
                ),
                ("set_by", _person()),
            ],
            options={
                "ordering": ("-created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "level"),
                        condition=Q(lifted_at=None),
                        name="one_open_restriction_of_a_level",
                    ),
                    models.CheckConstraint(
                        condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                        name="restriction_ends_after_it_starts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomerNote",
            fields=[
                ("id", _key()),
                ("created_at", _made()),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("text", models.TextField(max_length=2000, verbose_name="note")),
                ("pinned_at", models.DateTimeField(null=True)),
                ("author", _person()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                ("pinned_by", _person(null=True)),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(pinned_at=None, pinned_by=None)
                        | Q(pinned_at__isnull=False, pinned_by__isnull=False),
                        name="customer_note_pinned_by_somebody",
                    ),
                ],
            },
        ),
        rls.TenantTable("tenants_restriction"),
        rls.TenantTable("tenants_customernote"),
        migrations.RunSQL(READ, migrations.RunSQL.noop),
        migrations.RunSQL(UNREAD, migrations.RunSQL.noop),
    ]
