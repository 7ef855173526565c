"""Mail is kept as owed until it went out, so that no mail server that is away loses it."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0015_keys_are_rotated"),
    ]

    operations = [
        migrations.CreateModel(
            name="OwedMail",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("task", models.CharField(max_length=100)),
                ("arguments", models.JSONField(default=dict)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="owed_mails",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["next_attempt_at"], name="owed_mails_by_time")],
            },
        ),
        rls.TenantTable("tenants_owedmail"),
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE, TRUNCATE ON tenants_owedmail FROM tessera_app",
            migrations.RunSQL.noop,
        ),
    ]
