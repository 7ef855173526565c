"""Answers of the management API, kept for whoever asks again."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_every_limit_has_one_of_the_operators"),
    ]

    operations = [
        migrations.CreateModel(
            name="RememberedAnswer",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("body", models.JSONField(null=True)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "asked_at"], name="answers_by_age")],
            },
        ),
        rls.TenantTable("tenants_rememberedanswer", has_id=False),
    ]
